import { lazy } from 'react';
import type { RouteObject } from 'react-router';
import { Needs } from '@/components/states/Needs';

const AskPage = lazy(async () => ({ default: (await import('./routes/AskPage')).AskPage }));

export const askRoutes: RouteObject[] = [{ path: '/ask', element: <Needs service="processor" title="Ask"><AskPage /></Needs> }];
