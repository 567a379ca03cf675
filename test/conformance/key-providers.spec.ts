import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ApiFault } from '../../src/platform/common/api-error.js';
import { Clock } from '../../src/platform/common/clock.js';
import { readConfig } from '../../src/platform/config/config.js';
import { Database } from '../../src/platform/database/database.js';
import { operatorError, ProviderUnavailable, UnknownKek } from '../../src/platform/vault/key-provider.js';
import { KeyProviders } from '../../src/platform/vault/key-providers.js';
import { RewrapService } from '../../src/platform/vault/rewrap.service.js';
import { DecryptionFailed } from '../../src/platform/vault/sealed.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { type Behaviour, KmsService, TransitService } from '../support/key-services.js';
import { type Client, TestService } from '../support/service.js';

const MINUTE_MS = 60_000;
const CONTEXT = ['signet/1', 'data-key', 'p1', '1'];
const line = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;

let folder: string;
const transit = new TransitService();
const kms = new KmsService();
const ringFile = (...lines: string[]) => {
  const path = join(folder, randomBytes(6).toString('hex'));
  writeFileSync(path, lines.join('\n'), { mode: 0o600 });
  return { SIGNET_KEK_FILE: path };
};
const providers = (env: Record<string, string>) => KeyProviders.open(readConfig({ SIGNET_DATA_DIR: folder, ...env }));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'signet-providers-'));
  Object.assign(process.env, kms.credentials);
  await Promise.all([transit.start(), kms.start()]);
});
afterEach(() => {
  transit.behaviour = kms.behaviour = 'works';
});
afterAll(async () => {
  for (const name of Object.keys(kms.credentials)) delete process.env[name];
  await Promise.all([transit.stop(), kms.stop()]);
  rmSync(folder, { recursive: true });
});

const ringLines = [line('a')];
const SUITE: [string, { env: () => Record<string, string>; rotate: () => void; service?: TransitService | KmsService }][] = [
  ['the ring', { env: () => ringFile(...ringLines), rotate: () => void ringLines.unshift(line(`b${ringLines.length}`)) }],
  ['Vault or OpenBao transit', { env: () => transit.env, rotate: () => transit.rotate(), service: transit }],
  ['AWS KMS', { env: () => kms.env, rotate: () => kms.rotate(), service: kms }],
];

