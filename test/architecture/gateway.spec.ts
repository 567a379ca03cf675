import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from '@jest/globals';
import { loadedBy } from '../support/loaded-by.js';

/** The packages that a process loads for a file of the build, and what that file exports. */
function packagesOf(...path: string[]): { packages: Set<string | undefined>; exports: string[] } {
  const { loaded, exports } = loadedBy(pathToFileURL(join('dist', ...path)).href);
  return { packages: new Set(loaded.map((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1])), exports };
}
const DATABASES = ['typeorm', '@nestjs/typeorm', 'mysql2', 'better-sqlite3'];
/** Loading them takes longer than all that a gateway node does before it listens. */
const FRAMEWORK = ['@nestjs/common', '@nestjs/core', 'rxjs', 'class-validator', 'class-transformer', 'fastify'];

it('a gateway node imports no database package and no part of the framework', () => {
  // The same import as in main.gateway.ts, without starting it.
  const { packages, exports } = packagesOf('cli', 'gateway.js');
  expect(exports).toEqual(['gateway']);
  expect(packages).toContain('undici');
  expect([...DATABASES, ...FRAMEWORK].filter((name) => packages.has(name))).toEqual([]);
});

it('the command line imports its parser alone before a command is chosen', () => {
  const { packages } = packagesOf('cli', 'program.js');
  expect([...packages].filter((name) => name !== undefined)).toEqual(['commander']);
});
