import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let machine: Machine;
  let count = 0;
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  const impact = async (signId: string) => (await client.get(`/signet/v1/instances/${gateway}/signs/${signId}/impact`)).body;
  const create = async () => (await client.post(at('/signs'), { name: `key_${(count += 1)}` })).body.id as string;

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database);
    client = await service.client({ project: 'own' });
    gateway = await client.gateway();
    machine = await Machine.of(client, gateway);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  describe('GET …/signs/{sign_id}/impact', () => {
    it('answers 200 without usage for an unused key', async () => {
      const id = await create();
      expect(await impact(id)).toEqual({
        sign_id: id,
        name: `key_${count}`,
        revision: expect.any(Number),
        window_hours: 24,
        signed_count: 0,
        last_signed_at: null,
        apis: [],
        nodes: [],
      });
    });

    it('sums the reports of nodes for each publication that the key is bound to', async () => {
      const id = await create();
      const [first, second] = [await client.publishedApi(gateway), await client.publishedApi(gateway)];
      const [a, b] = [first.publishIds[0]!, second.publishIds[0]!];
      await client.post(at('/sign-bindings'), { sign_id: id, publish_ids: [a, b] });
      const now = new Date().getTime();
      const usage = (times: number, ago: number) => ({ usage: [{ publish_id: a, sign_id: id, count: times, last_signed_at: now - ago }] });
      await machine.report('node-1', 1, usage(3, 5000));
      await machine.report('node-1', 1, usage(4, 1000));
      await machine.report('node-2', 1, usage(5, 9000));
      const { apis, nodes, ...whole } = await impact(id);
      expect(whole).toMatchObject({ signed_count: 12, last_signed_at: `${new Date(now - 1000).toISOString().slice(0, -1)}000Z` });
      expect(apis).toEqual([
        expect.objectContaining({
          publish_id: b,
          api_id: second.apiId,
          env_name: 'RELEASE',
          online: true,
          signed_count: 0,
          last_signed_at: null,
        }),
        expect.objectContaining({ publish_id: a, api_id: first.apiId, signed_count: 12 }),
      ]);
      expect(nodes.map(({ node_id }: { node_id: string }) => node_id)).toEqual(['node-1', 'node-2']);
    });

    it('ignores reports about deleted keys and about keys of another gateway', async () => {
      const id = await create();
      const { publishIds } = await client.publishedApi(gateway);
      const other = await Machine.of(client, await client.gateway());
      const usage = [{ publish_id: publishIds[0]!, sign_id: id, count: 7, last_signed_at: 1 }];
      expect((await other.report('n', 1, { usage })).status).toBe(200);
      const gone = { ...usage[0]!, sign_id: '0123456789abcdef0123456789abcdef' };
      expect((await machine.report('n', 1, { usage: [gone] })).status).toBe(200);
      await client.post(at('/sign-bindings'), { sign_id: id, publish_ids: publishIds });
      expect(await impact(id)).toMatchObject({ signed_count: 0 });
    });

    it('never shows a time of signing in the future', async () => {
      const id = await create();
      const { publishIds } = await client.publishedApi(gateway);
      await client.post(at('/sign-bindings'), { sign_id: id, publish_ids: publishIds });
      await machine.report('n', 1, { usage: [{ publish_id: publishIds[0]!, sign_id: id, count: 1, last_signed_at: 9e15 }] });
      expect(Date.parse((await impact(id)).last_signed_at)).toBeLessThanOrEqual(new Date().getTime());
    });

    it('answers 404 for a key of another project, and 200 for a reader of this project', async () => {
      const id = await create();
      const at404 = await (await service.client()).get(`/signet/v1/instances/${gateway}/signs/${id}/impact`);
      expect([at404.status, at404.body.code]).toEqual([404, 'APIG.3030']);
      const missing = await client.get(`/signet/v1/instances/${gateway}/signs/nothing/impact`);
      expect([missing.status, missing.body.code]).toEqual([404, 'APIG.3017']);
      const reader = await service.client({ role: READ_ONLY, project: 'own' });
      expect((await reader.get(`/signet/v1/instances/${gateway}/signs/${id}/impact`)).status).toBe(200);
    });
  });

  describe('DELETE …/signs/{sign_id}?dry_run=true', () => {
    it('answers 200 with the same report, and changes nothing', async () => {
      const id = await create();
      const { publishIds } = await client.publishedApi(gateway);
      await client.post(at('/sign-bindings'), { sign_id: id, publish_ids: publishIds });
      const before = await impact(id);
      const { status, body, headers } = await client.delete(at(`/signs/${id}?dry_run=true`));
      expect([status, body]).toEqual([200, before]);
      expect(headers.get('signet-receipt')).toBeNull();
      expect(await impact(id)).toEqual(before);
    });

    it('answers 204 and deletes the key for dry_run=false', async () => {
      const id = await create();
      expect((await client.delete(at(`/signs/${id}?dry_run=false`))).status).toBe(204);
      expect((await client.delete(at(`/signs/${id}?dry_run=true`))).body).toMatchObject({ error_code: 'APIG.3017' });
    });

    it.each(['1', 'True', 'yes', 'true&dry_run=false'])('answers 400 for dry_run=%s, and the key stays', async (value) => {
      const id = await create();
      expect((await client.delete(at(`/signs/${id}?dry_run=${value}`))).body).toMatchObject({ error_code: 'APIG.2012' });
      expect((await client.get(at(`/signs?id=${id}`))).body.total).toBe(1);
    });

    it('needs the right to delete', async () => {
      const reader = await service.client({ role: READ_ONLY, project: 'own' });
      expect((await reader.delete(at(`/signs/${await create()}?dry_run=true`))).status).toBe(403);
    });
  });
});
