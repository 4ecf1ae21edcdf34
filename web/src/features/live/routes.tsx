import { lazy } from 'react';
import type { RouteObject } from 'react-router';

const LivePage = lazy(async () => ({ default: (await import('./routes/LivePage')).LivePage }));

export const liveRoutes: RouteObject[] = [{ path: '/live', element: <LivePage /> }];
