import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
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

/**
 * The code of a page is named in the code of the desk, so it would be asked for
 * only when that is here.  scheme.js, which runs first, learns which page wants
 * which files, and asks for them at once.
 */
function earlyPages(): Plugin {
  return {
    name: 'early-pages',
    apply: 'build',
    writeBundle({ dir }, bundle) {
      const chunks = Object.values(bundle).filter((item) => item.type === 'chunk');
      const entry = chunks.find((chunk) => chunk.isEntry);
      const early: Record<string, string[]> = {};
      const collect = (name: string, into: Set<string>) => {
        const chunk = chunks.find((c) => c.fileName === name);

        if (!chunk || into.has(name) || entry?.imports.includes(name) || chunk === entry) return;
        into.add(name);
        chunk.viteMetadata?.importedCss.forEach((css) => into.add(css));
        chunk.imports.forEach((next) => { collect(next, into); });
      };

      for (const chunk of chunks) {
        const page = /features\/(\w+)\/routes\/\w+Page\.tsx$/.exec(chunk.facadeModuleId ?? '')?.[1];
        const files = new Set(early[page ?? '']);

        if (!page) continue;
        collect(chunk.fileName, files);
        early[page] = [...files];
      }
      appendFileSync(
        join(dir ?? '', 'scheme.js'),
        `
((pages) => {
  const page = location.pathname.split('/')[2] || 'today';
  for (const file of pages[page] ?? []) {
    const link = document.createElement('link');
    const isStyle = file.endsWith('.css');
    link.rel = isStyle ? 'preload' : 'modulepreload';
    if (isStyle) link.as = 'style';
    // As the page itself asks for styles: otherwise they would come twice.
    if (isStyle) link.crossOrigin = '';
    link.href = '/app/' + file;
    document.head.append(link);
  }
})(${JSON.stringify(early)});
`,
      );
    },
  };
}

export default defineConfig({
  base: '/app/',
  plugins: [onlyWoff2(), react(), earlyPages()],
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
