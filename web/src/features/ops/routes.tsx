import { lazy } from 'react';
import { Navigate, type RouteObject } from 'react-router';

const JobsPage = lazy(async () => ({ default: (await import('./routes/JobsPage')).JobsPage }));
const HealthPage = lazy(async () => ({ default: (await import('./routes/HealthPage')).HealthPage }));
const WebhooksPage = lazy(async () => ({ default: (await import('./routes/WebhooksPage')).WebhooksPage }));
const SchedulesPage = lazy(async () => ({ default: (await import('./routes/SchedulesPage')).SchedulesPage }));

export const opsRoutes: RouteObject[] = [
  { path: '/ops', element: <Navigate to="/ops/jobs" replace /> },
  { path: '/ops/jobs/:id?', element: <JobsPage /> },
  { path: '/ops/schedules', element: <SchedulesPage /> },
  { path: '/ops/webhooks/:id?', element: <WebhooksPage /> },
  { path: '/ops/health', element: <HealthPage /> },
];
