import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { READ_ONLY, TestService } from '../support/service.js';

const GATEWAYS = '/v2/{project}/apigw/instances';
const ADDRESS = /^\d{1,3}(\.\d{1,3}){3}$/;
const CHOSEN = 'aab6c2d4-0000-4000-8000-0000000000';

const body = (overrides: Record<string, unknown> = {}) => ({
  instance_name: 'gateway',
  spec_id: 'BASIC',
  vpc_id: 'vpc',
  subnet_id: 'subnet',
  security_group_id: 'group',
  available_zone_ids: ['local-a', 'local-b'],
  ...overrides,
});
const without = (field: string) => Object.fromEntries(Object.entries(body()).filter(([name]) => name !== field));
const rule = (parameter: string) => ({
  error_code: 'APIC.7211',
  error_msg: `Parameter value does not match the rules, parameter name[${parameter}]`,
});

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let rows: Database['rows'];
  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database);
    const db = service.app.get(Database);
    rows = db.rows.bind(db);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  const revisionOf = async (scope: string) =>
    (await rows<{ revision: number }>('SELECT revision FROM change_counters WHERE scope_id = ?', [scope]))[0]!.revision;

  describe('POST /instances', () => {
    it('answers 202 for a new gateway, which runs at once and has the default environment', async () => {
      const client = await service.client();
      const answer = await client.post(GATEWAYS, body());
      expect(answer.status).toBe(202);
      expect(answer.body).toEqual({
        instance_id: expect.stringMatching(/^[0-9a-f]{32}$/),
        message: expect.any(String),
        job_id: expect.stringMatching(/^JOB-[0-9a-f]{32}$/),
      });
      const id: string = answer.body.instance_id;
      expect((await client.get(`${GATEWAYS}/${id}`)).body).toMatchObject({ id, status: 'Running', instance_status: 6, spec: 'BASIC' });
      expect(await rows('SELECT id, name, project_id AS project FROM environments WHERE instance_id = ?', [id])).toEqual([
        { id: 'DEFAULT_ENVIRONMENT_RELEASE_ID', name: 'RELEASE', project: client.projectId },
      ]);
      expect((await client.post(`${GATEWAYS}/${id}/signs`, { name: 'key' })).status).toBe(201);
    });

    it('writes one audit row and one change with the same revision in the project', async () => {
      const client = await service.client();
      const before = await revisionOf(client.projectId);
      const id = await client.gateway();
      const revision = before + 1;
      expect(await revisionOf(client.projectId)).toBe(revision);
      expect(
        await rows('SELECT seq, action, resource_type AS type, resource_id AS resource FROM audit_events WHERE scope_id = ? AND seq > ?', [
          client.projectId,
          before,
        ]),
      ).toEqual([{ seq: revision, action: 'CreateInstance', type: 'Instance', resource: id }]);
      expect(
        await rows('SELECT revision, kind, target_id AS target, op FROM changes WHERE scope_id = ? AND revision > ?', [
          client.projectId,
          before,
        ]),
      ).toEqual([{ revision, kind: 'instance', target: id, op: 'created' }]);
    });

    it.each(['BASIC', 'PROFESSIONAL', 'ENTERPRISE', 'PLATINUM', 'PLATINUM_X2', 'PLATINUM_X8'])(
      'answers 202 for the spec %s',
      async (spec) => {
        const client = await service.client();
        const id = await client.gateway({ spec_id: spec });
        expect((await client.get(`${GATEWAYS}/${id}`)).body.spec).toBe(spec);
      },
    );

    it('answers 202 with the id that the caller chose', async () => {
      const client = await service.client();
      expect(await client.gateway({ instance_id: `${CHOSEN}01` })).toBe(`${CHOSEN}01`);
    });

    it('answers 202 for every documented field, unknown fields, and empty strings for unset fields', async () => {
      const client = await service.client();
      const id = await client.gateway({
        instance_name: '网关-1_a',
        description: 'tests & more',
        maintain_begin: '22:00:00',
        maintain_end: '02:00:00',
        eip_id: '',
        enterprise_project_id: '7f3a',
        bandwidth_size: 3,
        bandwidth_charging_mode: 'traffic',
        ingress_bandwidth_size: 7,
        loadbalancer_provider: 'elb',
        tags: [{ key: 'team', value: '' }],
        vpcep_service_name: 'mine',
        ipv6_enable: true,
      });
      expect((await client.get(`${GATEWAYS}/${id}`)).body).toMatchObject({
        instance_name: '网关-1_a',
        description: 'tests & more',
        enterprise_project_id: '7f3a',
        bandwidth_size: 3,
        bandwidth_charging_mode: 'traffic',
        ingress_bandwidth_charging_mode: null,
        publicips: [{ ip_address: expect.stringMatching(ADDRESS), bandwidth_size: 7 }],
        endpoint_service: { service_name: `local.mine.${id}` },
        eip_ipv6_address: expect.stringMatching(/^2001:db8:[0-9a-f]{1,4}:[0-9a-f]{1,4}::\d{1,3}$/),
      });
      expect((await client.get(`${GATEWAYS}/${id}/instance-tags`)).body.tags).toEqual([{ key: 'team', value: '' }]);
    });

    it('answers 202 for text that is not well-formed Unicode, which is returned unchanged or repaired', async () => {
      const client = await service.client();
      const id = await client.gateway({ vpc_id: '\ud800', description: 'a\u0000\udfff', tags: [{ key: '\udc00', value: '\u0000"\\' }] });
      expect((await client.get(`${GATEWAYS}/${id}`)).status).toBe(200);
      expect((await client.get(`${GATEWAYS}/${id}/instance-tags`)).body.tags[0].value).toBe('\u0000"\\');
    });

    it('answers 202 for a name that another project uses', async () => {
      for (const client of [await service.client(), await service.client()]) {
        expect((await client.post(GATEWAYS, body({ instance_name: 'shared' }))).status).toBe(202);
      }
    });

    it('answers 202 for names that differ only in case', async () => {
      const client = await service.client();
      for (const instance_name of ['name', 'Name']) expect((await client.post(GATEWAYS, body({ instance_name }))).status).toBe(202);
    });

    it.each([
      ['instance_name', 'instanceName'],
      ['spec_id', 'specId'],
      ['vpc_id', 'vpcId'],
      ['subnet_id', 'subnetId'],
      ['security_group_id', 'securityGroupId'],
    ])('answers 400 APIC.7211 without %s, named in camel case', async (field, parameter) => {
      const answer = await (await service.client()).post(GATEWAYS, without(field));
      expect([answer.status, answer.body]).toEqual([400, rule(parameter)]);
    });

    it('answers 400 APIC.7211 with every field that is missing, at once', async () => {
      const answer = await (await service.client()).post(GATEWAYS, {});
      expect([answer.status, answer.body]).toEqual([400, rule('instanceName, specId, vpcId, subnetId, securityGroupId')]);
    });

    it.each([
      [{ instance_name: 'ab' }, 'instanceName'],
      [{ instance_name: '1abc' }, 'instanceName'],
      [{ instance_name: 'a.bc' }, 'instanceName'],
      [{ instance_name: 'abc\n' }, 'instanceName'],
      [{ instance_name: 'a'.repeat(65) }, 'instanceName'],
      [{ instance_name: ['abc'] }, 'instanceName'],
      [{ spec_id: 7 }, 'specId'],
      [{ vpc_id: '' }, 'vpcId'],
      [{ subnet_id: {} }, 'subnetId'],
      [{ security_group_id: 'x'.repeat(65) }, 'securityGroupId'],
      [{ available_zone_ids: 'local-a' }, 'availableZoneIds'],
      [{ available_zone_ids: [1] }, 'availableZoneIds'],
      [{ available_zone_ids: [''] }, 'availableZoneIds'],
      [{ available_zone_ids: Array.from({ length: 17 }, () => 'a') }, 'availableZoneIds'],
      [{ description: 'a <b>' }, 'description'],
      [{ description: 'x'.repeat(256) }, 'description'],
      [{ maintain_begin: '2:00:00', maintain_end: '06:00:00' }, 'maintainBegin'],
      [{ maintain_begin: '02:00:00', maintain_end: '06:30:00' }, 'maintainEnd'],
      [{ maintain_begin: '02:00:00' }, 'maintainEnd'],
      [{ maintain_end: '02:00:00' }, 'maintainBegin'],
      [{ instance_id: 'abc' }, 'instanceId'],
      [{ instance_id: `g${CHOSEN}0` }, 'instanceId'],
      [{ bandwidth_size: 2001 }, 'bandwidthSize'],
      [{ bandwidth_size: '5' }, 'bandwidthSize'],
      [{ bandwidth_charging_mode: 'free' }, 'bandwidthChargingMode'],
      [{ ingress_bandwidth_size: -1 }, 'ingressBandwidthSize'],
      [{ ingress_bandwidth_charging_mode: 1 }, 'ingressBandwidthChargingMode'],
      [{ loadbalancer_provider: 'f5' }, 'loadbalancerProvider'],
      [{ enterprise_project_id: 0 }, 'enterpriseProjectId'],
      [{ tags: Array.from({ length: 21 }, (_, i) => ({ key: `k${i}`, value: '' })) }, 'tags'],
      [{ tags: [{ key: '', value: '' }] }, 'tags[0].key'],
      [{ tags: [{ key: '_sys_a', value: '' }] }, 'tags[0].key'],
      [{ ipv6_enable: 'true' }, 'ipv6Enable'],
      [{ elb_id: 1 }, 'elbId'],
      [{ tags: [{ key: 'k' }] }, 'tags[0].value'],
      [{ tags: ['k'] }, 'tags[0]'],
      [{ vpcep_service_name: 'x'.repeat(17) }, 'vpcepServiceName'],
    ])('answers 400 APIC.7211 for %j', async (overrides, parameter) => {
      const answer = await (await service.client()).post(GATEWAYS, body(overrides));
      expect([answer.status, answer.body]).toEqual([400, rule(parameter)]);
    });

    it.each([
      ['08:00:00', '12:00:00'],
      ['02:00:00', '07:00:00'],
    ])('answers 400 APIC.7235 for a maintenance window off the grid: %s to %s', async (maintain_begin, maintain_end) => {
      const answer = await (await service.client()).post(GATEWAYS, body({ maintain_begin, maintain_end }));
      expect([answer.status, answer.body.error_code]).toEqual([400, 'APIC.7235']);
    });

    it.each([
      ['02:00:00', '10:00:00'],
      ['02:00:00', '02:00:00'],
      ['02:00:00', '22:00:00'],
    ])('answers 400 APIC.7230 for a maintenance window that is not 4 hours long: %s to %s', async (maintain_begin, maintain_end) => {
      const answer = await (await service.client()).post(GATEWAYS, body({ maintain_begin, maintain_end }));
      expect([answer.status, answer.body.error_code]).toEqual([400, 'APIC.7230']);
    });

    it('answers 400 APIC.7238 without a zone', async () => {
      const client = await service.client();
      for (const input of [without('available_zone_ids'), body({ available_zone_ids: [] }), body({ available_zone_ids: null })]) {
        const answer = await client.post(GATEWAYS, input);
        expect([answer.status, answer.body]).toEqual([400, { error_code: 'APIC.7238', error_msg: 'An AZ must be specified.' }]);
      }
    });

    it('answers 400 APIC.7500 for a name that the project uses', async () => {
      const client = await service.client();
      await client.post(GATEWAYS, body());
      const answer = await client.post(GATEWAYS, body());
      expect([answer.status, answer.body]).toEqual([400, { error_code: 'APIC.7500', error_msg: 'The gateway name already exists.' }]);
    });

    it('answers 400 APIC.7505 for a chosen id that exists, with one message for this project, another project and a deleted gateway', async () => {
      const [mine, theirs] = [await service.client(), await service.client()];
      const taken = { instance_id: `${CHOSEN}02` };
      await theirs.gateway(taken);
      const answers = [await theirs.post(GATEWAYS, body(taken)), await mine.post(GATEWAYS, body(taken))];
      await theirs.delete(`${GATEWAYS}/${taken.instance_id}`);
      answers.push(await mine.post(GATEWAYS, body(taken)), await theirs.post(GATEWAYS, body(taken)));
      for (const { status, body: error } of answers) {
        expect([status, error]).toEqual([400, { error_code: 'APIC.7505', error_msg: 'The gateway ID already exists.' }]);
      }
      expect((await mine.get(GATEWAYS)).body.total).toBe(0);
    });

    it('answers 400 for a body that is not an object, or not JSON', async () => {
      const client = await service.client();
      for (const sent of ['[]', '"x"', '{', 'null']) expect([sent, (await client.post(GATEWAYS, sent)).status]).toEqual([sent, 400]);
    });

    it('answers 401 APIC.7100 without a token and APIC.7102 with an invalid one', async () => {
      const { projectId } = await service.client();
      const post = (headers: Record<string, string>) =>
        fetch(`${service.baseUrl}/v2/${projectId}/apigw/instances`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: '{}',
        });
      const [none, bad] = [await post({}), await post({ 'x-auth-token': 'nonsense' })];
      expect([none.status, await none.json()]).toEqual([401, expect.objectContaining({ error_code: 'APIC.7100' })]);
      expect([bad.status, await bad.json()]).toEqual([
        401,
        { error_code: 'APIC.7102', error_msg: 'Incorrect token or token resolution failed' },
      ]);
    });

    it('answers 403 APIC.7106 for a reader', async () => {
      const answer = await (await service.client({ role: READ_ONLY })).post(GATEWAYS, body());
      expect([answer.status, answer.body]).toEqual([
        403,
        { error_code: 'APIC.7106', error_msg: 'No permissions to request for the method' },
      ]);
    });

    it('answers 403 APIC.7400 for a gateway beyond the limit of five, also for concurrent requests', async () => {
      const client = await service.client();
      const before = await revisionOf(client.projectId);
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => client.post(GATEWAYS, body({ instance_name: `racer${i}` }))));
      const refused = answers.filter(({ status }) => status !== 202);
      expect(refused).toHaveLength(15);
      for (const { status, body: error } of refused) {
        expect([status, error]).toEqual([403, { error_code: 'APIC.7400', error_msg: 'Maximum number of gateways reached.' }]);
      }
      expect((await client.get(GATEWAYS)).body.total).toBe(5);
      expect(await revisionOf(client.projectId)).toBe(before + 5);
    });

    it.each(['basic', 'BASIC_X2', 'PLATINUM_X1', 'PLATINUM_X10', 'PLATINUM_X2 ', 'GOLD'])(
      'answers 404 APIC.7301 for the spec %j',
      async (spec_id) => {
        const answer = await (await service.client()).post(GATEWAYS, body({ spec_id }));
        expect([answer.status, answer.body]).toEqual([404, { error_code: 'APIC.7301', error_msg: 'Instance spec not found' }]);
      },
    );
  });
});
