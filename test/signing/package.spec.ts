import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { loadedBy } from '../support/loaded-by.js';
import { codeBlocksOf } from '../support/markdown.js';

/** This Node, and the versions that the environment names, oldest first. */
const NODES = [...(process.env['TEST_NODES']?.split(delimiter) ?? []), process.execPath];
const ENTRIES = [
  'signet-signing',
  'signet-signing/express',
  'signet-signing/fastify',
  'signet-signing/fetch',
  'signet-signing/service',
  'signet-signing/testing',
];

describe('each entry point, in a separate process', () => {
  it.each(ENTRIES)('loads only its own files and modules of Node: %s', (entry) => {
    const { loaded } = loadedBy(entry);
    expect(loaded.filter((url) => !url.startsWith('node:') && !/\/packages\/signing\/dist\/[\w-]+\.js$/.test(url))).toEqual([]);
    expect(loaded.length).toBeGreaterThan(2);
  });

  it('loads no module that makes requests: signet-signing', () => {
    const network = /^node:(http|https|http2|net|tls|dns|dgram)(\/|$)/;
    expect(loadedBy('signet-signing').loaded.filter((url) => network.test(url))).toEqual([]);
    expect(loadedBy('signet-signing/service').loaded.filter((url) => network.test(url)).length).toBeGreaterThan(1);
  });

  it('exports the functions that sign, verify and explain: signet-signing', () => {
    expect(loadedBy('signet-signing').exports).toEqual(
      expect.arrayContaining(['sign', 'verifySignature', 'createVerifier', 'explain', 'signWebhook', 'verifyWebhook']),
    );
  });

  it('loads Nest and no TypeORM in signet-signing/nest, which shows that the check above works', () => {
    const { loaded, exports } = loadedBy('signet-signing/nest');
    expect(exports.sort()).toEqual(['Signature', 'SignatureGuard', 'SignatureModule']);
    expect(loaded.some((url) => url.includes('node_modules/@nestjs/common'))).toBe(true);
    expect(loaded.filter((url) => url.includes('typeorm'))).toEqual([]);
  });
});

describe('signet-client, in a separate process', () => {
  it('loads no module of node, so that a browser can load it', () => {
    const { loaded, exports } = loadedBy('signet-client');
    expect(
      loaded.filter((url) => !/\/(packages\/client\/dist\/[\w-]+\.js|node_modules\/openapi-fetch\/dist\/index\.mjs)$/.test(url)),
    ).toEqual([]);
    expect(exports).toEqual(expect.arrayContaining(['createSignetClient', 'token', 'apiKey', 'SignetError', 'items', 'waitForReceipt']));
  });

  it('needs node for signet-client/aksk, which shows that the list above would have seen it', () => {
    const { loaded, exports } = loadedBy('signet-client/aksk');
    expect([loaded.includes('node:crypto'), exports]).toEqual([true, ['accessKey']]);
  });
});

