import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { ServedProcess } from '../support/process.js';
import type { Answer, Client } from '../support/service.js';

const ROUNDS = 10;

/** Resources of API groups, written by two `signet serve` processes on one database. */
onBothDatabases((name) => {
  let test: TestDatabase;
  let processes: ServedProcess[];
  let one: Client;
  let two: Client;
  let gateway: string;
  let env: string;
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  const groupOf = async (round: number): Promise<string> =>
    (await one.post(at('/api-groups'), { name: `group_${counter++}_${round}` })).body.id;
  let counter = 0;
  const codes = (answers: Answer[]) => answers.map(({ status, body }) => (status < 300 ? status : body.error_code)).sort();

  beforeAll(async () => {
    test = await createTestDatabase(name);
    processes = await Promise.all([ServedProcess.start(test.env), ServedProcess.start(test.env)]);
    [one, two] = (await Promise.all(processes.map((served) => served.admin()))) as [Client, Client];
    gateway = await one.gateway();
    env = (await one.post(at('/envs'), { name: 'stage' })).body.id;
  });
  afterAll(async () => {
    await Promise.all(processes.map((served) => served.stop()));
    await test.drop();
  });

  const variable = (group_id: string, variable_name: string, env_id = env) => ({ variable_name, variable_value: '/a', env_id, group_id });
  const variablesOf = async (group: string) => (await two.get(at(`/env-variables?group_id=${group}&limit=500`))).body.total as number;

  it('a variable that two processes create at once is created once', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const group = await groupOf(round);
      const answers = await Promise.all([one, two, one, two].map((client) => client.post(at('/env-variables'), variable(group, 'same'))));
      expect(codes(answers)).toEqual([201, 'APIG.3303', 'APIG.3303', 'APIG.3303']);
      expect(await variablesOf(group)).toBe(1);
    }
  });

  it('a group never has more than 50 variables in an environment', async () => {
    const group = await groupOf(0);
    for (let i = 0; i < 48; i++) expect((await one.post(at('/env-variables'), variable(group, `v_${i}`))).status).toBe(201);
    const last = [one, two, one, two, one, two].map((client, i) => client.post(at('/env-variables'), variable(group, `last_${i}`)));
    expect(codes(await Promise.all(last))).toEqual([201, 201, 'APIG.3106', 'APIG.3106', 'APIG.3106', 'APIG.3106']);
    expect(await variablesOf(group)).toBe(50);
  });

  it('a variable that is created while its environment or group is deleted is deleted too', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const group = await groupOf(round);
      const short = (await one.post(at('/envs'), { name: `short_${round}` })).body.id as string;
      const [made, gone] = await Promise.all([
        one.post(at('/env-variables'), variable(group, 'raced', short)),
        two.delete(at(`/envs/${short}`)),
      ]);
      expect(gone.status).toBe(204);
      expect([201, 404]).toContain(made.status);
      if (made.status === 404) expect(made.body.error_code).toBe('APIG.3003');
      expect(await variablesOf(group)).toBe(0);

      const [again, deleted] = await Promise.all([
        two.post(at('/env-variables'), variable(group, 'raced')),
        one.delete(at(`/api-groups/${group}`)),
      ]);
      expect(deleted.status).toBe(204);
      if (again.status === 201) expect((await one.get(at(`/env-variables/${again.body.id}`))).body.error_code).toBe('APIG.3011');
      else expect(again.body.error_code).toBe('APIG.3001');
    }
  });

  it('a response name that two processes create at once is created once, and a group never has more than ten responses', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const path = at(`/api-groups/${await groupOf(round)}/gateway-responses`);
      const same = [one, two, one, two].map((client) => client.post(path, { name: 'same' }));
      expect(codes(await Promise.all(same))).toEqual([201, 'APIG.3216', 'APIG.3216', 'APIG.3216']);
      for (let i = 0; i < 7; i++) expect((await one.post(path, { name: `r_${i}` })).status).toBe(201);
      const last = [one, two, one, two].map((client, i) => client.post(path, { name: `last_${i}` }));
      expect(codes(await Promise.all(last))).toEqual([201, 201, 'APIG.3136', 'APIG.3136']);
    }
  });

  it('all error types that two processes set at once are set', async () => {
    const path = at(`/api-groups/${await groupOf(0)}/gateway-responses`);
    const { id } = (await one.post(path, { name: 'shared' })).body as { id: string };
    const types = ['THROTTLED', 'NOT_FOUND', 'ACCESS_DENIED', 'BACKEND_TIMEOUT'];
    const set = types.map((type, i) => (i % 2 ? one : two).put(`${path}/${id}/${type}`, { body: type }));
    expect(codes(await Promise.all(set))).toEqual([200, 200, 200, 200]);
    const { responses } = (await one.get(`${path}/${id}`)).body;
    expect(types.map((type) => responses[type].body)).toEqual(types);
  });

  it('a domain that two processes bind to two groups at once is bound once, and a group never has more than five domains', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const groups = [await groupOf(round), await groupOf(round)];
      const path = (group: string) => at(`/api-groups/${group}/domains`);
      const url_domain = `same-${round}.example`;
      const same = [one, two, one, two].map((client, i) => client.post(path(groups[i % 2]!), { url_domain }));
      expect(codes(await Promise.all(same))).toEqual([201, 'APIG.3305', 'APIG.3305', 'APIG.3305']);
      const group = await groupOf(round);
      for (let i = 0; i < 3; i++) await one.post(path(group), { url_domain: `d${i}-${round}.example` });
      const last = [one, two, one, two].map((client, i) => client.post(path(group), { url_domain: `last${i}-${round}.example` }));
      expect(codes(await Promise.all(last))).toEqual([201, 201, 'APIG.3108', 'APIG.3108']);
      expect((await two.get(at(`/api-groups/${group}`))).body.url_domains).toHaveLength(5);
    }
  });
});
