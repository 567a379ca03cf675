import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { ServedProcess } from '../support/process.js';
import { type Answer, TestService } from '../support/service.js';
import { newUrl, WEBHOOK_ENV, WebhookClient } from '../support/webhooks.js';

/** The number of rounds of each race on each database. */
const ROUNDS = 60;
const statuses = (answers: readonly Answer[]) => answers.map(({ status }) => status).sort();
const codes = (answers: readonly Answer[]) => [...new Set(answers.flatMap(({ body }) => (body?.error ? [body.error.code] : [])))].sort();

/** Two `signet serve` processes with one database and one API key. They share no memory. */
onBothDatabases((name) => {
  let test: TestDatabase;
  let processes: ServedProcess[];
  let one: WebhookClient;
  let two: WebhookClient;
  const keys = (id: string, keyId?: string) => `/v1/endpoints/${id}/signing-keys${keyId ? `/${keyId}` : ''}`;
  const idsOf = async (client: WebhookClient, id: string): Promise<string[]> =>
    (await client.get(keys(id))).body.data.map((key: { id: string }) => key.id);
  const through = (i: number) => (i % 2 ? two : one);

  beforeAll(async () => {
    test = await createTestDatabase(name);
    // Without this setting, the many requests with revoked keys would be throttled.
    const env = { ...test.env, ...WEBHOOK_ENV, SIGNET_RATE_LIMITS: 'login-address=off' };
    processes = [await ServedProcess.start(env), await ServedProcess.start(env)];
    one = await WebhookClient.of(await processes[0]!.admin());
    two = new WebhookClient(processes[1]!.baseUrl, one.key);
  });
  afterAll(async () => {
    await Promise.all(processes.map((served) => served.stop()));
    await test.drop();
  });

  it(`when two processes delete both keys at once, one key stays, ${ROUNDS} times`, async () => {
    const { id } = await one.endpoint();
    for (let round = 0; round < ROUNDS; round++) {
      expect((await through(round).post(keys(id))).status).toBe(201);
      const ids = await idsOf(one, id);
      expect(ids).toHaveLength(2);
      const answers = await Promise.all(ids.map((keyId, i) => through(i + round).delete(keys(id, keyId))));
      expect([round, statuses(answers), codes(answers)]).toEqual([round, [204, 409], ['CANNOT_DELETE_LAST_SIGNING_KEY']]);
      const refused = answers.findIndex(({ status }) => status === 409);
      expect(await idsOf(two, id)).toEqual([ids[refused]]);
    }
  });

  it(`twenty concurrent creates through two processes add one key to an existing one, ${ROUNDS} times`, async () => {
    const { id } = await one.endpoint();
    for (let round = 0; round < ROUNDS; round++) {
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => through(i).post(keys(id))));
      expect([round, statuses(answers), codes(answers)]).toEqual([
        round,
        [201, ...Array.from({ length: 19 }, () => 409)],
        ['MAX_SIGNING_KEYS_REACHED'],
      ]);
      const ids = await idsOf(through(round), id);
      expect(ids).toHaveLength(2);
      expect(ids).toContain(answers.find(({ status }) => status === 201)!.body.data.id);
      expect((await through(round).delete(keys(id, ids[1]))).status).toBe(204);
    }
  });

  it(`concurrent deletes and a create have the result of some sequential order, ${ROUNDS} times`, async () => {
    const { id } = await one.endpoint();
    for (let round = 0; round < ROUNDS; round++) {
      const before = await idsOf(one, id);
      if (round % 2 === before.length % 2) {
        if (before.length === 1) await one.post(keys(id));
        else await one.delete(keys(id, before[0]));
      }
      const start = await idsOf(two, id);
      const [created, ...deleted] = await Promise.all([
        through(round).post(keys(id)),
        ...start.map((keyId, i) => through(round + i + 1).delete(keys(id, keyId))),
      ]);
      const gone = start.filter((_, i) => deleted[i]!.status === 204);
      const made = created.status === 201 ? [created.body.data.id as string] : [];
      // Checks that every refusal has the right kind, and that the stored keys are those in the answers.
      expect([round, created.status === 201 || created.body.error.code === 'MAX_SIGNING_KEYS_REACHED']).toEqual([round, true]);
      expect(codes(deleted).filter((code) => code !== 'CANNOT_DELETE_LAST_SIGNING_KEY')).toEqual([]);
      const end = await idsOf(one, id);
      expect([round, end]).toEqual([round, [...made, ...start.filter((keyId) => !gone.includes(keyId))]]);
      expect([1, 2]).toContain(end.length);
      // In every sequential order, a create is refused only before every delete, and a delete is refused only for the last key before the
      // create.
      if (created.status === 409) expect([start.length, gone.length]).toEqual([2, 1]);
      if (start.length === 1) expect(created.status).toBe(201);
    }
  });

  it(`setting an end for both keys at once, or for one while the other is deleted, leaves one key without an end, ${ROUNDS} times`, async () => {
    const { id } = await one.endpoint();
    const details = `/signet/v1/endpoints/${id}/signing-keys`;
    const end = { expires_at: '2099-01-01T00:00:00Z' };
    for (let round = 0; round < ROUNDS; round++) {
      const [newer, older] = [(await through(round).post(keys(id))).body.data.id as string, (await idsOf(one, id))[1]!];
      const expire = (i: number, keyId: string) => through(i).patch(`${details}/${keyId}`, end);
      const answers =
        round % 2 === 0
          ? await Promise.all([expire(round, newer), expire(round + 1, older)])
          : await Promise.all([expire(round, older), through(round + 1).delete(keys(id, newer))]);
      if (round % 2 === 0) expect([round, statuses(answers), codes(answers)]).toEqual([round, [200, 409], []]);
      else expect([round, answers[1].status, [200, 409].includes(answers[0].status)]).toEqual([round, 204, true]);
      const rows = (await through(round).get(details)).body.signing_keys as { id: string; expires_at: string | null }[];
      expect([round, rows.filter(({ expires_at }) => expires_at === null).length]).toEqual([round, 1]);
      // Restores one key without an end.
      const [stays] = rows.filter(({ expires_at }) => expires_at === null);
      for (const row of rows) if (row !== stays) expect((await one.delete(keys(id, row.id))).status).toBe(204);
    }
  });

  it('two concurrent deletes of a key answer 204 once and 404 once', async () => {
    const { id } = await one.endpoint();
    for (let round = 0; round < 25; round++) {
      const { id: keyId } = (await one.post(keys(id))).body.data;
      const answers = await Promise.all([one.delete(keys(id, keyId)), two.delete(keys(id, keyId))]);
      expect([round, statuses(answers), codes(answers)]).toEqual([round, [204, 404], ['NOT_FOUND']]);
    }
  });

  it('ten concurrent creates of one URL answer 201 once and DUPLICATE_URL nine times, also after the URL is free again', async () => {
    for (let round = 0; round < 10; round++) {
      const url = newUrl();
      const create = () => Promise.all(Array.from({ length: 10 }, (_, i) => through(i).post('/v1/endpoints', { url })));
      for (let again = 0; again < 2; again++) {
        const answers = await create();
        expect([round, statuses(answers), codes(answers)]).toEqual([
          round,
          [201, ...Array.from({ length: 9 }, () => 409)],
          ['DUPLICATE_URL'],
        ]);
        const { id } = answers.find(({ status }) => status === 201)!.body.data;
        expect((await two.delete(`/v1/endpoints/${id}`)).status).toBe(200);
      }
    }
  });

  it('the deletion of an endpoint while its keys change leaves no key', async () => {
    for (let round = 0; round < 25; round++) {
      const { id, signing_key_id } = await one.endpoint();
      const [gone, ...others] = await Promise.all([
        one.delete(`/v1/endpoints/${id}`),
        two.post(keys(id)),
        one.post(keys(id)),
        two.delete(keys(id, signing_key_id)),
      ]);
      expect(gone.status).toBe(200);
      expect(others.every(({ status }) => [201, 204, 404, 409].includes(status))).toBe(true);
      expect((await two.get(keys(id))).status).toBe(404);
    }
  });

  it('after one process revokes an API key, the other one refuses the next request with it', async () => {
    for (let round = 0; round < 50; round++) {
      const made = (await one.post('/v1/api-keys', { label: `round ${round}` })).body.data;
      const through = new WebhookClient(two.baseUrl, made.key);
      // The other process uses the key continuously, so that any cache would contain it.
      expect(statuses(await Promise.all(Array.from({ length: 8 }, () => through.get('/v1/endpoints?limit=1'))))).toEqual(
        Array.from({ length: 8 }, () => 200),
      );
      const busy = Promise.all(Array.from({ length: 8 }, () => through.get('/v1/endpoints?limit=1')));
      expect((await one.delete(`/v1/api-keys/${made.key_id}`)).status).toBe(200);
      const after = await Promise.all(Array.from({ length: 8 }, () => through.get('/v1/endpoints?limit=1')));
      expect(statuses(after)).toEqual(Array.from({ length: 8 }, () => 401));
      await busy;
    }
  });
});

describe('the schema', () => {
  onBothDatabases((name) => {
    it('prevents a third key also for direct writes to the database', async () => {
      const test = await createTestDatabase(name);
      const service = await TestService.start(test, WEBHOOK_ENV);
      try {
        const client = await WebhookClient.of(await service.client());
        const { id } = await client.endpoint();
        await client.post(`/v1/endpoints/${id}/signing-keys`);
        const database = service.app.get(Database);
        const copy = (slot: number) =>
          database.transaction((tx) =>
            tx.run(
              `INSERT INTO signing_keys (id, project_id, endpoint_id, slot, type, secret, key_hint, created_by, created_at)
               SELECT ?, project_id, endpoint_id, ?, type, secret, key_hint, created_by, created_at FROM signing_keys
               WHERE endpoint_id = ? AND slot = 1`,
              [`sk_${String(slot).padStart(32, '0')}`, slot, id],
            ),
          );
        for (const slot of [0, 1, 2, 3]) await expect(copy(slot)).rejects.toThrow(/CHECK|CONSTRAINT|UNIQUE|Duplicate/i);
      } finally {
        await service.stop();
        await test.drop();
      }
    });
  });
});