describe.each(SUITE)('the key provider %s', (_, { env, rotate, service }) => {
  it('unwraps what it has wrapped, and never produces the same text twice', async () => {
    const { primary } = await providers(env());
    const dataKey = randomBytes(32);
    const [one, two] = [await primary.wrap(dataKey, CONTEXT), await primary.wrap(dataKey, CONTEXT)];
    expect((await primary.unwrap(one, CONTEXT)).equals(dataKey)).toBe(true);
    expect(one.wrapped).not.toBe(two.wrapped);
    // The format that the columns and their CHECK require.
    for (const { kekId, wrapped } of [one, two]) {
      expect(wrapped).toMatch(/^K1\.[A-Za-z0-9_-]{88,1021}$/);
      expect(kekId.length).toBeLessThanOrEqual(255);
      expect(wrapped).not.toContain(dataKey.toString('base64url').slice(0, 12));
    }
    await primary.health();
  });

  it.each([
    ['project', ['signet/1', 'data-key', 'p2', '1']],
    ['number', ['signet/1', 'data-key', 'p1', '2']],
    ['purpose', ['signet/1', 'kek-check', 'p1', '1']],
    ['list that joins to the same text', ['signet/1', 'data-key', 'p11']],
  ])('refuses another %s', async (__, context) => {
    const { primary } = await providers(env());
    await expect(primary.unwrap(await primary.wrap(randomBytes(32), CONTEXT), context)).rejects.toThrow(DecryptionFailed);
  });

  it('refuses altered text', async () => {
    const { primary } = await providers(env());
    const { kekId, wrapped } = await primary.wrap(randomBytes(32), CONTEXT);
    const record = Buffer.from(wrapped.slice(3), 'base64url');
    record[record.length - 3]! ^= 1;
    const altered = [`K1.${record.toString('base64url')}`, wrapped.slice(0, -8), wrapped.slice(3), 'K1.', ''];
    for (const text of altered) await expect(primary.unwrap({ kekId, wrapped: text }, CONTEXT)).rejects.toThrow();
    await expect(primary.unwrap({ kekId, wrapped: altered[0]! }, CONTEXT)).rejects.not.toThrow(UnknownKek);
  });

  it('recognises text that an older key-encryption key wrapped, and still unwraps it', async () => {
    const before = await providers(env());
    const dataKey = randomBytes(32);
    const key = await before.primary.wrap(dataKey, CONTEXT);
    expect(before.stale(key)).toBe(false);
    rotate();
    const after = await providers(env());
    expect(after.stale(key)).toBe(true);
    expect((await after.unwrap(key, CONTEXT)).equals(dataKey)).toBe(true);
    expect(after.stale(await after.primary.wrap(dataKey, CONTEXT))).toBe(false);
  });

  it('reports an unknown key-encryption key as an outage, not as a damaged secret', async () => {
    const all = await providers(env());
    const { wrapped } = await all.primary.wrap(randomBytes(32), CONTEXT);
    for (const kekId of ['someone-elses', 'vault:transit/other:v1', 'vault:elsewhere/signet:v1']) {
      const refusal = await all.unwrap({ kekId, wrapped }, CONTEXT).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(UnknownKek);
      expect(refusal).toMatchObject({ kind: 'unavailable' });
    }
  });

  if (!service) return;

  it.each<Behaviour>(['refuses connections', 'hangs', 'answers 503', 'answers no JSON', 'denies'])(
    'is reported as unavailable within seconds, without a secret in the message, when it %s',
    async (behaviour) => {
      const { primary } = await providers(env());
      const dataKey = randomBytes(32);
      const key = await primary.wrap(dataKey, CONTEXT);
      service.behaviour = behaviour;
      const [start, ...failures] = await Promise.all(
        [providers(env()), primary.wrap(dataKey, CONTEXT), primary.unwrap(key, CONTEXT), primary.health()].map((attempt) =>
          (attempt as Promise<unknown>).then(
            () => undefined,
            (error: unknown) => error as Error,
          ),
        ),
      );
      expect(start?.message).toMatch(/^the key provider (vault|aws-kms) does not answer: /);
      for (const failure of failures) {
        expect(failure).toBeInstanceOf(ProviderUnavailable);
        const shown = inspect(failure, { depth: 20, showHidden: true }) + failure!.stack + operatorError(failure).message;
        const forms = (['base64', 'base64url', 'hex'] as const).map((form) => dataKey.toString(form));
        for (const secret of [transit.token, kms.accessKey.secret, ...forms])
          expect([behaviour, shown.includes(secret)]).toEqual([behaviour, false]);
      }
    },
    60_000,
  );

  it('prevents the start if it does not check the context of a data key', async () => {
    service.behaviour = 'ignores contexts';
    await expect(providers(env())).rejects.toThrow('does not bind data keys to their context');
  });

  describe('used by a running service', () => {
    let database: TestDatabase;
    const running: TestService[] = [];
    beforeEach(async () => {
      database = await createTestDatabase('sqlite');
    });
    afterEach(async () => {
      service.behaviour = 'works';
      for (const each of running.splice(0)) await each.stop();
      await database.drop();
    });
    const start = async (more: Record<string, string> = {}) => {
      const started = await TestService.start(database, { SIGNET_LOG_LEVEL: 'trace', ...env(), ...more });
      running.push(started);
      return started;
    };
    const later = (started: TestService, ms: number) => {
      const clock = started.app.get(Clock);
      const now = clock.now.bind(clock);
      clock.now = () => now() + ms;
    };
    const ready = async (started: TestService) => {
      const answer = await fetch(`${started.baseUrl}/readyz`);
      return [answer.status, ((await answer.json()) as { checks: Record<string, string> }).checks['key']];
    };
    const withKey = async (client: Client) => {
      const path = `/v2/{project}/apigw/instances/${await client.gateway()}/signs`;
      const made = await client.post(path, { name: 'key' });
      return { path, secret: made.body.sign_secret as string, status: made.status };
    };

    it('does not affect unwrapped keys for an hour when it is down, while all other keys get 503 with Retry-After', async () => {
      const started = await start();
      const [one, two] = [await started.client(), await started.client()];
      const { path, secret } = await withKey(one);
      const gateway = await two.gateway();
      expect(await ready(started)).toEqual([200, 'ok']);
      later(started, MINUTE_MS);
      service.behaviour = 'answers 503';
      expect((await one.get(path)).body.signs[0].sign_secret).toBe(secret);
      const refused = await two.post(`/v2/{project}/apigw/instances/${gateway}/signs`, { name: 'key' });
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
      expect(await ready(started)).toEqual([200, 'degraded']);
      const asked = service.requests;
      await Promise.all(Array.from({ length: 20 }, () => ready(started)));
      expect(service.requests).toBe(asked);
      later(started, 40 * MINUTE_MS);
      expect((await one.get(path)).status).toBe(200);
      expect(await ready(started)).toEqual([503, 'failed']);
      later(started, 20 * MINUTE_MS);
      const expired = await one.get(path);
      expect([expired.status, expired.headers.get('retry-after'), expired.text.includes(secret)]).toEqual([503, '5', false]);
      service.behaviour = 'works';
      later(started, MINUTE_MS);
      expect((await one.get(path)).body.signs[0].sign_secret).toBe(secret);
      expect(await ready(started)).toEqual([200, 'ok']);

      const said = started.logs.join('') + refused.text + expired.text;
      expect(said).toContain('does not answer');
      expect(service.plaintexts.size).toBeGreaterThan(2);
      for (const plaintext of service.plaintexts) {
        const bytes = Buffer.from(plaintext, 'base64');
        for (const form of [plaintext, bytes.toString('hex'), bytes.toString('base64url')]) expect(said.includes(form)).toBe(false);
      }
      for (const canary of [transit.token, kms.accessKey.secret]) expect(said.includes(canary)).toBe(false);
    });

    it('may be down after its keys have moved to the keyring, but /readyz reports degraded, and a start fails with the reason', async () => {
      const before = await start();
      const { path, secret } = await withKey(await before.client({ project: 'ours' }));
      const both = { ...ringFile(line('ring')), SIGNET_KEK_PROVIDER: 'ring' };
      const after = await start(both);
      await after.app.get(RewrapService, { strict: false }).run({ reseal: false, keyAgeMs: 0 });
      const client = await after.client({ project: 'ours' });
      service.behaviour = 'answers 503';
      later(after, 2 * 60 * MINUTE_MS);
      expect((await client.get(path)).body.signs[0].sign_secret).toBe(secret);
      later(after, MINUTE_MS);
      const asked = service.requests;
      await Promise.all(Array.from({ length: 20 }, () => ready(after)));
      expect(service.requests - asked).toBeLessThanOrEqual(3);
      expect(await ready(after)).toEqual([200, 'degraded']);
      await expect(start(both)).rejects.toThrow(/^the key provider (vault|aws-kms) does not answer: /);
    });

    it('can take over a data key from the keyring with a rewrap, after which the keyring is not needed', async () => {
      const lines = ringFile(line('ring'));
      const before = await TestService.start(database, lines);
      running.push(before);
      const { path, secret } = await withKey(await before.client({ project: 'ours' }));
      await expect(start()).rejects.toThrow('the keyring contains none of them');
      const both = await start(lines);
      const client = await both.client({ project: 'ours' });
      expect((await client.get(path)).body.signs[0].sign_secret).toBe(secret);
      const result = await both.app.get(RewrapService, { strict: false }).run({ reseal: false, keyAgeMs: 0 });
      expect(result.rewrapped).toBeGreaterThan(1);
      const after = await start();
      expect((await (await after.client({ project: 'ours' })).get(path)).body.signs[0].sign_secret).toBe(secret);
      const roots = await after.app.get(Database).rows<{ kekId: string }>('SELECT DISTINCT root_id AS kekId FROM data_keys');
      expect(roots).toEqual([{ kekId: expect.stringMatching(/^(vault:transit\/signet:v\d+|aws-kms:[a-f0-9-]{36})$/) }]);
    });
  });
});

