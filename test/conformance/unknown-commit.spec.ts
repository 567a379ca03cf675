import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AuditTrailService } from '../../src/platform/audit/audit-trail.service.js';
import { Database } from '../../src/platform/database/database.js';
import { createTestDatabase, onMariadb, type TestDatabase } from '../support/databases.js';
import { MysqlProxy } from '../support/mysql-proxy.js';
import { type Client, TestService } from '../support/service.js';

onMariadb(() => {
  let test: TestDatabase;
  let cutter: MysqlProxy;
  let service: TestService;
  let client: Client;
  let gateway: string;

  beforeAll(async () => {
    test = await createTestDatabase('mariadb');
    cutter = await MysqlProxy.before(test.env['DATABASE_URL']!);
    service = await TestService.start({ ...test, env: { ...test.env, DATABASE_URL: cutter.url, SIGNET_TIMEOUTS: 'database=2000ms' } });
    client = await service.client();
    gateway = await client.gateway();
  });
  afterAll(async () => {
    await service.stop();
    await cutter.close();
    await test.drop();
  });

  describe.each(['lost', 'landed', 'held', 'late'] as const)('when a COMMIT gets no answer (%s),', (how) => {
    const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
    const rows = (sql: string, ...params: string[]) => service.app.get(Database).rows<Record<string, unknown>>(sql, params);

    it('a create is stored once, and its answer equals the stored row', async () => {
      cutter.cut = how;
      const before = cutter.cuts;
      const { status, body } = await client.post(at('/signs'), { name: `key_${how}` });
      expect(cutter.cuts).toBe(before + 1);
      expect(status).toBe(201);
      const listed = await client.get(at(`/signs?name=key_${how}`));
      expect(listed.body.signs).toHaveLength(1);
      expect(listed.body.signs[0]).toMatchObject({ id: body.id, sign_key: body.sign_key, sign_secret: body.sign_secret });
    });

    it('a delete answers 204 and leaves one audit row and one change', async () => {
      const { body } = await client.post(at('/signs'), { name: `gone_${how}` });
      cutter.cut = how;
      expect((await client.delete(at(`/signs/${body.id}`))).status).toBe(204);
      expect(await rows("SELECT seq FROM audit_events WHERE resource_id = ? AND action = 'DeleteSignatureKey'", body.id)).toHaveLength(1);
      expect(await rows("SELECT revision FROM changes WHERE target_id = ? AND op = 'deleted'", body.id)).toHaveLength(1);
      expect((await service.app.get(AuditTrailService).verify()).faults).toEqual([]);
    });
  });
});
