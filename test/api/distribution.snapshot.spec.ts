import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { type Client, TestService } from '../support/service.js';

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let machine: Machine;
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  const sign = async (fields: Record<string, unknown> = {}) =>
    (await client.post(at('/signs'), { name: `key_${(count += 1)}`, ...fields })).body as Record<string, string>;
  const bind = (signId: string, publishIds: string[]) => client.post(at('/sign-bindings'), { sign_id: signId, publish_ids: publishIds });
  let count = 0;

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database);
    client = await service.client();
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  describe('GET …/snapshot', () => {
    it('answers 200 with an empty table for an empty gateway', async () => {
      gateway = await client.gateway();
      machine = await Machine.of(client, gateway);
      const { status, body, headers } = await machine.get('/snapshot');
      expect([status, body]).toEqual([
        200,
        {
          instance_id: gateway,
          epoch: expect.any(String),
          revision: 1,
          partial: false,
          encoded_slashes: 'refuse',
          open_connections: 'keep',
          publications: [],
        },
      ]);
      expect(headers.get('cache-control')).toBe('no-store');
    });

    it('has every online publication with its frozen route and its key with the decrypted secret', async () => {
      const { id, sign_key, sign_secret } = await sign();
      const bound = await client.publishedApi(gateway);
      const bare = await client.publishedApi(gateway);
      await bind(id!, bound.publishIds);
      const { body } = await machine.get('/snapshot');
      expect(body.publications).toHaveLength(2);
      const of = (publishId: string) => body.publications.find(({ publish_id }: { publish_id: string }) => publish_id === publishId);
      expect(of(bound.publishIds[0]!)).toEqual({
        publish_id: bound.publishIds[0],
        api_id: bound.apiId,
        group_id: bound.groupId,
        env_id: 'DEFAULT_ENVIRONMENT_RELEASE_ID',
        env_name: 'RELEASE',
        req_method: 'GET',
        req_uri: expect.stringMatching(/^\/[0-9a-f]{12}$/),
        match_mode: 'NORMAL',
        sign: { sign_id: id, sign_type: 'hmac', sign_algorithm: null, sign_key, sign_secret, version: 1 },
      });
      expect(of(bare.publishIds[0]!).sign).toBeNull();
    });

    it('keeps the route that was published while the API is edited', async () => {
      const { apiId, publishIds } = await client.publishedApi(gateway);
      const { body: api } = await client.get(at(`/apis/${apiId}`));
      await client.put(at(`/apis/${apiId}`), { ...api, req_uri: '/edited', req_method: 'POST' });
      const { body } = await machine.get(`/snapshot?publish_ids=${publishIds[0]}`);
      expect(body.publications[0].req_uri).not.toBe('/edited');
      await client.post(at('/apis/action'), { action: 'online', env_id: 'DEFAULT_ENVIRONMENT_RELEASE_ID', api_id: apiId });
      const again = await machine.get(`/snapshot?publish_ids=${publishIds[0]}`);
      expect(again.body.publications[0]).toMatchObject({ req_uri: '/edited', req_method: 'POST' });
    });

    it('omits offline, unbound and deleted rows', async () => {
      const { id } = await sign();
      const [first, second] = [await client.publishedApi(gateway), await client.publishedApi(gateway)];
      const publishIds = [...first.publishIds, ...second.publishIds];
      await bind(id!, publishIds);
      const some = async () => (await machine.get(`/snapshot?publish_ids=${publishIds.join()}`)).body.publications;
      expect(await some()).toHaveLength(2);
      await client.post(at('/apis/action'), { action: 'offline', env_id: 'DEFAULT_ENVIRONMENT_RELEASE_ID', api_id: first.apiId });
      expect(await some()).toMatchObject([{ publish_id: second.publishIds[0], sign: { sign_id: id } }]);
      await client.delete(at(`/signs/${id}`));
      expect(await some()).toMatchObject([{ publish_id: second.publishIds[0], sign: null }]);
    });

    it('has the state of the revision that it names', async () => {
      const { body: before } = await machine.get('/snapshot');
      await sign();
      const { body: after } = await machine.get('/snapshot');
      expect(after.revision).toBe(before.revision + 1);
    });
  });

  describe('GET …/snapshot?publish_ids=&sign_ids=', () => {
    it('has the given publications, and those with the given keys, each once', async () => {
      const { id } = await sign();
      const [bound, other] = [await client.publishedApi(gateway), await client.publishedApi(gateway)];
      await bind(id!, bound.publishIds);
      const ids = async (query: string) => {
        const { body } = await machine.get(`/snapshot?${query}`);
        expect(body.partial).toBe(true);
        return body.publications.map(({ publish_id }: { publish_id: string }) => publish_id);
      };
      expect(await ids(`sign_ids=${id}`)).toEqual(bound.publishIds);
      expect(await ids(`publish_ids=${[...other.publishIds, ...bound.publishIds].join()}&sign_ids=${id}`)).toHaveLength(2);
      expect(await ids('sign_ids=0123456789abcdef0123456789abcdef')).toEqual([]);
      expect(await ids('publish_ids=')).toEqual([]);
    });

    it('contains nothing of another gateway', async () => {
      const { publishIds } = await client.publishedApi(gateway);
      const other = await Machine.of(client, await client.gateway());
      expect((await other.get(`/snapshot?publish_ids=${publishIds.join()}`)).body.publications).toEqual([]);
    });

    it.each([
      ['too many ids', Array.from({ length: 201 }, (_, i) => `x${i}`).join()],
      ['a value that cannot be an id', 'a%20b'],
      ['a parameter twice', 'a&publish_ids=b'],
    ])('answers 400 for %s', async (_, value) => {
      expect((await machine.get(`/snapshot?publish_ids=${value}`)).status).toBe(400);
    });
  });
});
