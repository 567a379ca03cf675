import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from '@jest/globals';
import { loadedBy } from '../support/loaded-by.js';

it('a gateway node starts from its own imports, and none of them is a database package', () => {
  // What main.gateway.ts runs, without running it.
  const { loaded, exports } = loadedBy(pathToFileURL(join('dist', 'cli', 'gateway.js')).href);
  expect(exports).toEqual(['gateway']);
  const packages = new Set(loaded.map((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]));
  expect(packages).toContain('undici');
  const databases = ['typeorm', '@nestjs/typeorm', 'mysql2', 'better-sqlite3'];
  expect(databases.filter((name) => packages.has(name))).toEqual([]);
});
