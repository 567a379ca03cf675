import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Database } from '../../src/platform/database/database.js';
import { invalid, words } from '../support/apig-errors.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const NANOSECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/;
const UNKNOWN = '0123456789abcdef0123456789abcdef';

onBothDatabases((engine) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  let foreign: Client;
  let gateway: string;
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  const create = async (name: string): Promise<any> => (await client.post(at('/api-groups'), { name })).body;
  beforeAll(async () => {
    test = await createTestDatabase(engine);
    service = await TestService.start(test);
    client = await service.client({ project: 'home' });
    foreign = await service.client();
    gateway = await client.gateway();
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  describe('POST …/api-groups', () => {
    it('answers 201 with the whole group', async () => {
      const { status, body } = await client.post(at('/api-groups'), { name: 'orders.v1_(a):b/c', remark: 'first' });
      expect(status).toBe(201);
      const sl_domain = `${body.id}.apic.local`;
      expect(body).toEqual({
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
        name: 'orders.v1_(a):b/c',
        status: 1,
        sl_domain,
        sl_domains: [sl_domain],
        register_time: expect.stringMatching(NANOSECONDS),
        update_time: body.register_time,
        on_sell_status: 2,
        url_domains: [],
        sl_domain_access_enabled: true,
        remark: 'first',
        call_limits: 0,
        time_interval: 0,
        time_unit: '',
        is_default: 2,
        version: 'V1',
        roma_app_id: '',
        roma_app_name: '',
      });
    });

    it('writes one audit row and one change', async () => {
      const { id } = await create('audited');
      const { rows } = bound(service);
      expect(
        await rows('SELECT action, resource_type AS type, resource_name AS name FROM audit_events WHERE resource_id = ?', [id]),
      ).toEqual([{ action: 'CreateApiGroup', type: 'ApiGroup', name: 'audited' }]);
      expect(await rows('SELECT kind, op FROM changes WHERE target_id = ?', [id])).toEqual([{ kind: 'group', op: 'created' }]);
    });

    it('accepts names that differ only in case, and a remark of 1000 emoji', async () => {
      expect((await client.post(at('/api-groups'), { name: 'Cased', remark: '🔑'.repeat(1000) })).status).toBe(201);
      const lower = await client.post(at('/api-groups'), { name: 'cased', remark: null });
      expect([lower.status, lower.body.remark]).toEqual([201, '']);
    });

    it('accepts every name that the contract allows, and returns it unchanged', async () => {
      const first = fc.constantFrom(...'aZ09汉');
      const rest = fc.string({ unit: fc.constantFrom(...'aZ09-_./():汉'), minLength: 2, maxLength: 254 });
      await fc.assert(
        fc.asyncProperty(first, rest, async (head, tail) => {
          const { status, body } = await client.post(at('/api-groups'), { name: head + tail });
          if (status === 400) expect(body.error_code).toBe('APIG.3201');
          else expect([status, body.name]).toEqual([201, head + tail]);
        }),
        { numRuns: 20 },
      );
    });

    it.each([
      ['too short', 'ab'],
      ['too long', 'a'.repeat(256)],
      ['led by an underscore', '_abc'],
      ['with a space', 'a b c'],
      ['with a quote', "a'b'c"],
      ['not a text', 12345],
      ['a list', ['abc']],
    ])('answers 400 for a name that is %s', async (_, name) => {
      const { status, body } = await client.post(at('/api-groups'), { name });
      expect([status, body]).toEqual([400, invalid('name')]);
    });

    it('answers 400 for a missing name, a too long remark, and a body that is not JSON', async () => {
      const missing = words(
        'APIG.2001',
        'The request parameters must be specified,parameterName:name. Please refer to the support documentation',
      );
      expect((await client.post(at('/api-groups'), {})).body).toEqual(missing);
      expect((await client.post(at('/api-groups'), { name: 'fine', remark: 'x'.repeat(1001) })).body).toEqual(invalid('remark'));
      expect((await client.post(at('/api-groups'), '{')).body.error_code).toBe('APIG.2000');
      const deep = await client.post(at('/api-groups'), `{"name":"deep","junk":${'['.repeat(20_000)}${']'.repeat(20_000)}}`);
      expect([deep.status, deep.body]).toEqual([
        400,
        words('APIG.2000', 'Parameter error: the request body is nested deeper than 64 levels'),
      ]);
    });

    it('answers 400 for an existing name, and never 500', async () => {
      await create('taken');
      const { status, body } = await client.post(at('/api-groups'), { name: 'taken' });
      expect([status, body]).toEqual([400, words('APIG.3201', 'The API group name already exists')]);
      await fc.assert(
        fc.asyncProperty(fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' })), fc.jsonValue(), async (name, remark) => {
          expect((await client.post(at('/api-groups'), { name, remark })).status).toBeLessThan(500);
        }),
        { numRuns: 30 },
      );
    });
  });

  describe('GET …/api-groups/{group_id}', () => {
    it('answers 200 with times in whole seconds', async () => {
      const { id, ...created } = await create('read_me');
      const { status, body } = await client.get(at(`/api-groups/${id}`));
      expect(status).toBe(200);
      const times = { register_time: expect.stringMatching(SECONDS), update_time: expect.stringMatching(SECONDS) };
      expect(body).toEqual({ id, ...created, ...times });
    });

    it("answers 404 for another gateway's group, with the message for an unknown one", async () => {
      const { id } = await create('mine_only');
      const other = await client.gateway();
      for (const path of [`${id}`, UNKNOWN]) {
        const { status, body } = await client.get(`/v2/{project}/apigw/instances/${other}/api-groups/${path}`);
        expect([status, body]).toEqual([404, words('APIG.3001', `API group ${path} does not exist`)]);
      }
    });

    it('answers 404 for an unknown gateway and for another project', async () => {
      const { id } = await create('hidden');
      const gone = words('APIG.3030', `The instance does not exist;id:${gateway}`);
      expect((await foreign.get(at(`/api-groups/${id}`))).body).toEqual(gone);
      expect((await foreign.get(at('/api-groups'))).body).toEqual(gone);
      expect((await foreign.post(at('/api-groups'), { name: 'intruder' })).body).toEqual(gone);
      expect((await foreign.put(at(`/api-groups/${id}`), { name: 'intruder' })).body).toEqual(gone);
      expect((await foreign.delete(at(`/api-groups/${id}`))).body).toEqual(gone);
      expect((await client.get(at(`/api-groups/${id}`))).body.name).toBe('hidden');
    });
  });

  describe('GET …/api-groups', () => {
    it('answers 200 with the newest first, filters by id, part of the name or whole name, and pages', async () => {
      const shelf = await client.gateway();
      const list = (query: string) => client.get(`/v2/{project}/apigw/instances/${shelf}/api-groups?${query}`);
      expect((await list('')).body).toEqual({ total: 0, size: 0, groups: [] });
      const ids: string[] = [];
      for (const name of ['alpha', 'alpha_2', 'al%ha'])
        ids.unshift((await client.post(`/v2/{project}/apigw/instances/${shelf}/api-groups`, { name })).body.id);
      const names = ({ body }: { body: any }) => body.groups.map(({ name }: { name: string }) => name);
      expect(names(await list(''))).toEqual(['alpha_2', 'alpha']);
      expect(names(await list(`id=${ids[2]}`))).toEqual(['alpha']);
      expect(names(await list('name=pha_'))).toEqual(['alpha_2']);
      expect(names(await list('name=alpha&precise_search=name'))).toEqual(['alpha']);
      expect(names(await list('name=ALPHA'))).toEqual([]);
      expect((await list('limit=1&offset=1')).body).toMatchObject({ total: 2, size: 1, groups: [{ name: 'alpha' }] });
      expect((await list('offset=9')).body).toEqual({ total: 2, size: 0, groups: [] });
      expect((await list('offset=x')).body).toEqual(invalid('offset', 'APIG.2012'));
    });
  });

  describe('PUT …/api-groups/{group_id} and its settings', () => {
    it('answers 200 and replaces name and remark, and clears the remark if it is omitted, null or empty', async () => {
      const { id } = await create('before');
      expect((await client.put(at(`/api-groups/${id}`), { name: 'after', remark: 'kept' })).body).toMatchObject({
        id,
        name: 'after',
        remark: 'kept',
      });
      for (const remark of [undefined, null, '']) {
        await client.put(at(`/api-groups/${id}`), { name: 'after', remark: 'again' });
        expect((await client.put(at(`/api-groups/${id}`), { name: 'after', remark })).body).toMatchObject({ remark: '' });
        expect((await client.get(at(`/api-groups/${id}`))).body).toMatchObject({ name: 'after', remark: '' });
      }
    });

    it('answers 400 for an existing name, and 404 for an unknown group', async () => {
      await create('held');
      const { id } = await create('wants');
      expect((await client.put(at(`/api-groups/${id}`), { name: 'held' })).body.error_code).toBe('APIG.3201');
      expect((await client.put(at(`/api-groups/${UNKNOWN}`), { name: 'nobody' })).body).toEqual(
        words('APIG.3001', `API group ${UNKNOWN} does not exist`),
      );
    });

    it('answers 204 and stores whether the debugging domain may be used', async () => {
      const { id } = await create('domain');
      const set = (body: unknown) => client.put(at(`/api-groups/${id}/sl-domain-access-settings`), body);
      expect((await set({ sl_domain_access_enabled: false })).status).toBe(204);
      expect((await client.get(at(`/api-groups/${id}`))).body.sl_domain_access_enabled).toBe(false);
      expect((await set({ sl_domain_access_enabled: 'no' })).body).toEqual(invalid('sl_domain_access_enabled'));
    });
  });

  describe('DELETE …/api-groups/{group_id}', () => {
    it('answers 204 for an empty group, and 404 the second time', async () => {
      const { id } = await create('short_lived');
      expect((await client.delete(at(`/api-groups/${id}`))).status).toBe(204);
      const { status, body } = await client.delete(at(`/api-groups/${id}`));
      expect([status, body]).toEqual([404, words('APIG.3001', `API group ${id} does not exist`)]);
    });

    it('answers 412 for a group that contains APIs', async () => {
      const { groupId } = await client.publishedApi(gateway);
      const { status, body } = await client.delete(at(`/api-groups/${groupId}`));
      expect([status, body]).toEqual([412, words('APIG.3415', `The API group cannot be deleted because it contains APIs,id:${groupId}`)]);
    });

    it('leaves no API without a group, even if an API is created in the group at the same time', async () => {
      for (let round = 0; round < 8; round++) {
        const { id } = await create(`raced_${round}`);
        const api = {
          name: 'raced',
          type: 1,
          req_protocol: 'HTTP',
          req_method: 'GET',
          req_uri: '/raced',
          auth_type: 'NONE',
          backend_type: 'MOCK',
          group_id: id,
        };
        const [deleted, made] = await Promise.all([client.delete(at(`/api-groups/${id}`)), client.post(at('/apis'), api)]);
        expect([
          [204, 404],
          [412, 201],
        ]).toContainEqual([deleted.status, made.status]);
        if (made.status === 404) expect(made.body.error_code).toBe('APIG.3001');
      }
    });
  });

  describe('operations on groups', () => {
    it('answer the name check with 204 for a free name and 400 for an existing one', async () => {
      await create('checked');
      expect((await client.post(at('/api-groups/check'), { name: 'unchecked' })).status).toBe(204);
      expect((await client.post(at('/api-groups/check'), { name: 'checked' })).body).toEqual(
        words('APIG.3201', 'The API group name already exists'),
      );
    });

    it('answer 403 to a reader who writes, and 200 to a reader who reads', async () => {
      const reader = await service.client({ project: 'home', role: READ_ONLY });
      expect((await reader.post(at('/api-groups'), { name: 'nope' })).body).toEqual(
        words('APIG.1005', 'No permissions to request this method'),
      );
      expect((await reader.get(at('/api-groups'))).status).toBe(200);
    });

    it('answer 403 beyond the quota, which concurrent creations cannot exceed', async () => {
      const full = await client.gateway();
      const { rows, insertGroups } = bound(service);
      await insertGroups(client.projectId, full, 1497);
      const path = `/v2/{project}/apigw/instances/${full}/api-groups`;
      const answers = await Promise.all(Array.from({ length: 6 }, (_, i) => client.post(path, { name: `last_${i}` })));
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(3);
      expect(answers.find(({ status }) => status !== 201)?.body).toEqual(
        words('APIG.3101', 'The number of API groups exceeds the maximum allowed limit.'),
      );
      expect(await rows('SELECT COUNT(*) AS held FROM api_groups WHERE instance_id = ?', [full])).toEqual([{ held: 1500 }]);
    });
  });
});

/** The access to the database that a test needs. */
function bound(service: TestService) {
  const database = service.app.get(Database);
  const rows: Database['rows'] = (sql, params) => database.rows(sql, params);
  const insertGroups = (projectId: string, instanceId: string, count: number) =>
    database.transaction(async (tx) => {
      const sql =
        'INSERT INTO api_groups (id, project_id, instance_id, name, remark, sl_domain_access_enabled, created_at, updated_at) VALUES';
      for (let from = 0; from < count; from += 100) {
        const part = Array.from(
          { length: Math.min(100, count - from) },
          (_, i) => `${instanceId.slice(0, 24)}${String(from + i).padStart(8, '0')}`,
        );
        await tx.run(
          `${sql} ${part.map(() => "(?, ?, ?, ?, '', 1, 0, 0)").join(', ')}`,
          part.flatMap((id) => [id, projectId, instanceId, id]),
        );
      }
    });
  return { rows, insertGroups };
}
