import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

onBothDatabases((name) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let signs: string;
  const NAMES = ['alpha_one', 'alpha_two', 'Alpha_three', 'beta_100%', 'beta_x'].map((n) => n.replace('%', '_'));
  beforeAll(async () => {
    test = await createTestDatabase(name);
    service = await TestService.start(test);
    client = await service.client({ project: 'listed' });
    gateway = await client.gateway();
    signs = `/v2/{project}/apigw/instances/${gateway}/signs`;
    for (const each of NAMES) await client.post(signs, { name: each });
    for (let i = 0; i < 25; i++)
      await client.post(signs, { name: `key_${String(i).padStart(2, '0')}`, sign_type: 'aes', sign_algorithm: 'aes-128-cfb' });
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });
  const list = async (query: string) => (await client.get(`${signs}${query}`)).body;
  const names = async (query: string): Promise<string[]> => (await list(query)).signs.map((sign: { name: string }) => sign.name);

  describe('GET …/signs', () => {
    it('answers 200 with the newest first, twenty per page, and with secrets in plain text', async () => {
      const body = await list('');
      expect([body.total, body.size, body.signs.length]).toEqual([30, 20, 20]);
      expect(body.signs[0]).toEqual({
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        name: 'key_24',
        sign_type: 'aes',
        sign_algorithm: 'aes-128-cfb',
        sign_key: expect.stringMatching(/^.{16}$/),
        sign_secret: expect.stringMatching(/^.{16}$/),
        bind_num: 0,
        ldapi_bind_num: 0,
        create_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        update_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      });
    });

    it.each([
      ['?limit=0', 20],
      ['?limit=-5', 20],
      ['?limit=', 20],
      ['?limit=7', 7],
      ['?limit=501', 30],
      ['?limit=99999999999', 30],
      ['?offset=-1', 20],
      ['?offset=25', 5],
      ['?offset=30', 0],
      ['?offset=99999999999999', 0],
      ['?offset=28&limit=500', 2],
    ])('clamps %s to %d rows and keeps the total', async (query, size) => {
      const body = await list(query);
      expect([body.total, body.size, body.signs.length]).toEqual([30, size, size]);
    });

    it('returns every key once to a client that reads pages until one is empty', async () => {
      const seen: string[] = [];
      for (let offset = 0; ; ) {
        const page = await names(`?limit=7&offset=${offset}`);
        if (page.length === 0) break;
        seen.push(...page);
        offset += page.length;
      }
      expect([seen.length, new Set(seen).size]).toEqual([30, 30]);
    });

    it('filters by the exact id, and returns an empty array for an unknown id', async () => {
      const { id } = (await list('?limit=1')).signs[0];
      expect(await list(`?id=${id}`)).toMatchObject({ total: 1, size: 1, signs: [{ id }] });
      expect(await list(`?id=${id}&offset=1`)).toEqual({ total: 1, size: 0, signs: [] });
      expect(await list(`?id=${id.slice(1)}`)).toEqual({ total: 0, size: 0, signs: [] });
    });

    it('filters by a case-sensitive part of the name, where % and _ are ordinary characters', async () => {
      expect((await names('?name=alpha')).sort()).toEqual(['alpha_one', 'alpha_two']);
      expect(await names('?name=lpha_th')).toEqual(['Alpha_three']);
      expect(await names('?name=%25')).toEqual([]);
      expect(await names('?name=a_o')).toEqual(['alpha_one']);
      expect(await names('?name=!')).toEqual([]);
      expect(await names("?name=' OR '1'='1")).toEqual([]);
    });

    it('filters by the whole name with precise_search', async () => {
      expect(await names('?name=alpha_one&precise_search=name')).toEqual(['alpha_one']);
      expect(await names('?name=alpha&precise_search=name')).toEqual([]);
      expect(await names('?name=alpha&precise_search=other')).toHaveLength(2);
    });

    it('ignores unknown filters', async () => {
      expect((await list('?sign_type=hmac&x-unknown=1')).total).toBe(30);
    });

    it('counts the publications each key is bound to', async () => {
      const { id } = (await list('?name=alpha_one')).signs[0];
      const { publishIds } = await client.publishedApi(gateway);
      await client.post(`/v2/{project}/apigw/instances/${gateway}/sign-bindings`, { sign_id: id, publish_ids: publishIds });
      expect((await list(`?id=${id}`)).signs[0].bind_num).toBe(publishIds.length);
    });

    it('is allowed for readers', async () => {
      const reader = await service.client({ project: 'listed', role: READ_ONLY });
      expect((await reader.get(signs)).body.total).toBe(30);
    });

    it('returns an empty list for a gateway without keys', async () => {
      expect((await client.get(`/v2/{project}/apigw/instances/${await client.gateway()}/signs`)).body).toEqual({
        total: 0,
        size: 0,
        signs: [],
      });
    });

    it.each(['limit=abc', 'limit=1e2', 'limit=0x10', 'limit=1.5', 'offset=%201', 'limit=1&limit=2', 'offset=1&offset=1', 'name=a&name=b'])(
      'answers 400 and names the parameter for %s',
      async (query) => {
        const { status, body } = await client.get(`${signs}?${query}`);
        const parameter = query.split('=')[0];
        expect([status, body]).toEqual([
          400,
          {
            error_code: 'APIG.2012',
            error_msg: `Invalid parameter value,parameterName:${parameter}. Please refer to the support documentation`,
          },
        ]);
      },
    );

    it('answers a path that is not percent-encoded with APIG.2000', async () => {
      const { status, body } = await client.get(`${signs}/%E0%A4%A`);
      expect([status, body.error_code]).toEqual([400, 'APIG.2000']);
    });

    it('answers 404 for a gateway of another project, with the message for an unknown one, on any page', async () => {
      const theirs = await (await service.client()).gateway();
      for (const id of [theirs, '0'.repeat(32)]) {
        for (const query of ['', '?offset=5', '?id=x']) {
          const { status, body } = await client.get(`/v2/{project}/apigw/instances/${id}/signs${query}`);
          expect([status, body]).toEqual([404, { error_code: 'APIG.3030', error_msg: `The instance does not exist;id:${id}` }]);
        }
      }
    });

    it('answers 404 for a single key, because the contract has no such operation', async () => {
      const { status, body } = await client.get(`${signs}/${'0'.repeat(32)}`);
      expect([status, body.error_code]).toEqual([404, 'APIG.0101']);
    });

    it.each(['PATCH', 'POST'])('answers 404 for a path of a single key by %s', async (method) => {
      expect((await client.call(method, `${signs}/${'0'.repeat(32)}`, {})).status).toBe(404);
    });
  });
});
