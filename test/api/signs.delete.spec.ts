import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

onBothDatabases((name) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  beforeAll(async () => {
    test = await createTestDatabase(name);
    service = await TestService.start(test);
    client = await service.client();
    gateway = await client.gateway();
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });
  const create = async (signName: string): Promise<string> => (await client.post(at('/signs'), { name: signName })).body.id;

  describe('DELETE …/signs/{sign_id}', () => {
    it('answers 204 without a body, and the key is no longer in the list', async () => {
      const id = await create('to_be_deleted');
      const { status, text, headers } = await client.delete(at(`/signs/${id}`));
      expect([status, text, headers.get('content-type')]).toEqual([204, '', null]);
      expect((await client.get(at(`/signs?id=${id}`))).body).toEqual({ total: 0, size: 0, signs: [] });
    });

    it('detaches the key from every API it was bound to, and the publications can be bound again', async () => {
      const id = await create('bound_and_deleted');
      const apis = [await client.publishedApi(gateway), await client.publishedApi(gateway)];
      const publish_ids = apis.flatMap(({ publishIds }) => publishIds);
      const bound = await client.post(at('/sign-bindings'), { sign_id: id, publish_ids });
      expect(bound.status).toBe(201);
      expect((await client.delete(at(`/signs/${id}`))).status).toBe(204);
      for (const { apiId } of apis) expect((await client.get(at(`/sign-bindings/binded-signs?api_id=${apiId}`))).body.total).toBe(0);
      for (const binding of bound.body.bindings)
        expect((await client.delete(at(`/sign-bindings/${binding.id}`))).body.error_code).toBe('APIG.3018');
      const next = await create('bound_next');
      expect((await client.post(at('/sign-bindings'), { sign_id: next, publish_ids })).status).toBe(201);
      const events = await client.get(`/signet/v1/audit?resource_id=${id}&action=DeleteSignatureKey`);
      expect(events.body.events).toEqual([
        expect.objectContaining({
          resource_name: 'bound_and_deleted',
          resource_type: 'Signature',
          detail: { unbound: publish_ids.length },
        }),
      ]);
    });

    it('accepts a content type without a body, as Huawei clients send it', async () => {
      const id = await create('content_type');
      expect(
        (await client.call('DELETE', at(`/signs/${id}`), undefined, { 'content-type': 'application/json', 'x-language': 'en-us' })).status,
      ).toBe(204);
    });

    it('frees the name', async () => {
      const id = await create('free_again');
      await client.delete(at(`/signs/${id}`));
      expect(await create('free_again')).toMatch(/^[0-9a-f]{32}$/);
    });

    it('answers 401 for a token that is missing or wrong, and the key stays', async () => {
      const id = await create('still_here');
      const wrong = await client.call('DELETE', at(`/signs/${id}`), undefined, { 'x-auth-token': 'wrong' });
      expect([wrong.status, wrong.body]).toEqual([
        401,
        { error_code: 'APIG.1002', error_msg: 'Incorrect token or token resolution failed' },
      ]);
      const missing = await client.call('DELETE', at(`/signs/${id}`), undefined, { 'x-auth-token': '' });
      expect([missing.status, missing.body]).toEqual([401, { error_code: 'APIG.1000', error_msg: 'The token is missing.' }]);
      expect((await client.get(at(`/signs?id=${id}`))).body.total).toBe(1);
    });

    it('answers 403 for a reader of the project, and the key stays', async () => {
      const mine = await service.client({ project: 'read-and-write' });
      const reader = await service.client({ project: 'read-and-write', role: READ_ONLY });
      const signs = `/v2/{project}/apigw/instances/${await mine.gateway()}/signs`;
      const { id } = (await mine.post(signs, { name: 'not_yours' })).body;
      const { status, body } = await reader.delete(`${signs}/${id}`);
      expect([status, body]).toEqual([403, { error_code: 'APIG.1005', error_msg: 'No permissions to request this method' }]);
      expect((await reader.get(`${signs}?id=${id}`)).body.total).toBe(1);
    });

    it('answers 404 with the same message for an unknown key and for a key of another project or gateway', async () => {
      const other = await service.client();
      const theirs = (await other.post(`/v2/{project}/apigw/instances/${await other.gateway()}/signs`, { name: 'their_key' })).body.id;
      const elsewhere = (await client.post(`/v2/{project}/apigw/instances/${await client.gateway()}/signs`, { name: 'other_gateway' })).body
        .id;
      for (const id of [theirs, elsewhere, '0b0e8f456b8742218af75f945307173c', 'x'.repeat(10_000), "' OR 1=1 --"]) {
        const { status, body } = await client.delete(at(`/signs/${encodeURIComponent(id)}`));
        expect([status, body]).toEqual([404, { error_code: 'APIG.3017', error_msg: `Signature key ${id} does not exist` }]);
      }
    });

    it('answers 404 for the second of two deletes, also if they are concurrent', async () => {
      for (let round = 0; round < 10; round++) {
        const id = await create(`twice_${round}`);
        const answers = await Promise.all([client.delete(at(`/signs/${id}`)), client.delete(at(`/signs/${id}`))]);
        expect(answers.map(({ status }) => status).sort()).toEqual([204, 404]);
        expect(answers.find(({ status }) => status === 404)?.body.error_code).toBe('APIG.3017');
      }
    });

    it('answers 404 for an unknown gateway', async () => {
      const { status, body } = await client.delete(`/v2/{project}/apigw/instances/${'0'.repeat(32)}/signs/${'1'.repeat(32)}`);
      expect([status, body.error_code]).toEqual([404, 'APIG.3030']);
    });
  });
});
