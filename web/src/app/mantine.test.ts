import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const src = join(import.meta.dirname, '..');
const styles = join(src, '../node_modules/@mantine/core/styles');

/** Components of Mantine that the desk names. */
function used(): Set<string> {
  const names = new Set<string>();

  for (const file of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!/\.tsx?$/.test(file)) continue;
    const text = readFileSync(join(src, file), 'utf8');

    for (const hit of text.matchAll(/import\s*\{([^}]+)\}\s*from '@mantine\/core'/g)) {
      for (const name of (hit[1] ?? '').split(',')) names.add(name.replace(/^\s*type\s/, '').trim());
    }
  }
  return names;
}

it('has the styles of every component that is used', () => {
  const sheet = readFileSync(join(src, 'app/mantine.css'), 'utf8');
  const missing = [...used()].filter(
    (name) => existsSync(join(styles, `${name}.layer.css`)) && !sheet.includes(`/${name}.layer.css`),
  );

  expect(missing).toEqual([]);
});
