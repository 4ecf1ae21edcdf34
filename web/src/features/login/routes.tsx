import { lazy } from 'react';
import type { RouteObject } from 'react-router';

const LoginPage = lazy(async () => ({ default: (await import('./routes/LoginPage')).LoginPage }));

export const loginRoutes: RouteObject[] = [{ path: '/login', element: <LoginPage /> }];
