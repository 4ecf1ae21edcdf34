// Keeps the desk readable while the server is away: the page and its parts, and
// the last answers to what was looked at.  The network comes first wherever an
// answer can change; names of parts carry the hash of their content and never do.
const shell = 'sheaf-shell-1';
const parts = 'sheaf-parts-1';
const answers = 'sheaf-answers-1';
const most = { [answers]: 200, [parts]: 400 };
const kept = /^\/(api|documents|jobs|schedules|stats|settings|session|status)(\/|$)/;

self.addEventListener('install', (event) => {
  event.waitUntil(self.skipWaiting());
});

self.addEventListener('activate', (event) => {
  event.waitUntil(self.clients.claim());
});

// The page says so after a logout: what a stranger may not ask for goes.
self.addEventListener('message', (event) => {
  if (event.data === 'forget') event.waitUntil(caches.delete(answers));
});

/** Put, and let the oldest go: keys() has them in the order they came. */
async function put(name, cache, key, response) {
  await cache.put(key, response);
  if (!most[name]) return;
  const keys = await cache.keys();

  for (const old of keys.slice(0, Math.max(0, keys.length - most[name]))) await cache.delete(old);
}

async function networkFirst(request, name, key) {
  const cache = await caches.open(name);

  try {
    const response = await fetch(request);

    if (response.ok) await put(name, cache, key, response.clone());
    return response;
  } catch (error) {
    const old = await cache.match(key);

    if (old) return old;
    throw error;
  }
}

async function cacheFirst(request) {
  const cache = await caches.open(parts);
  const old = await cache.match(request);

  if (old) return old;
  const response = await fetch(request);

  if (response.ok) await put(parts, cache, request, response.clone());
  return response;
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);

  if (request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (request.mode === 'navigate' && url.pathname.startsWith('/app')) {
    event.respondWith(networkFirst(request, shell, '/app/'));
  } else if (url.pathname.startsWith('/app/assets/')) {
    event.respondWith(cacheFirst(request));
  } else if (url.pathname.startsWith('/app/')) {
    event.respondWith(networkFirst(request, shell, request));
  } else if (kept.test(url.pathname) && !url.pathname.endsWith('/export/')) {
    event.respondWith(networkFirst(request, answers, request));
  }
});
