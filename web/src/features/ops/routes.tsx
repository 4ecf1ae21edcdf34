import { lazy } from 'react';
import type { RouteObject } from 'react-router';

const OpsPage = lazy(async () => ({ default: (await import('./routes/OpsPage')).OpsPage }));

export const opsRoutes: RouteObject[] = [{ path: '/ops', element: <OpsPage /> }];
