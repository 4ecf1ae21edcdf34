import { lazy } from 'react';
import type { RouteObject } from 'react-router';

const PapersPage = lazy(async () => ({ default: (await import('./routes/PapersPage')).PapersPage }));

export const papersRoutes: RouteObject[] = [{ path: '/papers/:id?', element: <PapersPage /> }];
