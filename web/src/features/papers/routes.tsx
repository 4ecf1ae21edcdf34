import { lazy } from 'react';
import type { RouteObject } from 'react-router';
import { Needs } from '@/components/states/Needs';

const PapersPage = lazy(async () => ({ default: (await import('./routes/PapersPage')).PapersPage }));

export const papersRoutes: RouteObject[] = [{ path: '/papers/:id?', element: <Needs service="backend" title="Papers"><PapersPage /></Needs> }];
