import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type AuditEvent } from '../../src/platform/audit/audit-event.entity.js';
import { chainHash, GENESIS } from '../../src/platform/audit/chain.js';
import { Database } from '../../src/platform/database/database.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const GATEWAYS = '/v2/{project}/apigw/instances';
const UNKNOWN = '0123456789abcdef0123456789abcdef';
const OWNED = [
  'signs',
  'sign_bindings',
  'apis',
  'api_groups',
  'environments',
  'env_variables',
  'gateway_responses',
  'group_domains',
  'publications',
  'instance_features',
  'vpc_channels',
  'vpc_channel_groups',
  'vpc_channel_members',
];

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let db: Database;
  let client: Client;
  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database);
    db = service.app.get(Database);
  });
  beforeEach(async () => {
    client = await service.client();
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  const count = async (table: string, column: string, value: string) =>
    (await db.rows<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table} WHERE ${column} = ?`, [value]))[0]!.n;

  const revisionOf = async (scope: string) =>
    (await db.rows<{ revision: number }>('SELECT revision FROM change_counters WHERE scope_id = ?', [scope]))[0]!.revision;

  async function expectNothingLeft(id: string): Promise<void> {
    for (const table of OWNED) expect([table, await count(table, 'instance_id', id)]).toEqual([table, 0]);
    expect(await count('instances', 'id', id)).toBe(0);
    expect(await count('change_counters', 'scope_id', id)).toBe(0);
  }

  describe('DELETE /instances/{id}', () => {
    it('deletes everything in the gateway, which answers 404 from then on', async () => {
      const id = await client.gateway();
      await client.post(`${GATEWAYS}/${id}/signs`, { name: 'key' });
      await client.post(`${GATEWAYS}/${id}/features`, { name: 'lts', enable: true });
      const answer = await client.delete(`${GATEWAYS}/${id}`);
      expect([answer.status, answer.text]).toEqual([204, '']);
      await expectNothingLeft(id);
      expect((await client.get(`${GATEWAYS}/${id}`)).status).toBe(404);
      expect((await client.delete(`${GATEWAYS}/${id}`)).status).toBe(404);
      expect((await client.get(`${GATEWAYS}/${id}/signs`)).body.error_code).toBe('APIG.3030');
      expect((await client.post(`${GATEWAYS}/${id}/signs`, { name: 'key' })).body.error_code).toBe('APIG.3030');
    });

    it('notifies the watchers of the project and of the gateway', async () => {
      const id = await client.gateway();
      await client.post(`${GATEWAYS}/${id}/signs`, { name: 'key' });
      await client.delete(`${GATEWAYS}/${id}`);
      const last = async (scope: string) =>
        (
          await db.rows('SELECT revision, ordinal, kind, target_id AS target, op FROM changes WHERE scope_id = ? ORDER BY revision', [
            scope,
          ])
        ).at(-1);
      const gone = { ordinal: 0, kind: 'instance', target: id, op: 'deleted' };
      expect(await last(id)).toEqual({ revision: 2, ...gone });
      expect(await last(client.projectId)).toEqual({ revision: await revisionOf(client.projectId), ...gone });
    });

    it('writes a last row with the number of deleted keys into the chains of gateway and project, which still verify', async () => {
      const id = await client.gateway();
      await client.post(`${GATEWAYS}/${id}/signs`, { name: 'key' });
      await client.delete(`${GATEWAYS}/${id}`);
      for (const scope of [id, client.projectId]) {
        const chain = await db.dataSource.query<Record<string, string | number>[]>(
          'SELECT * FROM audit_events WHERE scope_id = ? ORDER BY seq',
          [scope],
        );
        let hash = GENESIS;
        for (const [i, row] of chain.entries()) {
          expect(row['seq']).toBe(i + 1);
          hash = chainHash(eventOf(row), hash);
          expect(row['hash']).toBe(hash);
        }
        expect(chain.at(-1)).toMatchObject({
          action: 'DeleteInstance',
          resource_id: id,
          detail: expect.stringContaining('"signs":1,"bindings":0'),
        });
      }
    });

    it('frees the name and the place in the quota', async () => {
      for (let i = 0; i < 6; i++) await client.delete(`${GATEWAYS}/${await client.gateway({ instance_name: 'again' })}`);
      expect((await client.get(GATEWAYS)).body.total).toBe(0);
    });

    it('leaves nothing behind and never causes a 500 when keys are created at the same time', async () => {
      for (let round = 0; round < 20; round++) {
        const id = await client.gateway();
        const create = (i: number) => client.post(`${GATEWAYS}/${id}/signs`, { name: `key${i}` });
        const [removed, ...created] = await Promise.all([
          ...(round % 2 ? [client.delete(`${GATEWAYS}/${id}`), create(0)] : [client.delete(`${GATEWAYS}/${id}`)]),
          ...[1, 2, 3, 4].map(create),
          client.post(`${GATEWAYS}/${id}/features`, { name: 'lts', enable: true }),
          client.put(`${GATEWAYS}/${id}`, { description: 'late' }),
        ]);
        expect(removed.status).toBe(204);
        for (const { status } of created) expect([200, 201, 404]).toContain(status);
        await expectNothingLeft(id);
      }
    });

    it('answers 204 to exactly one of many concurrent deletes', async () => {
      const id = await client.gateway();
      const statuses = (await Promise.all(Array.from({ length: 8 }, () => client.delete(`${GATEWAYS}/${id}`)))).map(({ status }) => status);
      expect(statuses.sort()).toEqual([204, ...Array.from({ length: 7 }, () => 404)]);
      expect(await count('changes', 'scope_id', id)).toBe(1);
    });

    it('answers 403 APIC.7106 for a reader', async () => {
      const answer = await (await service.client({ role: READ_ONLY })).delete(`${GATEWAYS}/${UNKNOWN}`);
      expect([answer.status, answer.body.error_code]).toEqual([403, 'APIC.7106']);
    });

    it('answers 404 APIC.7302 for a gateway of another project and for the project’s own id, with the message for an unknown one', async () => {
      const id = await client.gateway();
      const other = await service.client();
      const before = await revisionOf(other.projectId);
      for (const target of [id, UNKNOWN, other.projectId, 'a'.repeat(65)]) {
        const answer = await other.delete(`${GATEWAYS}/${target}`);
        expect([answer.status, answer.body]).toEqual([404, { error_code: 'APIC.7302', error_msg: 'Instance not found' }]);
      }
      expect((await client.get(`${GATEWAYS}/${id}`)).status).toBe(200);
      expect(await revisionOf(other.projectId)).toBe(before);
    });
  });
});

const eventOf = (row: Record<string, any>): Omit<AuditEvent, 'hash'> => ({
  scopeId: row['scope_id'],
  seq: row['seq'],
  format: row['format'],
  projectId: row['project_id'],
  action: row['action'],
  resourceType: row['resource_type'],
  resourceId: row['resource_id'],
  resourceName: row['resource_name'],
  detail: row['detail'],
  userId: row['user_id'],
  userName: row['user_name'],
  accessKeyId: row['access_key_id'],
  credentialHash: row['credential_hash'],
  sourceAddress: row['source_address'],
  requestId: row['request_id'],
  createdAt: row['created_at'],
});
