import { lazy } from 'react';
import type { RouteObject } from 'react-router';

const DocumentsPage = lazy(async () => ({ default: (await import('./routes/DocumentsPage')).DocumentsPage }));
const ReaderPage = lazy(async () => ({ default: (await import('./routes/ReaderPage')).ReaderPage }));

export const documentsRoutes: RouteObject[] = [
  { path: '/documents', element: <DocumentsPage /> },
  { path: '/documents/:id', element: <ReaderPage /> },
];
