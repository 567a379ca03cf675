import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { KeyMaterial } from 'signet-signing';
import type { Receipt } from '../../src/lib/protocol/protocol.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { codeBlocksOf } from '../support/markdown.js';
import { type Client, TestService } from '../support/service.js';
import { until } from '../support/until.js';
import { VerifierProgram } from '../support/verifier-program.js';

const programsOf = (file: string) =>
  codeBlocksOf(readFileSync(file, 'utf8')).flatMap(({ language, text }) => (language === 'ts' ? [text] : []));

describe('the verifier in TypeScript', () => {
  const folder = mkdtempSync(join(tmpdir(), 'verify-'));
  const [first = '', withService = '', unitTest = ''] = programsOf('packages/signing/README.md');
  beforeAll(() => {
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(join(folder, 'first.ts'), first);
    writeFileSync(join(folder, 'service.ts'), withService);
    writeFileSync(join(folder, 'orders.test.ts'), unitTest);
    copyFileSync('test/signing/examples/fastify.ts', join(folder, 'backend.ts'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const program = (name: string, env?: Record<string, string>) => VerifierProgram.start([process.execPath, join(folder, name)], env);

  it('its README begins with a program that answers signed requests only, and docs/verify.md has the same', async () => {
    expect(programsOf('docs/verify.md')).toEqual([first]);
    expect(first.split('\n').filter((line) => line !== '').length).toBeLessThanOrEqual(10);
    const backend = await program('first.ts');
    try {
      expect(await backend.send()).toEqual({ status: 200, text: 'signed with orders-gateway' });
      for (const [code, sent] of [
        ['no_authorization', { key: null }],
        ['signature_mismatch', { sentBody: '{"n":2}' }],
        ['signature_mismatch', { sentTarget: '/v1/orders?b=2&a=2' }],
      ] as const) {
        const { status, text } = await backend.send(sent);
        expect([status, JSON.parse(text)]).toEqual([401, { code, hint: expect.any(String) }]);
      }
    } finally {
      await backend.stop();
    }
  });

  it('is used in a unit test of a backend as its README says', () => {
    expect(unitTest.split('\n').filter((line) => line !== '' && !line.startsWith('import')).length).toBeLessThanOrEqual(10);
    const told = execFileSync(process.execPath, ['--test', '--test-reporter=tap', join(folder, 'orders.test.ts')], {
      encoding: 'utf8',
      env: {},
    });
    expect(told).toMatch(/^ok 1 - takes signed orders only$/m);
  });

  describe('with the keys of a service', () => {
    let database: TestDatabase;
    let service: TestService;
    let client: Client;
    beforeAll(async () => {
      database = await createTestDatabase('sqlite');
      service = await TestService.start(database);
      client = await service.client();
    });
    afterAll(async () => {
      await service.stop();
      await database.drop();
    });

    /** The README's backend with the keys of a new gateway, which has one key. */
    async function started(env: Record<string, string> = {}) {
      const instanceId = await client.gateway();
      const signs = `/v2/{project}/apigw/instances/${instanceId}/signs`;
      const newKey = async (name: string) => {
        const { body } = await client.post(signs, { name });
        return { id: body.id as string, key: { signType: 'hmac', signKey: body.sign_key, signSecret: body.sign_secret } as KeyMaterial };
      };
      const { id, key } = await newKey('orders_key');
      const { token } = await Machine.of(client, instanceId, 'verifier');
      const tokenFile = join(folder, instanceId);
      writeFileSync(tokenFile, token);
      const backend = await program('service.ts', { SIGNET_URL: service.baseUrl, INSTANCE_ID: instanceId, TOKEN_FILE: tokenFile, ...env });
      // Two equal requests in one second would be one to its replay store.
      let requests = 0;
      const send = (sent: Parameters<VerifierProgram['send']>[0] = {}) => backend.send({ target: `/v1/orders?n=${requests++}`, ...sent });
      const deleted = async () => (await client.delete(`${signs}/${id}`)).headers.get('signet-receipt')!;
      return { instanceId, id, key, newKey, backend, send, deleted };
    }
    const receipt = async (path: string) => (await client.get(path)).body as Receipt;

    it('accepts a key as soon as it is made, refuses it once it is deleted, and the receipt says so', async () => {
      const { instanceId, id, key, newKey, backend, send, deleted } = await started();
      try {
        expect(await send({ key })).toEqual({ status: 200, text: `signed with ${id}` });
        const second = await newKey('next_key');
        await until(async () => (await send({ key: second.key })).status === 200, 'the new key is accepted');
        const path = await deleted();
        await until(async () => (await receipt(path)).refused_everywhere, 'the receipt says that the key is refused everywhere');
        expect(JSON.parse((await send({ key })).text)).toMatchObject({ code: 'unknown_key' });
        const named = { name: 'orders-backend', process_id: expect.stringMatching(/^[\w-]{16}$/) };
        expect((await receipt(path)).verifiers).toMatchObject({
          state: 'complete',
          verifiers: [{ ...named, state: 'refuses', ending: null }],
        });
        const ready = JSON.parse((await send({ method: 'GET', target: '/ready', body: '', key: null })).text) as {
          revision: number;
        };
        expect(ready).toEqual({ ready: true, revision: (await receipt(path)).revision });
        const { verifiers } = (await client.get(`/signet/v1/instances/${instanceId}/verifiers`)).body;
        expect(verifiers).toMatchObject([{ ...named, max_age_seconds: 300 }]);
        expect(await send({ key: second.key })).toMatchObject({ status: 200 });
        expect(await backend.stop()).toBe(0);
        expect((await receipt(path)).verifiers.verifiers).toMatchObject([{ ...named, ending: 'left' }]);
      } finally {
        await backend.stop();
      }
    });

    it('a process in report-only mode accepts everything, and no receipt says that it refuses', async () => {
      const { id, key, backend, send, deleted } = await started({ REPORT_ONLY: 'true' });
      try {
        expect(await send({ key })).toEqual({ status: 200, text: `signed with ${id}` });
        expect(await send({ key: null })).toEqual({ status: 200, text: 'signed with undefined' });
        const path = await deleted();
        expect(await send({ key })).toMatchObject({ status: 200 });
        const unknown = {
          refused_everywhere: false,
          verifiers: { state: 'behind', verifiers: [{ name: 'orders-backend', process_id: '', state: 'unknown' }] },
        };
        expect(await receipt(path)).toMatchObject(unknown);
        expect(backend.output).toMatch(/would refuse "POST" "\/v1\/orders": no_authorization/);
        expect(await backend.stop()).toBe(0);
        expect(await receipt(path)).toMatchObject(unknown);
      } finally {
        await backend.stop();
      }
    });
  });
});
