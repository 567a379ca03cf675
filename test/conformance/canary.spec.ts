import { describe, expect, it } from '@jest/globals';
import { generateLine } from '../../src/platform/vault/key-encryption-keys.js';
import { send } from '../support/access-keys.js';
import { dataKeysOf, everythingStored, formsOf } from '../support/canary.js';
import { createTestDatabase, onBothDatabases } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { ADMIN_PASSWORD, type Client, TestService } from '../support/service.js';

onBothDatabases((name) => {
  describe('a secret', () => {
    it('appears in no log line, error, audit row, file or table of the database', async () => {
      const test = await createTestDatabase(name);
      // It is not stored in a file, because every file of the folder is searched.
      const kek = generateLine().trim();
      const service = await TestService.start(test, { SIGNET_LOG_LEVEL: 'trace', SIGNET_KEK: kek });
      const errors: string[] = [];
      const secrets = new Set<string>([ADMIN_PASSWORD, kek.split(':')[1]!]);
      /** The values that `mask_secrets` masks: the secret of every type, and the cipher key of an aes key. */
      const plant = (key: { sign_type: string; sign_key: string; sign_secret: string }) => {
        secrets.add(key.sign_secret);
        if (key.sign_type === 'aes') secrets.add(key.sign_key);
      };
      try {
        const client: Client = await service.client();
        secrets.add(client.token);
        const gateway = await client.gateway();
        const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
        const refused = async (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
          const answer = await client.call(method, path, body, headers);
          expect(answer.status).toBeGreaterThanOrEqual(400);
          errors.push(answer.text, JSON.stringify([...answer.headers]));
        };
        await client.post(at('/features'), { name: 'public_key', enable: true, config: '{"enable":"on"}' });
        for (const [i, input] of [
          {},
          { sign_type: 'basic' },
          { sign_type: 'aes', sign_algorithm: 'aes-128-cfb' },
          { sign_type: 'aes', sign_algorithm: 'aes-256-cfb' },
          { sign_type: 'public_key' },
          { sign_secret: 'canary-given-0123456789' },
        ].entries()) {
          const { status, body } = await client.post(at('/signs'), { name: `canary_${i}`, ...input });
          expect(status).toBe(201);
          plant(body);
          const { publishIds } = await client.publishedApi(gateway);
          await client.post(at('/sign-bindings'), { sign_id: body.id, publish_ids: publishIds });
          const updated = await client.put(at(`/signs/${body.id}`), { name: `canary_${i}` });
          expect(updated.status).toBe(200);
          plant(updated.body);
          const staged = await client.post(`/signet/v1/instances/${gateway}/signs/${body.id}/rotation`, {});
          expect(staged.status).toBe(201);
          plant({ sign_type: body.sign_type, ...staged.body });
          if (i % 2) await client.delete(at(`/signs/${body.id}`));
        }
        for (const role of ['gateway', 'verifier']) {
          const machine = await Machine.of(client, gateway, role);
          secrets.add(machine.token);
          const read = await machine.get(role === 'gateway' ? '/snapshot' : '/verification-keys');
          expect(read.text).toContain('sign_secret');
          await refused('GET', `/signet/v1/instances/${'0'.repeat(32)}/snapshot`, undefined, { authorization: `Bearer ${machine.token}` });
        }
        const { access, secret } = (await client.post('/v3.0/OS-CREDENTIAL/credentials', { credential: {} })).body.credential;
        const identity = { methods: ['token'] };
        const temporary = (await client.post('/v3.0/OS-CREDENTIAL/securitytokens', { auth: { identity } })).body.credential;
        for (const key of [{ access, secret }, temporary]) {
          secrets.add(key.secret);
          expect((await send(service.baseUrl, key, { target: '/v3/auth/domains' })).status).toBe(200);
          const late = await send(service.baseUrl, key, { target: '/v3/auth/domains', at: 0 });
          const wrong = await send(service.baseUrl, { ...key, access: 'AAAAAAAAAAAAAAAAAAAA' }, { target: '/v3/auth/domains' });
          errors.push(late.text, wrong.text);
        }
        secrets.add(temporary.securitytoken);
        const canary = { sign_key: 'canary-key-in-error', sign_secret: 'canary-secret-in-error' };
        secrets.add(canary.sign_secret);
        await refused('POST', at('/signs'), { name: 'canary_0', ...canary });
        await refused('POST', at('/signs'), { name: '!', ...canary });
        await refused('POST', at('/signs'), { name: 'bad_secret', sign_secret: 'canary-secret-in-error with spaces' });
        await refused('POST', at('/signs'), `{"name":"cut_json","sign_secret":"${canary.sign_secret}"`);
        await refused('PUT', at(`/signs/${'0'.repeat(32)}`), { name: 'nobody', ...canary });
        await refused('GET', at(`/signs?limit=abc&sign_secret=${canary.sign_secret}`));
        await refused('GET', at('/signs'), undefined, { 'x-auth-token': 'canary-token-in-header' });
        await refused('POST', '/v3/auth/tokens', {
          auth: {
            identity: {
              methods: ['password'],
              password: { user: { name: 'admin', password: 'canary-wrong-password', domain: { name: 'default' } } },
            },
          },
        });
        secrets.add('canary-token-in-header').add('canary-wrong-password');

        for (const dataKey of await dataKeysOf(service)) secrets.add(dataKey.toString('base64')).add(dataKey.toString('latin1'));

        const stored = await everythingStored(test, service);
        const logs = service.logs.join('');
        expect(logs).toContain('/signs');
        for (const secret of secrets) {
          for (const form of formsOf(secret)) {
            expect([form.slice(0, 6), 'logs', logs.includes(form)]).toEqual([form.slice(0, 6), 'logs', false]);
            expect([form.slice(0, 6), 'errors', errors.join('').includes(form)]).toEqual([form.slice(0, 6), 'errors', false]);
            expect([form.slice(0, 6), 'stored', stored.includes(form)]).toEqual([form.slice(0, 6), 'stored', false]);
          }
        }
        // This shows that the search works: it finds a value that is stored in plain text on purpose.
        expect(stored.includes('canary_0')).toBe(true);
      } finally {
        await service.stop();
        await test.drop();
      }
    });
  });
});
