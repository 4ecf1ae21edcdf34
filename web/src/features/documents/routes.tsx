import { lazy } from 'react';
import type { RouteObject } from 'react-router';
import { Needs } from '@/components/states/Needs';

const DocumentsPage = lazy(async () => ({ default: (await import('./routes/DocumentsPage')).DocumentsPage }));
const ReaderPage = lazy(async () => ({ default: (await import('./routes/ReaderPage')).ReaderPage }));

export const documentsRoutes: RouteObject[] = [
  { path: '/documents', element: <Needs service="processor" title="Documents"><DocumentsPage /></Needs> },
  { path: '/documents/:id', element: <Needs service="processor" title="Document"><ReaderPage /></Needs> },
];
