import { lazy } from 'react';
import type { RouteObject } from 'react-router';

const AskPage = lazy(async () => ({ default: (await import('./routes/AskPage')).AskPage }));

export const askRoutes: RouteObject[] = [{ path: '/ask', element: <AskPage /> }];
