import { createBrowserRouter } from 'react-router';
import { askRoutes } from '@/features/ask/routes';
import { documentsRoutes } from '@/features/documents/routes';
import { liveRoutes } from '@/features/live/routes';
import { loginRoutes } from '@/features/login/routes';
import { opsRoutes } from '@/features/ops/routes';
import { papersRoutes } from '@/features/papers/routes';
import { todayRoutes } from '@/features/today/routes';
import { Crash } from './frame/Crash';
import { Frame } from './frame/Frame';
import { NotFound } from './frame/NotFound';

/** Each feature's pages are a chunk of their own, fetched when first shown. */
export function makeRouter() {
  return createBrowserRouter(
    [
      ...loginRoutes,
      {
        element: <Frame />,
        errorElement: <Crash />,
        children: [
          {
            // A page that breaks leaves the frame usable.
            errorElement: <Crash />,
            children: [
              ...todayRoutes,
              ...papersRoutes,
              ...documentsRoutes,
              ...askRoutes,
              ...liveRoutes,
              ...opsRoutes,
              { path: '*', element: <NotFound /> },
            ],
          },
        ],
      },
    ],
    // The slash keeps every page below the scope of the service worker.
    { basename: '/app/' },
  );
}
