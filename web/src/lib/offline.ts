/** The service worker (public/sw.js): the desk stays readable without a server. */
export function keepOffline(): void {
  // Also off where browsers have none: plain http on a network.
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  window.addEventListener('load', () => {
    navigator.serviceWorker.register('/app/sw.js', { scope: '/app/' }).catch(() => {
      // The desk works without; only not while the server is away.
    });
  });
}

/** What was kept of a private desk goes with the login. */
export function forgetAnswers(): void {
  if ('serviceWorker' in navigator) navigator.serviceWorker.controller?.postMessage('forget');
}
