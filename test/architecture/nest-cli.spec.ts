import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { expect, it } from '@jest/globals';

it('nest generate creates a resource in the given module', () => {
  const nest = resolve('node_modules/@nestjs/cli/bin/nest.js');
  const args = [nest, 'generate', 'resource', 'apig/demo', '--dry-run'];
  const told = stripVTControlCharacters(execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }));
  const created = [...told.matchAll(/^CREATE (\S+)/gm)].map(([, file]) => file!);
  expect(created).toContain('src/apig/demo/demo.module.ts');
  expect(created.filter((file) => !file.startsWith('src/apig/demo/'))).toEqual([]);
  expect(existsSync('src/apig/demo')).toBe(false);
});
