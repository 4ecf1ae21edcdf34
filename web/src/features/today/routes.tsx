import { lazy } from 'react';
import type { RouteObject } from 'react-router';

const TodayPage = lazy(async () => ({ default: (await import('./routes/TodayPage')).TodayPage }));

export const todayRoutes: RouteObject[] = [{ path: '/', element: <TodayPage /> }];
