import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const GATEWAYS = '/v2/{project}/apigw/instances';
const UNKNOWN = '0123456789abcdef0123456789abcdef';

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
  let id: string;
  const update = (body: unknown) => client.put(`${GATEWAYS}/${id}`, body);
  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database);
  });
  beforeEach(async () => {
    client = await service.client();
    id = await client.gateway({ description: 'before' });
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  describe('PUT /instances/{id}', () => {
    it('changes the given fields, keeps the others, and returns the detail object', async () => {
      const before = (await client.get(`${GATEWAYS}/${id}`)).body;
      const changes = {
        instance_name: 'renamed',
        description: '',
        maintain_begin: '18:00:00',
        maintain_end: '22:00:00',
        security_group_id: 'other',
      };
      const answer = await update({ ...changes, vpcep_service_name: 'mine', spec_id: 'BASIC' });
      const endpoint = { ...before.endpoint_service, service_name: `local.mine.${id}` };
      const expected = { ...before, ...changes, endpoint_service: endpoint, endpoint_services: [endpoint] };
      expect([answer.status, answer.body]).toEqual([200, expected]);
      expect((await client.get(`${GATEWAYS}/${id}`)).body).toEqual(expected);
    });

    it('changes nothing for an empty body', async () => {
      const before = (await client.get(`${GATEWAYS}/${id}`)).body;
      expect((await update({})).body).toEqual(before);
    });

    it('accepts the empty texts of a Terraform provider, which clear the description and keep the name of the endpoint service', async () => {
      await update({ vpcep_service_name: 'mine' });
      const { instance_name } = (await client.get(`${GATEWAYS}/${id}`)).body;
      const answer = await update({
        instance_name,
        description: '',
        security_group_id: 'group',
        vpcep_service_name: '',
        maintain_begin: '',
      });
      expect([answer.status, answer.body.description, answer.body.endpoint_service.service_name]).toEqual([200, '', `local.mine.${id}`]);
    });

    it('accepts its own name again', async () => {
      const { instance_name } = (await client.get(`${GATEWAYS}/${id}`)).body;
      expect((await update({ instance_name })).status).toBe(200);
    });

    it('writes to the change log and the audit chain of the gateway', async () => {
      await update({ description: 'after' });
      const rows = service.app.get(Database);
      expect(await rows.rows('SELECT revision, kind, target_id AS target, op FROM changes WHERE scope_id = ?', [id])).toEqual([
        { revision: 1, kind: 'instance', target: id, op: 'updated' },
      ]);
      expect(await rows.rows('SELECT seq, action FROM audit_events WHERE scope_id = ?', [id])).toEqual([
        { seq: 1, action: 'UpdateInstance' },
      ]);
    });

    it.each([
      [{ instance_name: '1' }, 'APIC.7211'],
      [{ description: '<' }, 'APIC.7211'],
      [{ security_group_id: 1 }, 'APIC.7211'],
      [{ vpcep_service_name: 'a b' }, 'APIC.7211'],
      [{ maintain_begin: '02:00:00' }, 'APIC.7211'],
      [{ maintain_begin: '04:00:00', maintain_end: '08:00:00' }, 'APIC.7235'],
      [{ maintain_begin: '02:00:00', maintain_end: '10:00:00' }, 'APIC.7230'],
    ])('answers 400 for %j: %s', async (body, code) => {
      const answer = await update(body);
      expect([answer.status, answer.body.error_code]).toEqual([400, code]);
    });

    it('answers 400 APIC.7500 for the name of another gateway of the project', async () => {
      await client.gateway({ instance_name: 'taken' });
      const answer = await update({ instance_name: 'taken' });
      expect([answer.status, answer.body.error_code]).toEqual([400, 'APIC.7500']);
    });

    it('answers 403 APIC.7106 for a reader', async () => {
      const answer = await (await service.client({ role: READ_ONLY })).put(`${GATEWAYS}/${id}`, {});
      expect([answer.status, answer.body.error_code]).toEqual([403, 'APIC.7106']);
    });

    it('answers 404 APIC.7302 for a gateway of another project and for the project’s own id, with the message for an unknown one', async () => {
      const other = await service.client();
      for (const target of [id, UNKNOWN, other.projectId, 'a'.repeat(65)]) {
        const answer = await other.put(`${GATEWAYS}/${target}`, { description: 'theirs' });
        expect([answer.status, answer.body]).toEqual([404, { error_code: 'APIC.7302', error_msg: 'Instance not found' }]);
      }
      expect((await client.get(`${GATEWAYS}/${id}`)).body.description).toBe('before');
    });
  });
});
