import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const NANOSECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/;
const SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const ID = /^[0-9a-f]{32}$/;
const bad = (parameter: string) => ({
  error_code: 'APIG.2012',
  error_msg: `Invalid parameter value,parameterName:${parameter}. Please refer to the support documentation`,
});
const noKey = (id: string) => ({ error_code: 'APIG.3017', error_msg: `Signature key ${id} does not exist` });
const noPublication = { error_code: 'APIG.3015', error_msg: 'The API publication record does not exist.' };
const noBinding = { error_code: 'APIG.3018', error_msg: 'The signature key binding record does not exist' };

onBothDatabases((name) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let environments: string[];
  let count = 0;
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  beforeAll(async () => {
    test = await createTestDatabase(name);
    service = await TestService.start(test);
    client = await service.client({ project: 'bound' });
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });
  // A gateway for each test, because tests count the publications that are not bound in it.
  let gateways = 0;
  beforeEach(async () => {
    if (++gateways % 5 === 0) client = await service.client({ project: `bound_${gateways}` });
    gateway = await client.gateway();
    environments = ['DEFAULT_ENVIRONMENT_RELEASE_ID', (await client.post(at('/envs'), { name: 'second' })).body.id];
  });
  const key = async (input: object = {}) => (await client.post(at('/signs'), { name: `key_${++count}`, ...input })).body;
  const api = () => client.publishedApi(gateway, { envIds: environments });
  const bind = (sign_id: string, publish_ids: unknown) => client.post(at('/sign-bindings'), { sign_id, publish_ids });
  const bound = async (sign_id: string, query = '') => (await client.get(at(`/sign-bindings/binded-apis?sign_id=${sign_id}${query}`))).body;
  const unbound = async (sign_id: string, query = '') =>
    (await client.get(at(`/sign-bindings/unbinded-apis?sign_id=${sign_id}${query}`))).body;
  const bindNum = async (id: string) => (await client.get(at(`/signs?id=${id}`))).body.signs[0].bind_num;

  describe('POST …/sign-bindings', () => {
    it('returns one record per publication, with the key in plain text', async () => {
      const sign = await key({ sign_type: 'basic' });
      const { apiId, publishIds } = await api();
      const { status, body, headers } = await bind(sign.id, publishIds);
      expect(status).toBe(201);
      expect(headers.get('cache-control')).toBe('no-store');
      expect(body.bindings).toEqual(
        publishIds.map((publish_id, i) => ({
          id: expect.stringMatching(ID),
          publish_id,
          api_id: apiId,
          api_name: expect.any(String),
          api_type: 1,
          api_remark: '',
          group_name: expect.any(String),
          req_method: 'GET',
          env_id: environments[i],
          env_name: ['RELEASE', 'second'][i],
          binding_time: expect.stringMatching(NANOSECONDS),
          sign_id: sign.id,
          sign_name: sign.name,
          sign_type: 'basic',
          sign_key: sign.sign_key,
          sign_secret: sign.sign_secret,
          tags: [],
        })),
      );
    });

    it('replaces the bound key with a new record, and deletes the old record', async () => {
      const [old, next] = [await key(), await key()];
      const { publishIds } = await api();
      const before = (await bind(old.id, publishIds)).body.bindings;
      const { status, body } = await bind(next.id, [publishIds[0]]);
      expect([status, body.bindings.length]).toEqual([201, 1]);
      expect(body.bindings[0].id).not.toBe(before[0].id);
      expect((await bound(old.id)).bindings.map((b: { publish_id: string }) => b.publish_id)).toEqual([publishIds[1]]);
      expect([await bindNum(old.id), await bindNum(next.id)]).toEqual([1, 1]);
      const stale = await client.delete(at(`/sign-bindings/${before[0].id}`));
      expect([stale.status, stale.body]).toEqual([404, noBinding]);
      expect(await bindNum(next.id)).toBe(1);
    });

    it('does not change a record of the same key', async () => {
      const sign = await key();
      const { publishIds } = await api();
      const first = (await bind(sign.id, publishIds)).body.bindings;
      const again = await bind(sign.id, publishIds);
      expect(again.status).toBe(201);
      expect(again.body.bindings.map(({ id }: { id: string }) => id)).toEqual(first.map(({ id }: { id: string }) => id));
      const events = (await client.get(`/signet/v1/audit?resource_id=${sign.id}&action=AssociateSignatureKey`)).body.events;
      expect(events).toHaveLength(1);
    });

    it('counts a repeated id once', async () => {
      const sign = await key();
      const { publishIds } = await api();
      expect((await bind(sign.id, [publishIds[0], publishIds[0]])).body.bindings).toHaveLength(1);
    });

    it('moves six publications among three keys, two each, as the acceptance tests do', async () => {
      const keys = [await key({ sign_type: 'basic' }), await key(), await key({ sign_type: 'aes', sign_algorithm: 'aes-128-cfb' })];
      const ids = [...(await api()).publishIds, ...(await api()).publishIds, ...(await api()).publishIds];
      const step = (pairs: number[][]) => Promise.all(pairs.map(([a, b], i) => bind(keys[i].id, [ids[a!], ids[b!]])));
      await step([
        [0, 1],
        [2, 3],
        [4, 5],
      ]);
      await step([
        [1, 2],
        [3, 4],
        [0, 5],
      ]);
      expect(await Promise.all(keys.map(({ id }) => bindNum(id)))).toEqual([2, 2, 2]);
    });

    it('creates a binding that stays while the API is offline, and takes effect when it is online again', async () => {
      const sign = await key();
      const { apiId, publishIds } = await api();
      await bind(sign.id, publishIds);
      const action = (what: string) => client.post(at('/apis/action'), { action: what, env_id: environments[0], api_id: apiId });
      expect((await action('offline')).status).toBe(201);
      expect((await bound(sign.id)).total).toBe(2);
      expect((await action('online')).body.publish_id).toBe(publishIds[0]);
      expect((await bound(sign.id)).total).toBe(2);
    });

    it.each([
      ['publish_ids', { publish_ids: [] }],
      ['publish_ids', { publish_ids: 'abc' }],
      ['publish_ids', { publish_ids: [1] }],
      ['publish_ids', { publish_ids: [null] }],
      ['publish_ids', { publish_ids: Array.from({ length: 1001 }, () => 'x') }],
      ['sign_id', { sign_id: 1, publish_ids: ['x'] }],
      ['sign_id', { sign_id: '', publish_ids: ['x'] }],
    ])('answers 400 and names %s', async (field, input) => {
      const { status, body } = await client.post(at('/sign-bindings'), { sign_id: 'x', ...input });
      expect([status, body]).toEqual([400, bad(field)]);
    });

    it('answers 400 and names publish_ids if it is missing', async () => {
      const { status, body } = await client.post(at('/sign-bindings'), { sign_id: 'x' });
      expect([status, body.error_code, body.error_msg]).toEqual([400, 'APIG.2001', expect.stringContaining('parameterName:publish_ids.')]);
    });

    it.each([{ publish_ids: ['x'] }, { sign_id: null, publish_ids: ['x'] }, {}])(
      'answers 400 for a missing sign_id as for an invalid one: %j',
      async (input) => {
        const { status, body } = await client.post(at('/sign-bindings'), input);
        expect([status, body]).toEqual([400, bad('sign_id')]);
      },
    );

    it.each(['binded-apis', 'unbinded-apis', 'binded-apis?sign_id=', 'unbinded-apis?sign_id='])(
      'and GET %s answer the same 400 for a missing sign_id',
      async (path) => {
        const { status, body } = await client.get(at(`/sign-bindings/${path}`));
        expect([status, body]).toEqual([400, bad('sign_id')]);
      },
    );

    it('answers 404 for an unknown key, or a key of another gateway', async () => {
      const { publishIds } = await api();
      const other = await service.client();
      const theirs = (await other.post(`/v2/{project}/apigw/instances/${await other.gateway()}/signs`, { name: 'their_key' })).body.id;
      for (const id of [theirs, '0'.repeat(32)]) expect((await bind(id, publishIds)).body).toEqual(noKey(id));
    });

    it('answers 404 for an unknown, offline or foreign publication, and binds nothing', async () => {
      const sign = await key();
      const { publishIds } = await api();
      const offline = await api();
      await client.post(at('/apis/action'), { action: 'offline', env_id: environments[0], api_id: offline.apiId });
      const other = await service.client();
      const theirs = (await other.publishedApi(await other.gateway())).publishIds[0];
      for (const id of ['0'.repeat(32), offline.publishIds[0], theirs, "' OR '1'='1"]) {
        const { status, body } = await bind(sign.id, [publishIds[0], id]);
        expect([status, body]).toEqual([404, noPublication]);
      }
      expect(await bindNum(sign.id)).toBe(0);
    });

    it('answers 404 for an unknown gateway', async () => {
      const { status, body } = await client.post(`/v2/{project}/apigw/instances/${'0'.repeat(32)}/sign-bindings`, {
        sign_id: 'x',
        publish_ids: ['x'],
      });
      expect([status, body.error_code]).toEqual([404, 'APIG.3030']);
    });
  });

  describe('DELETE …/sign-bindings/{id}', () => {
    it('answers 204, and the publication is free at once', async () => {
      const sign = await key();
      const { publishIds } = await api();
      const { bindings } = (await bind(sign.id, publishIds)).body;
      const { status, text } = await client.delete(at(`/sign-bindings/${bindings[0].id}`));
      expect([status, text]).toEqual([204, '']);
      expect((await unbound(sign.id)).apis.map((a: { publish_id: string }) => a.publish_id)).toEqual([publishIds[0]]);
    });

    it('answers 404 the second time, for the key’s own id, and for another project’s record', async () => {
      const sign = await key();
      const { publishIds } = await api();
      const { id } = (await bind(sign.id, publishIds)).body.bindings[0];
      const other = await service.client();
      const theirGateway = await other.gateway();
      expect((await other.delete(`/v2/{project}/apigw/instances/${theirGateway}/sign-bindings/${id}`)).body).toEqual(noBinding);
      const answers = await Promise.all([client.delete(at(`/sign-bindings/${id}`)), client.delete(at(`/sign-bindings/${id}`))]);
      expect(answers.map(({ status }) => status).sort()).toEqual([204, 404]);
      expect((await client.delete(at(`/sign-bindings/${sign.id}`))).body).toEqual(noBinding);
    });

    it('answers 400 for a malformed id', async () => {
      const { status, body } = await client.delete(at('/sign-bindings/not%20an%20id'));
      expect([status, body]).toEqual([400, bad('id')]);
    });
  });

  describe('GET …/sign-bindings/binded-apis', () => {
    it('answers 200 with the newest first, in whole seconds and without the secret', async () => {
      const sign = await key();
      const { publishIds } = await api();
      const made = (await bind(sign.id, publishIds)).body.bindings;
      const body = await bound(sign.id);
      expect([body.total, body.size]).toEqual([2, 2]);
      const first = Object.fromEntries(
        Object.entries(made[1]).filter(([field]) => !['sign_key', 'sign_secret', 'sign_type'].includes(field)),
      );
      expect(body.bindings[0]).toEqual({ ...first, binding_time: expect.stringMatching(SECONDS) });
    });

    it('answers 200 for every filter and page', async () => {
      const sign = await key();
      const [one, two] = [await api(), await api()];
      await bind(sign.id, [...one.publishIds, ...two.publishIds]);
      const total = async (query: string) => (await bound(sign.id, query)).total;
      expect(await total(`&api_id=${one.apiId}`)).toBe(2);
      expect(await total(`&env_id=${environments[1]}`)).toBe(2);
      expect(await total(`&env_id=${environments[1]}&api_id=${two.apiId}`)).toBe(1);
      expect(await total(`&group_id=${one.groupId}`)).toBe(4);
      expect(await total('&group_id=none')).toBe(0);
      expect(await total('&api_name=api_')).toBe(4);
      expect(await total('&api_name=API_')).toBe(0);
      expect(await total('&tags=%23no_tags%23')).toBe(4);
      expect(await total('&tags=blue')).toBe(0);
      expect(await bound(sign.id, '&limit=3&offset=3')).toMatchObject({ total: 4, size: 1 });
      expect(await bound(sign.id, '&limit=500&offset=500')).toEqual({ total: 4, size: 0, bindings: [] });
    });

    it('answers 400 without a key, and 404 for an unknown key', async () => {
      const missing = await client.get(at('/sign-bindings/binded-apis'));
      expect([missing.status, missing.body]).toEqual([400, bad('sign_id')]);
      const none = await client.get(at(`/sign-bindings/binded-apis?sign_id=${'0'.repeat(32)}`));
      expect([none.status, none.body]).toEqual([404, noKey('0'.repeat(32))]);
      const page = await client.get(at('/sign-bindings/binded-apis?sign_id=x&limit=abc'));
      expect([page.status, page.body]).toEqual([400, bad('limit')]);
    });
  });

  describe('GET …/sign-bindings/unbinded-apis', () => {
    it('answers 200 with the publications that are not bound to this key, and the names of the keys that they are bound to', async () => {
      const [mine, other] = [await key(), await key()];
      const { apiId, groupId, publishIds } = await api();
      await bind(other.id, [publishIds[1]]);
      const body = await unbound(mine.id);
      expect([body.total, body.size]).toEqual([2, 2]);
      const row = {
        id: apiId,
        name: expect.any(String),
        type: 1,
        auth_type: 'NONE',
        req_uri: expect.stringMatching(/^\//),
        req_method: 'GET',
        remark: '',
        group_id: groupId,
        group_name: expect.any(String),
        tags: [],
      };
      expect(body.apis).toEqual([
        { ...row, run_env_id: environments[1], run_env_name: 'second', publish_id: publishIds[1], signature_name: other.name },
        { ...row, run_env_id: environments[0], run_env_name: 'RELEASE', publish_id: publishIds[0], signature_name: '' },
      ]);
    });

    it('answers 200 without publications that have just been bound or are offline', async () => {
      const sign = await key();
      const [one, two] = [await api(), await api()];
      await bind(sign.id, [one.publishIds[0]]);
      await client.post(at('/apis/action'), { action: 'offline', env_id: environments[0], api_id: two.apiId });
      expect((await unbound(sign.id)).apis.map((a: { publish_id: string }) => a.publish_id).sort()).toEqual(
        [one.publishIds[1], two.publishIds[1]].sort(),
      );
    });

    it('answers 404 for an unknown key', async () => {
      const { status, body } = await client.get(at(`/sign-bindings/unbinded-apis?sign_id=${'0'.repeat(32)}`));
      expect([status, body]).toEqual([404, noKey('0'.repeat(32))]);
    });
  });

  describe('GET …/sign-bindings/binded-signs', () => {
    it('answers 200 with a key for each environment, in plain text, and with every filter', async () => {
      const [one, two] = [await key(), await key({ sign_type: 'aes', sign_algorithm: 'aes-256-cfb' })];
      const { apiId, publishIds } = await api();
      await bind(one.id, [publishIds[0]]);
      await bind(two.id, [publishIds[1]]);
      const of = async (query = '') => (await client.get(at(`/sign-bindings/binded-signs?api_id=${apiId}${query}`))).body;
      const body = await of();
      expect(body).toMatchObject({ total: 2, size: 2 });
      expect(body.bindings[0]).toMatchObject({
        sign_id: two.id,
        sign_type: 'aes',
        sign_algorithm: 'aes-256-cfb',
        sign_secret: two.sign_secret,
        env_id: environments[1],
        publish_id: publishIds[1],
      });
      expect(body.bindings[1]).toMatchObject({ sign_id: one.id, sign_key: one.sign_key, sign_secret: one.sign_secret });
      expect((await of(`&sign_id=${one.id}`)).total).toBe(1);
      expect((await of(`&sign_name=${two.name}`)).total).toBe(1);
      expect(await of('&sign_name=unknown')).toEqual({ total: 0, size: 0, bindings: [] });
      expect((await of(`&env_id=${environments[1]}`)).bindings[0].sign_id).toBe(two.id);
    });

    it('answers 404 for an unknown or foreign API', async () => {
      const other = await service.client();
      const theirs = (await other.publishedApi(await other.gateway())).apiId;
      for (const id of [theirs, '0'.repeat(32)]) {
        const { status, body } = await client.get(at(`/sign-bindings/binded-signs?api_id=${id}`));
        expect([status, body]).toEqual([404, { error_code: 'APIG.3002', error_msg: `API ${id} does not exist` }]);
      }
    });
  });

  describe('a reader', () => {
    it('may list, but neither bind nor unbind', async () => {
      const sign = await key();
      const { publishIds } = await api();
      const { id } = (await bind(sign.id, [publishIds[0]])).body.bindings[0];
      const project = gateways < 5 ? 'bound' : `bound_${gateways - (gateways % 5)}`;
      const reader = await service.client({ project, role: READ_ONLY });
      expect((await reader.get(at(`/sign-bindings/binded-apis?sign_id=${sign.id}`))).body.total).toBe(1);
      expect((await reader.post(at('/sign-bindings'), { sign_id: sign.id, publish_ids: publishIds })).status).toBe(403);
      expect((await reader.delete(at(`/sign-bindings/${id}`))).status).toBe(403);
      expect(await bindNum(sign.id)).toBe(1);
    });
  });
});
