import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createEmptyDatabase, createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { ServedProcess } from '../support/process.js';
import type { Client } from '../support/service.js';

const ROUNDS = 25;

/** Two `signet serve` processes on one database. They share no memory. */
onBothDatabases((name) => {
  let test: TestDatabase;
  let processes: ServedProcess[];
  let one: Client;
  let two: Client;
  let gateway: string;
  let publishIds: string[];
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;

  beforeAll(async () => {
    test = await createTestDatabase(name);
    processes = await Promise.all([ServedProcess.start(test.env), ServedProcess.start(test.env)]);
    [one, two] = (await Promise.all(processes.map((served) => served.admin()))) as [Client, Client];
    gateway = await one.gateway();
    publishIds = [];
    for (let i = 0; i < 6; i++) publishIds.push(...(await one.publishedApi(gateway)).publishIds);
  });
  afterAll(async () => {
    await Promise.all(processes.map((served) => served.stop()));
    await test.drop();
  });

  const create = async (client: Client, signName: string): Promise<string> => {
    const { status, body } = await client.post(at('/signs'), { name: signName });
    expect(status).toBe(201);
    return body.id;
  };
  /** All bindings by publication, read without the id of a key. */
  const bindings = async (): Promise<{ publish_id: string; sign_id: string; id: string }[]> => {
    const apis = (await one.get(at('/apis?limit=500'))).body.apis as { id: string }[];
    const pages = await Promise.all(
      apis.map(async ({ id }) => (await two.get(at(`/sign-bindings/binded-signs?api_id=${id}`))).body.bindings),
    );
    return pages.flat();
  };

  it(`two concurrent deletes of one key through two processes answer 204 once and 404 once, ${ROUNDS} times`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const id = await create(one, `twice_${round}`);
      const answers = await Promise.all([one.delete(at(`/signs/${id}`)), two.delete(at(`/signs/${id}`))]);
      expect(answers.map(({ status }) => status).sort()).toEqual([204, 404]);
      expect(answers.find(({ status }) => status === 404)?.body.error_code).toBe('APIG.3017');
    }
  });

  it(`a bind that races a delete ends in 201 or 404, and never leaves a binding, ${ROUNDS} times`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const id = await create(two, `raced_${round}`);
      const [bound, gone] = await Promise.all([
        one.post(at('/sign-bindings'), { sign_id: id, publish_ids: publishIds }),
        two.delete(at(`/signs/${id}`)),
      ]);
      expect(gone.status).toBe(204);
      expect([201, 404]).toContain(bound.status);
      if (bound.status === 404) expect(bound.body.error_code).toBe('APIG.3017');
      expect(await bindings()).toEqual([]);
      expect((await one.get(at(`/signs?id=${id}`))).body.total).toBe(0);
    }
  });

  it(`when two keys are bound to the same publications at once, all publications have the same key afterwards, ${ROUNDS} times`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const ids = [await create(one, `left_${round}`), await create(two, `right_${round}`)];
      const answers = await Promise.all(
        [one, two].map((client, i) => client.post(at('/sign-bindings'), { sign_id: ids[i], publish_ids: publishIds })),
      );
      expect(answers.map(({ status }) => status)).toEqual([201, 201]);
      const there = await bindings();
      expect(there.map(({ publish_id }) => publish_id).sort()).toEqual([...publishIds].sort());
      expect(new Set(there.map(({ sign_id }) => sign_id)).size).toBe(1);
      await Promise.all(ids.map((id, i) => [two, one][i]!.delete(at(`/signs/${id}`))));
      expect(await bindings()).toEqual([]);
    }
  });

  it('concurrent creates of one name through two processes create one key', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => (i % 2 ? one : two).post(at('/signs'), { name: 'same_name' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 9 }, () => 400)]);
  });

  it('two processes together never exceed the quota of keys', async () => {
    const { total } = (await one.get(at('/signs'))).body;
    const answers = await Promise.all(
      Array.from({ length: 200 - total + 20 }, (_, i) => (i % 2 ? one : two).post(at('/signs'), { name: `quota_${i}` })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(200 - total);
    expect(answers.filter(({ status }) => status !== 201).every(({ body }) => body.error_code === 'APIG.3105')).toBe(true);
  });

  it('one process reads at once what another has written, including secrets', async () => {
    const keys = (await one.get(at('/signs?limit=1'))).body.signs;
    expect((await two.get(at(`/signs?id=${keys[0].id}`))).body.signs).toEqual(keys);
  });
});

describe('eight processes', () => {
  onBothDatabases((name) => {
    it('that start at once on an empty database share one administrator, one project and one gateway', async () => {
      const test = await createEmptyDatabase(name);
      const processes = await Promise.all(Array.from({ length: 8 }, () => ServedProcess.start(test.env, 60_000)));
      try {
        const admins = await Promise.all(processes.map((served) => served.admin()));
        expect(new Set(admins.map(({ projectId }) => projectId)).size).toBe(1);
        // Each token is used at the process that did not issue it.
        const lists = await Promise.all(
          admins.map((admin, i) =>
            fetch(`${processes[(i + 1) % 8]!.baseUrl}/v2/${admin.projectId}/apigw/instances`, { headers: { 'x-auth-token': admin.token } }),
          ),
        );
        for (const list of lists) expect((await list.json()) as object).toMatchObject({ total: 1, instances: [{ instance_name: 'demo' }] });
      } finally {
        await Promise.all(processes.map((served) => served.stop('SIGKILL')));
        await test.drop();
      }
    });
  });
});
