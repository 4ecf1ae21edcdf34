import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { Suspense } from 'react';
import { RouterProvider } from 'react-router/dom';
import { Toasts } from '@/components/feedback/toasts';
import { forgetAnswers } from '@/lib/offline';
import { hangUp } from '@/lib/socket';
import { makeQueryClient } from '@/lib/query';
import { makeRouter } from './routes';
import { theme } from './theme';

const router = makeRouter();
const queries = makeQueryClient(() => {
  // The router's own state has the base in it, its navigation adds it.
  const here = router.state.location;
  const path = here.pathname.replace(/^\/app(?=\/|$)/, '') || '/';

  forgetAnswers();
  hangUp();
  if (path !== '/login') {
    void router.navigate(`/login?next=${encodeURIComponent(path + here.search)}`, { replace: true });
  }
});

export function App() {
  return (
    // The strict CSP has no place for <style> elements: what they would say is
    // in tokens.css and Mantine's own files.
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      withCssVariables={false}
      withGlobalClasses={false}
    >
      <QueryClientProvider client={queries}>
        <Suspense><RouterProvider router={router} /></Suspense>
        <Toasts />
      </QueryClientProvider>
    </MantineProvider>
  );
}
