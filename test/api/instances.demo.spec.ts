import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { InstancesService } from '../../src/apig/instances/instances.service.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, TestService } from '../support/service.js';

const GATEWAYS = '/v2/{project}/apigw/instances';

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
  const ensure = () => service.app.get(InstancesService).ensureDemo(client.projectId);
  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database);
  });
  beforeEach(async () => {
    client = await service.client();
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  describe('the demo gateway', () => {
    it('is created by the service itself for a project without a gateway', async () => {
      const id = await ensure();
      expect((await client.get(`${GATEWAYS}/${id}`)).body).toMatchObject({
        instance_name: 'demo',
        spec: 'PLATINUM',
        status: 'Running',
        user_id: 'signet',
      });
      const sql = 'SELECT action, user_name AS user FROM audit_events WHERE scope_id = ? AND resource_id = ?';
      expect(await service.app.get(Database).rows(sql, [client.projectId, id!])).toEqual([{ action: 'CreateInstance', user: 'signet' }]);
    });

    it('is created only once, also for repeated and concurrent requests', async () => {
      const ids = new Set(await Promise.all(Array.from({ length: 8 }, ensure)));
      ids.add(await ensure());
      expect(ids.size).toBe(1);
      expect((await client.get(GATEWAYS)).body.total).toBe(1);
    });

    it('is not created for a project that has another gateway', async () => {
      await client.gateway();
      expect(await ensure()).toBeUndefined();
      expect((await client.get(GATEWAYS)).body.total).toBe(1);
    });
  });
});
