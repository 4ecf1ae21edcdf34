import { lazy } from 'react';
import type { RouteObject } from 'react-router';

const DocumentsPage = lazy(async () => ({ default: (await import('./routes/DocumentsPage')).DocumentsPage }));

export const documentsRoutes: RouteObject[] = [{ path: '/documents', element: <DocumentsPage /> }];
