import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, TestService } from '../support/service.js';

/** The row with the searched name is the oldest, and newer names contain that name: without the rule it would be last. */
const NAMES = ['stage', 'stage_b', 'a_stage', 'old_stage_2'];
const RELEASE = 'DEFAULT_ENVIRONMENT_RELEASE_ID';

onBothDatabases((engine) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let sign: string;
  let api: string;
  const B = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;

  beforeAll(async () => {
    database = await createTestDatabase(engine);
    service = await TestService.start(database);
    client = await service.client();
    gateway = await client.gateway();
    const made = async (path: string, body: object): Promise<any> => {
      const answer = await client.post(path, body);
      if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${answer.text}`);
      return answer.body;
    };
    for (const name of NAMES) {
      await client.gateway({ instance_name: name });
      const { id: group_id } = await made(B('/api-groups'), { name });
      await made(B('/envs'), { name });
      await made(B('/vpc-channels'), { name, members: [] });
      ({ id: sign } = await made(B('/signs'), { name }));
      const definition = { type: 1, req_protocol: 'HTTP', req_method: 'GET', req_uri: `/${name}`, auth_type: 'NONE', backend_type: 'MOCK' };
      ({ id: api } = await made(B('/apis'), { name, group_id, ...definition }));
      await made(B('/apis/action'), { action: 'online', env_id: RELEASE, api_id: api });
    }
    // Every publication is bound to the last key. The last API also has a binding to a key of each name, each in a separate environment.
    const { apis } = (await client.get(B(`/sign-bindings/unbinded-apis?sign_id=${sign}`))).body;
    await made(B('/sign-bindings'), { sign_id: sign, publish_ids: apis.map(({ publish_id }: any) => publish_id) });
    const { signs } = (await client.get(B('/signs'))).body;
    const { envs } = (await client.get(B('/envs'))).body;
    for (const name of NAMES) {
      const { id } = envs.find((env: any) => env.name === name);
      const { publish_id } = await made(B('/apis/action'), { action: 'online', env_id: id, api_id: api });
      await made(B('/sign-bindings'), { sign_id: signs.find((one: any) => one.name === name).id, publish_ids: [publish_id] });
    }
    // An online publication without a key.
    const all = (await client.get(B('/apis'))).body.apis;
    for (const name of NAMES.slice(0, -1)) {
      await made(B('/apis/action'), { action: 'online', env_id: envs.at(-1).id, api_id: all.find((one: any) => one.name === name).id });
    }
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  const lists: [list: string, path: () => string, filter: string, rows: string, name: string][] = [
    ['gateways', () => '/v2/{project}/apigw/instances', 'instance_name', 'instances', 'instance_name'],
    ['groups', () => B('/api-groups'), 'name', 'groups', 'name'],
    ['environments', () => B('/envs'), 'name', 'envs', 'name'],
    ['channels', () => B('/vpc-channels'), 'name', 'vpc_channels', 'name'],
    ['keys', () => B('/signs'), 'name', 'signs', 'name'],
    ['APIs', () => B('/apis'), 'name', 'apis', 'name'],
    ['publications of a key', () => B(`/sign-bindings/binded-apis?sign_id=${sign}`), 'api_name', 'bindings', 'api_name'],
    ['publications without a key', () => B(`/sign-bindings/unbinded-apis?sign_id=${sign}`), 'api_name', 'apis', 'name'],
    ['keys of an API', () => B(`/sign-bindings/binded-signs?api_id=${api}`), 'sign_name', 'bindings', 'sign_name'],
  ];

  it.each(lists)(
    'a list filtered by name has the exact match first and then the other matches, newest first: %s',
    async (_, path, filter, rows, name) => {
      const read = async (query: string): Promise<string[]> => {
        const answer = await client.get(`${path()}${path().includes('?') ? '&' : '?'}${query}`);
        expect([answer.status, answer.status === 200 ? '' : answer.text]).toEqual([200, '']);
        return answer.body[rows].map((row: any) => row[name]);
      };
      const found = await read(`${filter}=stage&limit=50`);
      expect(found[0]).toBe('stage');
      const others = (await read('limit=50')).filter((each) => each.includes('stage') && each !== 'stage');
      expect(others.length).toBeGreaterThan(1);
      expect(found.filter((each) => each !== 'stage')).toEqual(others);
      expect(await read(`${filter}=stage&limit=1`)).toEqual(['stage']);
      expect(await read(`${filter}=stage&limit=1&offset=${found.lastIndexOf('stage') + 1}`)).toEqual(others.slice(0, 1));
      expect(await read(`${filter}=stage&offset=${found.length}`)).toEqual([]);
      expect((await read(`${filter}=tage_&limit=50`)).every((each) => each !== 'stage')).toBe(true);
      expect(await read(`${filter}=stage%00&limit=50`)).toEqual([]);
    },
  );
});
