import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Clock } from '../../src/platform/common/clock.js';
import { Database } from '../../src/platform/database/database.js';
import { VerifierSilence } from '../../src/distribution/verifiers/verifier-silence.js';
import { VerificationKeyClient } from '../../src/gateway/backend/verification-key-client.js';
import type { Receipt, ReceiptVerifier } from '../../src/lib/protocol/protocol.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { type Client, TestService } from '../support/service.js';
import { until } from '../support/until.js';

onBothDatabases((name) => {
  let database: TestDatabase;
  let services: TestService[];
  let client: Client;
  let gateway: string;
  let verifier: Machine;
  let signId: string;
  let count = 0;
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  const newKey = async () => (await client.post(at('/signs'), { name: `key_${(count += 1)}` })).body.id as string;
  const fresh = async () => {
    gateway = await client.gateway();
    verifier = await Machine.of(client, gateway, 'verifier');
    signId = await newKey();
  };
  const keys = (process: string, etag?: string, headers: Record<string, string> = {}) =>
    verifier.get('/verification-keys', {
      ...(process && { 'signet-verifier': process }),
      ...(etag && { 'if-none-match': etag }),
      ...headers,
    });
  const etagOf = async (...args: Parameters<typeof keys>) => (await keys(...args)).headers.get('etag')!;
  const deleted = async (id = signId) => (await client.delete(at(`/signs/${id}`))).headers.get('signet-receipt')!;
  const receipt = async (path: string) => (await client.get(path)).body as Receipt;
  const stateOf = async (path: string, process: string) =>
    (await receipt(path)).verifiers.verifiers.find(({ process_id }) => process_id === process) as ReceiptVerifier;

  beforeAll(async () => {
    database = await createTestDatabase(name);
    services = [await TestService.start(database, { SIGNET_LIMITS: 'instances=1000' })];
    // A second control plane, if the database supports one.
    if (name === 'mariadb') services.push(await TestService.start(database, { SIGNET_LIMITS: 'instances=1000' }));
    client = await services[0]!.client();
  });
  afterAll(async () => {
    for (const service of services) await service.stop();
    await database.drop();
  });

  describe('the verifiers’ half of a receipt', () => {
    it('reports that no verifier is known, with refused_everywhere false', async () => {
      await fresh();
      expect(await receipt(await deleted())).toMatchObject({
        complete: true,
        verifiers: { state: 'none_known', verifiers: [] },
        refused_everywhere: false,
      });
    });

    it('is complete only after each process has sent back the ETag of keys without the deleted one', async () => {
      await fresh();
      const [a, b] = [await etagOf('orders/process-a'), await etagOf('orders/process-b')];
      const path = await deleted();
      expect(await receipt(path)).toMatchObject({ complete: true, verifiers: { state: 'behind' }, refused_everywhere: false });
      const [a2] = [await etagOf('orders/process-a', a), await etagOf('orders/process-b', b)];
      expect(await stateOf(path, 'process-a')).toMatchObject({ name: 'orders', state: 'behind' });
      expect((await keys('orders/process-a', a2)).status).toBe(304);
      expect(await receipt(path)).toMatchObject({ verifiers: { state: 'behind' } });
      expect([(await stateOf(path, 'process-a')).state, (await stateOf(path, 'process-b')).state]).toEqual(['refuses', 'behind']);
      await keys('orders/process-b', a2);
      expect(await receipt(path)).toMatchObject({ verifiers: { state: 'complete' }, refused_everywhere: true });
    });

    it('accepts an ETag that this process has received, also after newer keys, and no invented revision', async () => {
      await fresh();
      const path = await deleted();
      // The process sends an ETag that it never received.
      const made = `"999999-${'A'.repeat(16)}"`;
      const offered = await etagOf('orders/process-a', made);
      expect((await stateOf(path, 'process-a')).state).toBe('behind');
      await newKey();
      await keys('orders/process-a', offered.replace(/\d+/, '999999'));
      const { state, shown_revision } = await stateOf(path, 'process-a');
      expect([state, shown_revision]).toEqual(['refuses', Number(/\d+/.exec(offered)![0])]);
    });

    it('does not wait for a process that got its first keys after the deletion', async () => {
      await fresh();
      const path = await deleted();
      await keys('orders/process-a');
      expect(await receipt(path)).toMatchObject({ verifiers: { state: 'complete' } });
      await keys('orders/process-b', '"1-AAAAAAAAAAAAAAAA"');
      expect((await stateOf(path, 'process-b')).state).toBe('behind');
    });

    it('reports a verifier without a process id as unknown', async () => {
      await fresh();
      const path = await deleted();
      await keys('orders');
      expect(await receipt(path)).toMatchObject({
        verifiers: { state: 'behind', verifiers: [{ name: 'orders', process_id: '', state: 'unknown' }] },
      });
    });

    it('waits for a verifier whose credential was revoked, because it may still accept its keys', async () => {
      await fresh();
      await keys('orders/process-a');
      await client.delete(`/signet/v1/instances/${gateway}/gateway-tokens/${verifier.tokenId}`);
      expect(await receipt(await deleted())).toMatchObject({ verifiers: { state: 'behind' } });
    });

    it('does not wait for a process that has left', async () => {
      await fresh();
      await keys('orders/process-a');
      expect((await verifier.call('DELETE', '/verification-keys', undefined, { 'signet-verifier': 'orders/process-a' })).status).toBe(204);
      const path = await deleted();
      expect(await stateOf(path, 'process-a')).toMatchObject({ state: 'refuses', ending: 'left' });
      expect((await keys('orders/process-a')).status).toBe(409);
      expect(await stateOf(path, 'process-a')).toMatchObject({ ending: 'left' });
    });
  });

  describe('an operator’s statement that a verifier has stopped', () => {
    it('counts, is shown with its author, is audited, and is disproved when the verifier asks again', async () => {
      await fresh();
      await keys('orders/process-a');
      const path = await deleted();
      const { verifiers } = (await client.get(`/signet/v1/instances/${gateway}/verifiers`)).body;
      expect(verifiers).toMatchObject([{ name: 'orders', process_id: 'process-a', ending: null, max_age_seconds: null }]);
      const vouch = () => client.delete(`/signet/v1/instances/${gateway}/verifiers/${verifiers[0].verifier_id}`);
      expect((await vouch()).status).toBe(204);
      expect((await vouch()).status).toBe(409);
      expect(await receipt(path)).toMatchObject({
        verifiers: { state: 'complete', verifiers: [{ ending: 'vouched', vouched_by: expect.any(String) }] },
      });
      const { events } = (await client.get(`/signet/v1/audit?action=VouchForVerifier&resource_id=${verifiers[0].verifier_id}`)).body;
      expect(events).toHaveLength(1);
      await keys('orders/process-a', '"1-AAAAAAAAAAAAAAAA"');
      expect(await stateOf(path, 'process-a')).toMatchObject({ state: 'behind', contradicted_at: expect.any(String), ending: null });
    });

    it('gets 404 for an unknown or foreign verifier', async () => {
      await fresh();
      for (const id of ['x', 'f'.repeat(32)])
        expect((await client.delete(`/signet/v1/instances/${gateway}/verifiers/${id}`)).status).toBe(404);
    });
  });

  describe('a verifier that is silent', () => {
    it('counts as refusing after a silence of its declared key age that this process has observed, whatever wall clocks show', async () => {
      await fresh();
      await keys('orders/process-a', undefined, { 'signet-max-key-age': '10' });
      await keys('orders/process-b');
      const path = await deleted();
      // A stopped control plane has observed nearly all of the silence, and another one continues from there.
      const database = services[0]!.app.get(Database, { strict: false });
      await database.transaction((tx) =>
        tx.run("UPDATE verifiers SET silence_ms = 14500 WHERE process_id = 'process-a' AND instance_id = ?", [gateway]),
      );
      const silence = new VerifierSilence(database, services[0]!.app.get(Clock));
      await silence.poll();
      expect((await stateOf(path, 'process-a')).state).toBe('behind');
      await until(async () => {
        await silence.poll();
        return (await stateOf(path, 'process-a')).ending === 'keys_too_old';
      });
      expect(await receipt(path)).toMatchObject({ verifiers: { state: 'behind' } });
      // The process returns with its old keys: it refused them meanwhile, and now counts as behind again.
      await keys('orders/process-a', '"1-AAAAAAAAAAAAAAAA"', { 'signet-max-key-age': '10' });
      expect(await stateOf(path, 'process-a')).toMatchObject({ state: 'behind', ending: null });
    });
  });

  describe('a wait for changed keys', () => {
    it('is answered as soon as a key is deleted through any control plane', async () => {
      await fresh();
      const etag = await etagOf('orders/process-a');
      const other = verifier.at(services.at(-1)!.baseUrl);
      const waiting = other.get('/verification-keys', {
        'signet-verifier': 'orders/process-a',
        'if-none-match': etag,
        prefer: 'wait=30',
      });
      const path = await deleted();
      const answer = await waiting;
      expect([answer.status, answer.headers.get('preference-applied'), answer.body.keys]).toEqual([200, 'wait=30', []]);
      await keys('orders/process-a', answer.headers.get('etag')!);
      expect(await receipt(path)).toMatchObject({ refused_everywhere: true });
    });

    it('acknowledges revisions that change nothing for verifiers while it goes on', async () => {
      await fresh();
      const other = await newKey();
      const etag = await etagOf('orders/process-a');
      const abandon = new AbortController();
      const waiting = fetch(`${client.baseUrl}/signet/v1/instances/${gateway}/verification-keys`, {
        headers: {
          authorization: `Bearer ${verifier.token}`,
          'signet-verifier': 'orders/process-a',
          'if-none-match': etag,
          prefer: 'wait=30',
        },
        signal: abandon.signal,
      }).catch(() => undefined);
      // A new name changes nothing for verifiers.
      const renamed = await client.put(at(`/signs/${other}`), { name: 'another_name' });
      const path = renamed.headers.get('signet-receipt')!;
      await until(async () => (await receipt(path)).verifiers.state === 'complete');
      abandon.abort();
      await waiting;
    });

    it('ends with 401 after its credential is revoked', async () => {
      await fresh();
      const etag = await etagOf('orders/process-a');
      const waiting = keys('orders/process-a', etag, { prefer: 'wait=30' });
      await until(async () => (await client.get(`/signet/v1/instances/${gateway}/verifiers`)).body.verifiers[0].shown_revision > 0);
      await client.delete(`/signet/v1/instances/${gateway}/gateway-tokens/${verifier.tokenId}`);
      expect((await waiting).status).toBe(401);
    });

    it('ends after its time without new keys', async () => {
      await fresh();
      const etag = await etagOf('orders/process-a');
      const answer = await keys('orders/process-a', etag, { prefer: 'wait=1' });
      expect([answer.status, answer.headers.get('etag')]).toEqual([304, etag]);
    });
  });

  describe('a backend’s client', () => {
    it('refuses a deleted key without a further request, confirms it, and signs off when it is closed', async () => {
      await fresh();
      const source = { controlPlaneUrl: client.baseUrl, instanceId: gateway, token: verifier.token, name: 'orders' };
      const backend = new VerificationKeyClient(source);
      expect((await backend.keys()).map(({ id }) => id)).toEqual([signId]);
      const path = await deleted();
      await until(async () => (await backend.keys()).length === 0);
      await until(async () => (await receipt(path)).refused_everywhere);
      const later = await deleted(await newKey());
      await backend.close();
      const { verifiers } = (await client.get(`/signet/v1/instances/${gateway}/verifiers`)).body;
      expect(verifiers).toMatchObject([{ name: 'orders', ending: 'left', max_age_seconds: 300 }]);
      expect(await receipt(later)).toMatchObject({ verifiers: { state: 'complete' } });
    });
  });

  it.each([
    ['Signet-Verifier', 'a b'],
    ['Signet-Verifier', 'orders/short'],
    ['Signet-Verifier', 'orders/process-a/x'],
    ['Signet-Max-Key-Age', '9'],
    ['Signet-Max-Key-Age', '0x10'],
    ['Signet-Max-Key-Age', '9999999'],
  ])('%s: %s is refused by name', async (header, value) => {
    await fresh();
    const { status, body } = await keys('', undefined, { [header]: value });
    expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining(header)]);
  });
});
