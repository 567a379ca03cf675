import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Clock } from '../../src/platform/common/clock.js';
import { readConfig } from '../../src/platform/config/config.js';
import { Database } from '../../src/platform/database/database.js';
import { openDatabase } from '../../src/platform/database/open.js';
import { entities } from '../../src/entities.js';
import { DURATION_SECONDS } from '../../src/identity/iam/access-keys.dto.js';
import { AccessKeySecrets } from '../../src/identity/iam/access-key-secrets.js';
import { IamAdminService } from '../../src/identity/iam/iam-admin.service.js';
import { TokenKeys } from '../../src/identity/iam/token-keys.js';
import { SEALED_ELSEWHERE_MAX_MS } from '../../src/platform/vault/data-keys.js';
import { KekStatusService } from '../../src/platform/vault/kek-status.service.js';
import { RewrapService, UNUSED_FOR_MS } from '../../src/platform/vault/rewrap.service.js';
import { SEALED_COLUMNS, selectSealed, type SealedRow, toSealedRow } from '../../src/platform/vault/sealed-columns.js';
import { dataKeyIdOf, fromColumn, DecryptionFailed } from '../../src/platform/vault/sealed.js';
import { VaultService } from '../../src/platform/vault/vault.service.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { Client, READ_ONLY, TestService } from '../support/service.js';
import { WEBHOOK_ENV, WebhookClient } from '../support/webhooks.js';

const HOUR_MS = 3_600_000;
const YEAR_MS = 366 * 24 * HOUR_MS;
const line = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;