it('in Vault, a key version below min_decryption_version is an outage until that setting is lowered again', async () => {
  const { primary } = await providers(transit.env);
  const key = await primary.wrap(randomBytes(32), CONTEXT);
  transit.rotate();
  transit.minDecryptionVersion = transit.versions.length;
  await expect(primary.unwrap(key, CONTEXT)).rejects.toThrow(UnknownKek);
  transit.minDecryptionVersion = 1;
  await expect(primary.unwrap(key, CONTEXT)).resolves.toHaveLength(32);
});

it('for Vault, a token that an agent renews in its file is used from the next call on', async () => {
  const tokenFile = join(folder, 'vault-token');
  const { SIGNET_VAULT_TOKEN: token, ...env } = transit.env;
  writeFileSync(tokenFile, 'hvs.expired\n');
  await expect(providers({ ...env, SIGNET_VAULT_TOKEN_FILE: tokenFile })).rejects.toThrow('encrypt was answered with 403');
  writeFileSync(tokenFile, `${token}\n`);
  const { primary } = await providers({ ...env, SIGNET_VAULT_TOKEN_FILE: tokenFile });
  writeFileSync(tokenFile, 'hvs.expired\n');
  await expect(primary.health()).rejects.toThrow(ApiFault);
  writeFileSync(tokenFile, token!);
  await primary.health();
});
