import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

const cruise = () =>
  spawnSync('node_modules/.bin/depcruise', ['src', '--config', '.config/dependency-cruiser.cjs'], { encoding: 'utf8' }).stdout;

it('every import follows the map of the house', () => {
  expect(cruise()).toContain('no dependency violations found');
});

it('an import against the map is found', () => {
  const planted = 'src/lib/planted.ts';
  mkdirSync('src/lib', { recursive: true });
  writeFileSync(planted, "import '../signs/signs.errors.js';\n");
  try {
    expect(cruise()).toContain('error lib-imports: src/lib/planted.ts');
  } finally {
    rmSync(planted);
  }
});