onBothDatabases((name) => {
  let test: TestDatabase;
  let old: string;
  const running: TestService[] = [];
  const ring = (...lines: string[]) => {
    const path = join(test.dataDir, `ring-${randomBytes(4).toString('hex')}`);
    writeFileSync(path, lines.join('\n'), { mode: 0o600 });
    return { SIGNET_KEK_FILE: path };
  };
  const start = async (env: Record<string, string>) => {
    const service = await TestService.start(test, { ...WEBHOOK_ENV, ...env });
    running.push(service);
    return service;
  };
  const dataKeys = (service: TestService) =>
    service.app
      .get(Database)
      .rows<{ project_id: string; id: number; root_id: string }>('SELECT project_id, id, root_id FROM data_keys ORDER BY project_id, id');
  const rewrap = (service: TestService, reseal: boolean, keyAgeMs = 168 * HOUR_MS) =>
    service.app.get(RewrapService, { strict: false }).run({ reseal, keyAgeMs });
  const status = (service: TestService) => service.app.get(KekStatusService, { strict: false }).read();
  /** Advances the clock of one service. */
  const later = (service: TestService, ms: number) => {
    const clock = service.app.get(Clock);
    const now = clock.now.bind(clock);
    clock.now = () => now() + ms;
  };
  /** Makes data keys appear this old. */
  const aged = (service: TestService, ms: number) =>
    service.app.get(Database).transaction((tx) => tx.run('UPDATE data_keys SET created_at = created_at - ?', [ms]));
  async function rowsOf(service: TestService, i: number): Promise<SealedRow[]> {
    const rows = await service.app.get(Database).rows<Record<string, string>>(selectSealed(SEALED_COLUMNS[i]!, false, 1000));
    return rows.map((row) => toSealedRow(SEALED_COLUMNS[i]!, row)).filter((row) => row !== undefined);
  }
  /** Creates a secret in every sealed column, in each client's project. @returns the lists of keys */
  async function filled(clients: readonly Client[]): Promise<() => Promise<unknown>> {
    const gateways: { client: Client; path: string }[] = [];
    for (const client of clients) {
      const path = `/v2/{project}/apigw/instances/${await client.gateway()}`;
      gateways.push({ client, path });
      for (const key of ['one', 'two', 'three']) {
        const { body } = await client.post(`${path}/signs`, { name: key });
        if (key === 'three') await client.post(`/signet/v1/instances/${path.split('/').pop()}/signs/${body.id}/rotation`, {});
      }
      expect((await client.post('/v3.0/OS-CREDENTIAL/credentials', { credential: {} })).status).toBe(201);
      // Creating the client creates an API key, and the first API key creates the pepper.
      const webhooks = await WebhookClient.of(client);
      const headers = { 'x-canary': randomBytes(8).toString('hex') };
      const { id } = await webhooks.endpoint({ headers });
      expect((await webhooks.post(`/v1/endpoints/${id}/pause`)).status).toBe(200);
      expect((await webhooks.post('/v1/webhooks/send', { endpoint_id: id, payload: {}, headers })).status).toBe(202);
    }
    const iam = running.at(-1)!.app.get(IamAdminService, { strict: false });
    await iam.addUser({ name: 'careful' }, { password: 'careful-password' });
    await iam.grant({ user: 'careful', project: 'default', role: READ_ONLY });
    const { token, projectId } = await iam.issueToken('careful', 'default');
    const careful = new Client(running.at(-1)!.baseUrl, projectId, token);
    expect((await careful.post('/signet/v1/me/totp', { password: 'careful-password' })).status).toBe(201);
    return async () => {
      const shown = [];
      for (const { client, path } of gateways) {
        const { status: code, body } = await client.get(`${path}/signs`);
        shown.push({ code, secrets: body.signs?.map((sign: { id: string; sign_secret: string }) => [sign.id, sign.sign_secret]) });
        const verifier = await Machine.of(client, path.split('/').pop()!, 'verifier');
        shown.push((await verifier.get('/verification-keys')).body.keys);
      }
      return shown;
    };
  }

  beforeEach(async () => {
    test = await createTestDatabase(name);
    old = line('old');
  });
  afterEach(async () => {
    for (const service of running.splice(0)) await service.stop();
    await test.drop();
  });

  describe('signet admin rewrap', () => {
    it('wraps every data key with the primary key, after which the earlier key can be removed from the keyring', async () => {
      const first = await start(ring(old));
      const shows = await filled([await first.client(), await first.client()]);
      const before = await shows();
      const all = (await dataKeys(first)).length;
      const next = line('new');
      const second = await start(ring(next, old));
      expect((await status(second)).root_keys).toMatchObject([
        { root_id: 'new', state: 'primary', data_keys: 0 },
        { root_id: 'old', state: 'in use', data_keys: all },
      ]);
      await expect(start(ring(next))).rejects.toThrow(`old (${all} data keys). Add them to the keyring again and run signet admin rewrap`);
      expect(await rewrap(second, false)).toMatchObject({ rewrapped: all, resealed: 0, broken: [] });
      expect(await rewrap(second, false)).toMatchObject({ rewrapped: 0 });
      expect(new Set((await dataKeys(second)).map(({ root_id }) => root_id))).toEqual(new Set(['new']));
      expect((await status(second)).root_keys).toMatchObject([{ state: 'primary' }, { root_id: 'old', state: 'removable', data_keys: 0 }]);
      const third = await start(ring(next));
      expect((await third.client()).token).toBeTruthy();
      expect(await shows()).toEqual(before);
    });

    it('makes a process without the new key degraded at once, which answers 503 when its cached data keys expire and never a wrong value', async () => {
      const first = await start(ring(old));
      const client = await first.client();
      const path = `/v2/{project}/apigw/instances/${await client.gateway()}/signs`;
      await client.post(path, { name: 'key' });
      await rewrap(await start(ring(line('new'), old)), false);
      later(first, HOUR_MS / 6);
      expect((await client.get(path)).status).toBe(200);
      const ready = await fetch(`${first.baseUrl}/readyz`);
      expect([ready.status, await ready.json()]).toMatchObject([200, { checks: { key: 'degraded' } }]);
      later(first, HOUR_MS);
      const { status: code, headers, text } = await client.get(path);
      expect([code, headers.get('retry-after')]).toEqual([503, '5']);
      expect(text).not.toContain('secret');
    });

    it('wraps each data key once, also if several processes run it', async () => {
      const first = await start(ring(old));
      await filled([await first.client(), await first.client(), await first.client()]);
      const after = ring(line('new'), old);
      const services = [await start(after), await start(after), await start(after)];
      const results = await Promise.all(services.map((service) => rewrap(service, false)));
      expect(results.reduce((sum, { rewrapped }) => sum + rewrapped, 0)).toBe((await dataKeys(first)).length);
    });
  });

  describe('signet admin rewrap --reseal', () => {
    it('gives every project a new data key and re-seals every secret, without changing visible values or revisions', async () => {
      const service = await start(ring(old));
      const other = await start(ring(old));
      const shows = await filled([await service.client(), await service.client()]);
      const before = await shows();
      const database = service.app.get(Database);
      const revisions = () => database.rows('SELECT * FROM change_counters ORDER BY scope_id');
      const revisionsBefore = await revisions();
      await aged(service, YEAR_MS);
      const rotated = (await dataKeys(service)).length;
      const { secrets } = await status(service);
      expect(await rewrap(other, true)).toMatchObject({ rotated, resealed: secrets, left: 0, broken: [] });
      for (const [i, { field }] of SEALED_COLUMNS.entries()) {
        const rows = await rowsOf(service, i);
        // A new column needs a secret in `filled`.
        expect([field, rows.length > 0]).toEqual([field, true]);
        expect(rows.map(({ sealed }) => dataKeyIdOf(sealed.slice(0, 13)))).toEqual(rows.map(() => 2));
      }
      expect(await revisions()).toEqual(revisionsBefore);
      expect(await shows()).toEqual(before);
      await service.app.get(TokenKeys, { strict: false }).prepare();
    });

    it('does not stop writes of a process without the new data key, and continues after an interruption', async () => {
      const service = await start(ring(old));
      const other = await start(ring(old));
      const client = await service.client();
      const path = `/v2/{project}/apigw/instances/${await client.gateway()}/signs`;
      const made = await client.post(path, { name: 'first' });
      await aged(service, YEAR_MS);
      await rewrap(other, true);
      const updated = await client.put(`${path}/${made.body.id}`, { name: 'renamed' });
      expect([updated.status, updated.body.sign_secret]).toEqual([200, made.body.sign_secret]);
      const keys = await dataKeys(service);
      expect(await rewrap(other, true)).toMatchObject({ rotated: 0, resealed: 0 });
      expect(await dataKeys(service)).toEqual(keys);
    });

    it('destroys a superseded data key only when nothing has been sealed under it for 25 hours', async () => {
      const service = await start(ring(old));
      const shows = await filled([await service.client()]);
      const before = await shows();
      await aged(service, YEAR_MS);
      expect(await rewrap(service, true)).toMatchObject({ left: 0, destroyed: 0 });
      expect(await rewrap(service, true)).toMatchObject({ rotated: 0, destroyed: 0 });
      const other = await start(ring(old));
      later(other, UNUSED_FOR_MS - HOUR_MS);
      expect(await rewrap(other, false)).toMatchObject({ destroyed: 0, left: 0 });
      later(other, HOUR_MS);
      const all = (await dataKeys(service)).length / 2;
      expect(await rewrap(other, false)).toMatchObject({ rewrapped: 0, destroyed: all });
      expect((await dataKeys(service)).map(({ id }) => id)).toEqual(Array.from({ length: all }, () => 2));
      expect(await status(other)).toMatchObject({ superseded_data_keys: 0, secrets_under_superseded: 0 });
      expect(await shows()).toEqual(before);
    });

    it('keeps a superseded data key that a process still uses', async () => {
      const service = await start(ring(old));
      const client = await service.client();
      const path = `/v2/{project}/apigw/instances/${await client.gateway()}/signs`;
      await client.post(path, { name: 'first' });
      await aged(service, YEAR_MS);
      const other = await start(ring(old));
      await rewrap(other, true);
      await client.post(path, { name: 'sealed_by_one_that_does_not_know' });
      expect(await status(other)).toMatchObject({ secrets_under_superseded: 1 });
      later(other, 2 * UNUSED_FOR_MS);
      expect(await rewrap(other, true)).toMatchObject({ resealed: 1, left: 0, destroyed: 1 });
      expect((await client.get(path)).body.total).toBe(2);
      const signs = await rowsOf(service, 0);
      expect(signs.map(({ sealed }) => dataKeyIdOf(sealed.slice(0, 13)))).toEqual([2, 2]);
      expect((await dataKeys(service)).filter(({ project_id }) => project_id === client.projectId)).toHaveLength(2);
    });

    it('leaves a secret that it cannot decrypt unchanged, names it, and destroys no data key', async () => {
      const service = await start(ring(old));
      await filled([await service.client()]);
      await aged(service, YEAR_MS);
      const [one, two] = await rowsOf(service, 0);
      await service.app
        .get(Database)
        .transaction((tx) => tx.run('UPDATE signs SET sign_secret = ? WHERE id = ?', [one!.sealed, String(two!.key[0])]));
      const result = await rewrap(service, true);
      expect(result.broken).toEqual([`signs.sign_secret ${two!.key[0]}`]);
      later(service, 2 * UNUSED_FOR_MS);
      expect(await rewrap(service, true)).toMatchObject({ destroyed: 0 });
    });
  });

  it('a secret can be decrypted only in its own column, row, project and version', async () => {
    const service = await start(ring(old));
    await filled([await service.client(), await service.client()]);
    const vault = service.app.get(VaultService, { strict: false });
    const all = (await Promise.all(SEALED_COLUMNS.map((_, i) => rowsOf(service, i)))).flat();
    expect(new Set(all.map(({ context }) => JSON.stringify(context))).size).toBe(all.length);
    for (const { context, sealed } of all) {
      expect(await vault.open(context, sealed)).toMatch(/./);
      for (const elsewhere of all) {
        if (elsewhere.sealed === sealed) continue;
        await expect(vault.open(elsewhere.context, sealed)).rejects.toThrow(DecryptionFailed);
        await expect(vault.withCipher(context.projectId, (box) => box.open(elsewhere.context, fromColumn(sealed)))).rejects.toThrow(
          DecryptionFailed,
        );
      }
    }
  });

  it('a security token, which is sealed and not in the database, expires before an unused data key is destroyed', () => {
    expect(DURATION_SECONDS.max * 1000).toBeLessThanOrEqual(SEALED_ELSEWHERE_MAX_MS);
  });

  it('a security token stays valid until its expiry after its data key is superseded', async () => {
    const service = await start(ring(old));
    const other = await start(ring(old));
    const secrets = other.app.get(AccessKeySecrets, { strict: false });
    const key = { secret: 's', userId: 'u', tokenId: 't', issuedAt: 1, expiresAt: 2 };
    const securityToken = await secrets.sealTemporary('A'.repeat(20), key);
    await aged(service, YEAR_MS);
    await rewrap(service, true);
    later(service, UNUSED_FOR_MS - HOUR_MS);
    await rewrap(service, false);
    const fresh = await start(ring(old));
    for (const each of [other, fresh])
      expect(await each.app.get(AccessKeySecrets, { strict: false }).openTemporary('A'.repeat(20), securityToken)).toEqual(key);
  });

  it('a value with an unknown data key makes a process read the keys at most once a second', async () => {
    const service = await start(ring(old));
    const client = await service.client();
    const vault = service.app.get(VaultService, { strict: false });
    const place = { projectId: client.projectId, ownerId: '', field: 'f', rowId: 'r', version: 1 };
    await vault.cipher(client.projectId);
    const sealed = Buffer.concat([Buffer.from('K1'), Buffer.from([1]), Buffer.alloc(4, 9), randomBytes(60)]).toString('base64url');
    const database = service.app.get(Database);
    const rows = database.rows.bind(database);
    let loads = 0;
    database.rows = (sql, params) => {
      if (sql.includes('FROM data_keys WHERE')) loads++;
      return rows(sql, params);
    };
    const from = performance.now();
    const results = await Promise.allSettled(Array.from({ length: 200 }, () => vault.open(place, `K1.${sealed}`)));
    for (let i = 0; i < 3; i++) await expect(vault.open(place, `K1.${sealed}`)).rejects.toThrow(DecryptionFailed);
    expect(results.every((result) => result.status === 'rejected' && result.reason instanceof DecryptionFailed)).toBe(true);
    expect(loads).toBeLessThanOrEqual(2 + (performance.now() - from) / 1000);
  });

  it('a data key that is a year old, or has sealed 2^31 times, is superseded, and its secrets can still be decrypted', async () => {
    const service = await start(ring(old));
    const client = await service.client();
    const path = `/v2/{project}/apigw/instances/${await client.gateway()}/signs`;
    const made = await client.post(path, { name: 'first' });
    const idsIn = async (started: TestService) =>
      (await dataKeys(started)).filter((row) => row.project_id === client.projectId).map(({ id }) => id);
    // The service stores its count of seals when it stops.
    await running.pop()!.stop();
    const database = await openDatabase(readConfig({ ...test.env }), entities);
    const [counted] = await database.rows<{ seals: number }>('SELECT seals FROM data_keys WHERE project_id = ?', [client.projectId]);
    expect(counted).toEqual({ seals: 1 });
    await database.transaction((tx) =>
      tx.run('UPDATE data_keys SET created_at = created_at - ? WHERE project_id = ?', [YEAR_MS, client.projectId]),
    );
    const second = await start(ring(old));
    const again = async (started: TestService) =>
      (await new Client(started.baseUrl, client.projectId, client.token).get(path)).body.signs[0].sign_secret;
    expect([await again(second), await idsIn(second)]).toEqual([made.body.sign_secret, [1, 2]]);
    await database.transaction((tx) =>
      tx.run('UPDATE data_keys SET seals = ? WHERE project_id = ? AND id = 2', [2 ** 31 + 1, client.projectId]),
    );
    const third = await start(ring(old));
    expect([await again(third), await idsIn(third)]).toEqual([made.body.sign_secret, [1, 2, 3]]);
    await database.close();
  });

  it('a data key moved to another project or number is refused', async () => {
    const service = await start(ring(old));
    const clients = [await service.client(), await service.client()];
    await filled(clients);
    const [one, two] = clients.map(({ projectId }) => projectId);
    await service.app.get(Database).transaction(async (tx) => {
      const [row] = await tx.rows<{ wrapped: string }>('SELECT wrapped FROM data_keys WHERE project_id = ?', [one!]);
      await tx.run('UPDATE data_keys SET wrapped = ? WHERE project_id = ?', [row!.wrapped, two!]);
    });
    const other = await start(ring(old));
    const vault = other.app.get(VaultService, { strict: false });
    await expect(vault.cipher(one!)).resolves.toBeDefined();
    await expect(vault.cipher(two!)).rejects.toThrow(DecryptionFailed);
  });
});
