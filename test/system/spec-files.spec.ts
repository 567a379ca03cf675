import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';

/** Node's own `require`, outside Jest. */
const nodes = process.getBuiltinModule('node:module').createRequire(import.meta.url);

it('a spec file uses the packages that its process has loaded', () => {
  expect(nodes('typeorm').DataSource).toBe(DataSource);
});

it('a spec file leaves its process as it found it', async () => {
  const { default: Environment } = await import(pathToFileURL(resolve('.config/one-realm-environment.js')).href);
  const now = () => ({
    folder: process.cwd(),
    fetch: globalThis.fetch,
    path: process.env['PATH'],
    exit: Reflect.get(process, 'exit') as unknown,
  });
  const before = now();
  const listeners = process.listenerCount('SIGHUP');
  const environment = new Environment();
  Object.assign(globalThis, { leftBehind: 1, fetch: () => undefined });
  Object.assign(process.env, { LEFT_BEHIND: '1', PATH: '/nowhere' });
  process.exit = (() => undefined) as never;
  process.on('SIGHUP', () => undefined);
  process.chdir(tmpdir());
  await environment.teardown();
  expect('leftBehind' in globalThis).toBe(false);
  expect(process.env['LEFT_BEHIND']).toBeUndefined();
  expect(process.listenerCount('SIGHUP')).toBe(listeners);
  expect(now()).toEqual(before);
});