describe('the published packages', () => {
  const folder = mkdtempSync(join(tmpdir(), 'installed-'));
  /** What is installed beside them; without a registry, as it stands here. */
  const DEPENDENCIES = ['openapi-fetch', 'openapi-typescript-helpers'];
  const tarballs: Record<string, string> = {};
  const bin = (name: string, args: string[]) =>
    execFileSync(process.execPath, [resolve('node_modules', name), ...args], { encoding: 'utf8', stdio: 'pipe' });
  const run = (node: string, script: string) =>
    execFileSync(node, [script], { cwd: folder, encoding: 'utf8', env: {}, stdio: 'pipe' }).trim();

  beforeAll(() => {
    const npm = (...args: string[]) => execFileSync('npm', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
    const places = [...['signing', 'client'].map((name) => `packages/${name}`), ...DEPENDENCIES.map((name) => `node_modules/${name}`)];
    const packed = npm('pack', '--ignore-scripts', '--silent', ...places.map((place) => resolve(place)))
      .trim()
      .split('\n');
    places.forEach((place, at) => (tarballs[place.split('/')[1]!] = join(folder, packed[at]!)));
    writeFileSync(join(folder, 'package.json'), '{}');
    npm('install', '--offline', '--no-audit', '--no-fund', ...Object.values(tarballs));
    const use = (load: (name: string) => string) => `
const { sign, createVerifier } = ${load('signet-signing')};
const { expressVerifier } = ${load('signet-signing/express')};
const { fastifyVerifier } = ${load('signet-signing/fastify')};
const { verifyRequest } = ${load('signet-signing/fetch')};
const { ServiceKeys } = ${load('signet-signing/service')};
const { TestSigner } = ${load('signet-signing/testing')};
const { createSignetClient } = ${load('signet-client')};
const { accessKey } = ${load('signet-client/aksk')};
const { key } = new TestSigner();
const request = { method: 'POST', url: '/orders?a=1', host: 'h', body: Buffer.from('{}') };
const headers = { host: 'h', ...sign(request, key) };
const told = async () => {
  const verifier = createVerifier({ keys: [key] });
  const verdict = await verifier.verify({ ...request, headers });
  const fetched = await verifyRequest(new Request('http://h/orders?a=1', { method: 'POST', headers, body: '{}' }), verifier);
  const echo = async (url, init) => Response.json({ status: init.headers.get('authorization').split(',')[0] + ' ' + url });
  const client = createSignetClient({ baseUrl: 'http://h', credentials: accessKey({ access: 'AK', secret: 'SK' }), fetch: echo });
  const { data } = await client.GET('/livez');
  const keys = new ServiceKeys({ url: 'http://127.0.0.1:9', instanceId: 'gw', token: 't', name: 'n', log: () => undefined });
  const unready = await createVerifier({ keys }).verify({ ...request, headers });
  // The program ends although keys are still asked for.
  return [verdict.ok, fetched.ok, unready.code, typeof expressVerifier({ keys: [key] }), typeof fastifyVerifier, data.status].join(' ');
};
told().then(console.log);`;
    writeFileSync(
      join(folder, 'import.mjs'),
      use((name) => `await import('${name}')`),
    );
    writeFileSync(
      join(folder, 'require.cjs'),
      use((name) => `require('${name}')`),
    );
    writeFileSync(join(folder, 'nest.mjs'), "console.log(Object.keys(await import('signet-signing/nest')).sort().join(' '));");
  });

  it.each(['signet-signing', 'signet-client'])('of %s contains its build, and no tests or build files', (name) => {
    const files = readdirSync(join(folder, 'node_modules', name), { recursive: true, encoding: 'utf8' });
    expect(files.filter((file) => !/^dist(\/[\w-]+\.(js|js\.map|d\.ts))?$|^package\.json$|^README\.md$|^LICENSE$/.test(file))).toEqual([]);
    expect(files).toContain('dist/index.js');
    const installed = readdirSync(join(folder, 'node_modules')).filter((each) => !each.startsWith('.'));
    expect(installed).toEqual([...DEPENDENCIES, 'signet-client', 'signet-signing']);
  });

  it.each(NODES)('can be loaded by import and by require on %s', (node) => {
    const told = 'true true keys_unavailable function function SDK-HMAC-SHA256 Access=AK http://h/livez';
    expect([run(node, 'import.mjs'), run(node, 'require.cjs')]).toEqual([told, told]);
  });

  it('needs Nest only for signet-signing/nest', () => {
    expect(() => run(process.execPath, 'nest.mjs')).toThrow(/Cannot find package '@nestjs\/common'/);
    mkdirSync(join(folder, 'node_modules/@nestjs'));
    symlinkSync(resolve('node_modules/@nestjs/common'), join(folder, 'node_modules/@nestjs/common'));
    expect(run(process.execPath, 'nest.mjs')).toBe('Signature SignatureGuard SignatureModule');
  });

  it.each([
    ['signing', 8],
    ['client', 3],
  ])('of %s has no fault that publint or attw finds', (name, entries) => {
    expect(bin('publint/src/cli.js', ['run', tarballs[name]!, '--strict'])).toContain('All good!');
    // It ends with 1 for any problem but those of resolutions that no Node with `exports` or `require(esm)` has.
    const told = bin('@arethetypeswrong/cli/dist/index.js', [tarballs[name]!, '--profile', 'esm-only']);
    expect(told.match(/(node16 \(from ESM\)|bundler): 🟢/g)).toHaveLength(2 * entries);
  });

  it('signet-client compiles in a browser project, without the types of node', () => {
    const [example] = codeBlocksOf(readFileSync('packages/client/README.md', 'utf8'));
    writeFileSync(join(folder, 'readme.ts'), `declare const process: { env: Record<string, string> };\n${example!.text}`);
    const options =
      '--strict --noEmit --target es2022 --module esnext --moduleResolution bundler --lib es2022,dom,dom.asynciterable --types';
    execFileSync(process.execPath, [resolve('node_modules/ts7/bin/tsc'), ...options.split(' '), '', 'readme.ts'], {
      cwd: folder,
      encoding: 'utf8',
    });
  });
});

describe('docs/signing.md', () => {
  const guide = readFileSync('docs/signing.md', 'utf8');

  it.each(readdirSync('test/signing/examples'))('shows %s exactly as tested', (name) => {
    expect(guide).toContain(`\`\`\`ts\n${readFileSync(`test/signing/examples/${name}`, 'utf8')}\`\`\``);
  });
});
