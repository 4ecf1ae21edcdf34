import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

// `make` says where the bundle goes; the program carries what it finds there.
const out = process.env.SHEAF_WEB_OUT ?? 'dist';
// For `npm run dev`: the API of a running sheaf.
const sheaf = process.env.SHEAF_URL ?? 'http://127.0.0.1:8642';
const service = [
  '/api', '/ask', '/documents', '/events', '/healthz', '/jobs', '/login', '/logout',
  '/metrics', '/process', '/query', '/readyz', '/schedules', '/scrape', '/session',
  '/settings', '/stats', '/status', '/sheaf.js',
];

/** KaTeX names each font three times; every browser that runs this takes woff2. */
function onlyWoff2(): Plugin {
  return {
    name: 'only-woff2',
    enforce: 'pre',
    transform(code, id) {
      return id.includes('katex') && id.endsWith('.css')
        ? code.replace(/,\s*url\([^)]*\.(?:woff|ttf)\)\s*format\([^)]*\)/g, '')
        : undefined;
    },
  };
}

export default defineConfig({
  base: '/app/',
  plugins: [onlyWoff2(), react()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    outDir: out,
    emptyOutDir: true,
    target: 'es2022',
    // A data: URL would be a second kind of origin in the CSP for no gain.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
  server: {
    proxy: {
      // Pages of other origins may not write; here the origin is sheaf's own.
      ...Object.fromEntries(
        service.map((path) => [path, { target: sheaf, changeOrigin: true, headers: { origin: sheaf } }]),
      ),
      '/socket.io': { target: sheaf, ws: true },
    },
  },
  test: { environment: 'happy-dom', include: ['src/**/*.test.{ts,tsx}'] },
});
