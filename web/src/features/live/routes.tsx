import { lazy } from 'react';
import type { RouteObject } from 'react-router';
import { Needs } from '@/components/states/Needs';

const LivePage = lazy(async () => ({ default: (await import('./routes/LivePage')).LivePage }));

export const liveRoutes: RouteObject[] = [{ path: '/live', element: <Needs service="analytics" title="Live"><LivePage /></Needs> }];
