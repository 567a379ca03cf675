import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, TestService } from '../support/service.js';

/** One service caches the pages that it has read, and another service on the same database changes their rows. */
onBothDatabases((name) => {
  let test: TestDatabase;
  let services: TestService[];
  let reader: Client;
  let writer: Client;
  let gateway: string;
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  const listed = async () => (await reader.get(at('/signs'))).body;

  beforeAll(async () => {
    test = await createTestDatabase(name);
    const env = { SIGNET_LIMITS: 'instances=100' };
    services = [await TestService.start(test, env), await TestService.start(test, env)];
    [reader, writer] = (await Promise.all(services.map((service) => service.client({ project: 'ours' })))) as [Client, Client];
  });
  afterAll(async () => {
    await Promise.all(services.map((service) => service.stop()));
    await test.drop();
  });

  describe('a cached page shows at once that, through another service,', () => {
    let id: string;
    let publishIds: string[];
    beforeEach(async () => {
      gateway = await writer.gateway();
      publishIds = (await writer.publishedApi(gateway)).publishIds;
      id = (await writer.post(at('/signs'), { name: 'first' })).body.id;
      for (let i = 0; i < 3; i++) expect((await listed()).signs).toMatchObject([{ id, name: 'first', bind_num: 0 }]);
    });

    it('a key was created', async () => {
      const made = await writer.post(at('/signs'), { name: 'second' });
      expect(await listed()).toMatchObject({ total: 2, size: 2, signs: [{ id: made.body.id }, { id }] });
    });

    it('a key was modified', async () => {
      const { body } = await writer.put(at(`/signs/${id}`), { name: 'other', sign_type: 'hmac', sign_secret: 'n'.repeat(32) });
      expect((await listed()).signs).toMatchObject([{ id, name: 'other', sign_secret: body.sign_secret }]);
    });

    it('a key was deleted', async () => {
      await writer.delete(at(`/signs/${id}`));
      expect(await listed()).toEqual({ total: 0, size: 0, signs: [] });
    });

    it('a key was bound and unbound', async () => {
      const bound = await writer.post(at('/sign-bindings'), { sign_id: id, publish_ids: publishIds });
      expect((await listed()).signs).toMatchObject([{ bind_num: publishIds.length }]);
      await writer.delete(at(`/sign-bindings/${bound.body.bindings[0].id}`));
      expect((await listed()).signs).toMatchObject([{ bind_num: publishIds.length - 1 }]);
    });

    it('an API was deleted with its binding', async () => {
      const bound = await writer.post(at('/sign-bindings'), { sign_id: id, publish_ids: publishIds });
      const { api_id: apiId, env_id: envId } = bound.body.bindings[0];
      expect((await listed()).signs).toMatchObject([{ bind_num: publishIds.length }]);
      const offline = await writer.post(at('/apis/action'), { action: 'offline', api_id: apiId, env_id: envId });
      expect(offline.status).toBe(201);
      expect((await writer.delete(at(`/apis/${apiId}`))).status).toBe(204);
      expect((await listed()).signs).toMatchObject([{ bind_num: publishIds.length - 1 }]);
    });

    it('secrets were masked and shown again', async () => {
      const [{ sign_secret: secret }] = (await listed()).signs;
      const settings = `/signet/v1/instances/${gateway}/settings`;
      expect((await writer.put(settings, { mask_secrets: true })).status).toBe(200);
      expect((await listed()).signs).toMatchObject([{ id, sign_secret: `${secret.slice(0, 3)}********${secret.slice(-3)}` }]);
      expect((await writer.put(settings, { mask_secrets: false })).status).toBe(200);
      expect((await listed()).signs).toMatchObject([{ id, sign_secret: secret }]);
    });

    it('the gateway was deleted', async () => {
      expect((await writer.delete(`/v2/{project}/apigw/instances/${gateway}`)).status).toBe(204);
      expect((await reader.get(at('/signs'))).status).toBe(404);
    });
  });

  it('a cached page of one project is never returned to another', async () => {
    gateway = await writer.gateway();
    await writer.post(at('/signs'), { name: 'ours' });
    expect((await listed()).total).toBe(1);
    const stranger = await services[0]!.client();
    expect((await stranger.get(at('/signs'))).status).toBe(404);
  });
});
