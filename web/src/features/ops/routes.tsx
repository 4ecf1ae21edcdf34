import { lazy, type ReactNode } from 'react';
import { Navigate, type RouteObject } from 'react-router';
import { Needs } from '@/components/states/Needs';
import { Tabs } from './components/Tabs';

const JobsPage = lazy(async () => ({ default: (await import('./routes/JobsPage')).JobsPage }));
const HealthPage = lazy(async () => ({ default: (await import('./routes/HealthPage')).HealthPage }));
const WebhooksPage = lazy(async () => ({ default: (await import('./routes/WebhooksPage')).WebhooksPage }));
const SchedulesPage = lazy(async () => ({ default: (await import('./routes/SchedulesPage')).SchedulesPage }));

const ofScraper = (title: string, page: ReactNode) => (
  <Needs service="scraper" title={title} filters={<Tabs />}>{page}</Needs>
);

export const opsRoutes: RouteObject[] = [
  { path: '/ops', element: <Navigate to="/ops/jobs" replace /> },
  { path: '/ops/jobs/:id?', element: <JobsPage /> },
  { path: '/ops/schedules', element: ofScraper('Schedules', <SchedulesPage />) },
  { path: '/ops/webhooks/:id?', element: ofScraper('Deliveries', <WebhooksPage />) },
  { path: '/ops/health', element: <HealthPage /> },
];
