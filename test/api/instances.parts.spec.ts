import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Answer, type Client, READ_ONLY, TestService } from '../support/service.js';

const GATEWAYS = '/v2/{project}/apigw/instances';
const UNKNOWN = '0123456789abcdef0123456789abcdef';
const NOT_FOUND = [404, { error_code: 'APIC.7302', error_msg: 'Instance not found' }];
const ADDRESS = /^\d{1,3}(\.\d{1,3}){3}$/;
const rule = (parameter: string) => [
  400,
  { error_code: 'APIC.7211', error_msg: `Parameter value does not match the rules, parameter name[${parameter}]` },
];
const told = ({ status, body }: Answer) => [status, body];
const coded = ({ status, body }: Answer) => [status, body?.error_code];

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
  let id: string;
  const call = (method: string, path: string, body?: unknown) => client.call(method, `${GATEWAYS}/${id}/${path}`, body);
  const detail = async () => (await client.get(`${GATEWAYS}/${id}`)).body;
  const actions = async () =>
    (await service.app.get(Database).rows<{ action: string }>('SELECT action FROM audit_events WHERE scope_id = ? ORDER BY seq', [id])).map(
      ({ action }) => action,
    );
  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database);
  });
  beforeEach(async () => {
    client = await service.client();
    id = await client.gateway({ spec_id: 'BASIC', bandwidth_size: 0 });
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  describe('nat-eip', () => {
    it('enables outbound access, changes its bandwidth and disables it, and accepts numbers as texts', async () => {
      const steps = [];
      for (const [method, body] of [
        ['POST', { bandwidth_size: '5' }],
        ['PUT', { bandwidth_size: '5' }],
        ['PUT', { bandwidth_size: 8, bandwidth_charging_mode: 'traffic' }],
        ['PUT', { bandwidth_size: 0 }],
        ['PUT', { bandwidth_size: '0' }],
        ['DELETE', undefined],
        ['DELETE', undefined],
        ['POST', {}],
      ] as const) {
        const { status, text } = await call(method, 'nat-eip', body);
        const { nat_eip_address, bandwidth_size, bandwidth_charging_mode } = await detail();
        steps.push([method, status, text, nat_eip_address, bandwidth_size, bandwidth_charging_mode]);
      }
      const address = steps[0]![3] as string;
      expect(address).toMatch(ADDRESS);
      expect(steps).toEqual([
        ['POST', 200, '', address, 5, 'bandwidth'],
        ['PUT', 200, '', address, 5, 'bandwidth'],
        ['PUT', 200, '', address, 8, 'traffic'],
        ['PUT', 200, '', address, 8, 'traffic'],
        ['PUT', 200, '', address, 8, 'traffic'],
        ['DELETE', 204, '', null, 0, null],
        ['DELETE', 204, '', null, 0, null],
        ['POST', 200, '', address, 5, 'bandwidth'],
      ]);
    });

    it('cannot be enabled twice, nor changed while it is disabled', async () => {
      expect(coded(await call('PUT', 'nat-eip', { bandwidth_size: 5 }))).toEqual([404, 'APIC.7311']);
      const answers = await Promise.all(Array.from({ length: 6 }, (_, i) => call('POST', 'nat-eip', { bandwidth_size: i + 1 })));
      expect(answers.map(coded).filter(([status]) => status === 200)).toHaveLength(1);
      expect(answers.map(coded).filter(([status]) => status !== 200)).toEqual(Array(5).fill([409, 'APIC.7709']));
      const winner = answers.findIndex(({ status }) => status === 200);
      expect((await detail()).bandwidth_size).toBe(winner + 1);
    });

    it.each([
      [{ bandwidth_size: 'five' }, 'bandwidthSize'],
      [{ bandwidth_size: '5.0' }, 'bandwidthSize'],
      [{ bandwidth_size: -1 }, 'bandwidthSize'],
      [{ bandwidth_size: 2001 }, 'bandwidthSize'],
      [{ bandwidth_size: {} }, 'bandwidthSize'],
      [{ bandwidth_charging_mode: 'free' }, 'bandwidthChargingMode'],
    ])('refuses %j and changes nothing', async (body, parameter) => {
      for (const path of ['nat-eip', 'ingress-eip'])
        for (const method of ['POST', 'PUT'])
          expect([path, method, ...told(await call(method, path, body))]).toEqual([path, method, ...rule(parameter)]);
      expect(await actions()).toEqual([]);
    });
  });

  describe('ingress-eip', () => {
    const job = { instance_id: expect.any(String), message: expect.any(String), job_id: expect.stringMatching(/^JOB-[0-9a-f]{32}$/) };

    it('enables inbound access, changes it and disables it', async () => {
      const first = await call('POST', 'ingress-eip', { bandwidth_size: 5, bandwidth_charging_mode: 'bandwidth' });
      expect(told(first)).toEqual([202, { ...job, instance_id: id }]);
      const { publicips, ingress_bandwidth_charging_mode } = await detail();
      expect([publicips, ingress_bandwidth_charging_mode]).toEqual([
        [{ ip_address: expect.stringMatching(ADDRESS), bandwidth_size: 5 }],
        'bandwidth',
      ]);
      expect(told(await call('PUT', 'ingress-eip', { bandwidth_size: 9 }))).toEqual([202, job]);
      expect((await detail()).publicips).toEqual([{ ...publicips[0], bandwidth_size: 9 }]);
      for (let i = 0; i < 2; i++) expect((await call('DELETE', 'ingress-eip')).status).toBe(204);
      expect(await detail()).toMatchObject({ publicips: [], ingress_bandwidth_charging_mode: null });
    });

    it('keeps the charging mode empty when the request omits it', async () => {
      await call('POST', 'ingress-eip', { bandwidth_size: 5, bandwidth_charging_mode: '' });
      expect((await detail()).ingress_bandwidth_charging_mode).toBeNull();
    });

    it('cannot be enabled twice, nor changed while it is disabled', async () => {
      expect(coded(await call('PUT', 'ingress-eip', {}))).toEqual([400, 'APIC.7244']);
      expect((await call('POST', 'ingress-eip', {})).status).toBe(202);
      expect(coded(await call('POST', 'ingress-eip', {}))).toEqual([409, 'APIC.7711']);
    });
  });

  describe('eip', () => {
    it('replaces a bound one, is unbound, and always has the same address for one id', async () => {
      const bind = async (eip_id: string) => (await call('PUT', 'eip', { eip_id })).body;
      const first = await bind('one');
      expect(first).toEqual({ eip_id: 'one', eip_address: expect.stringMatching(ADDRESS), eip_status: 'ACTIVE' });
      expect((await detail()).eip_address).toBe(first.eip_address);
      expect(await bind('one')).toEqual(first);
      await bind('two');
      for (let i = 0; i < 2; i++) expect(told(await call('DELETE', 'eip'))).toEqual([200, undefined]);
      expect((await detail()).eip_address).toBeNull();
      expect(await bind('one')).toEqual(first);
      expect(await actions()).toEqual(['AddEip', 'AddEip', 'RemoveEip', 'AddEip']);
    });

    it.each([{}, { eip_id: '' }, { eip_id: 1 }, { eip_id: 'x'.repeat(65) }])('refuses %j', async (body) => {
      expect(told(await call('PUT', 'eip', body))).toEqual(rule('eipId'));
    });
  });

  describe('postpaid-resize', () => {
    it('changes the edition, and with it the limits, in either direction', async () => {
      const limit = async () =>
        (await client.get(`${GATEWAYS}/${id}/project/configs?limit=100`)).body.configs.find(
          ({ config_name }: { config_name: string }) => config_name === 'API_NUM_LIMIT',
        ).config_value;
      for (const [spec, apis] of [
        ['PROFESSIONAL', '800'],
        ['BASIC', '250'],
        ['PLATINUM_X2', '8000'],
      ]) {
        expect((await call('POST', 'postpaid-resize', { spec_id: spec })).status).toBe(202);
        expect([(await detail()).spec, (await detail()).status, await limit()]).toEqual([spec, 'Running', apis]);
      }
    });

    it('is refused for the same edition, an unknown one and a missing one', async () => {
      expect(coded(await call('POST', 'postpaid-resize', { spec_id: 'BASIC' }))).toEqual([409, 'APIC.7707']);
      expect(coded(await call('POST', 'postpaid-resize', { spec_id: 'GOLD' }))).toEqual([404, 'APIC.7301']);
      for (const body of [{}, { spec_id: '' }, { spec_id: 1 }])
        expect(told(await call('POST', 'postpaid-resize', body))).toEqual(rule('specId'));
    });
  });

  describe('custom-ingress-ports', () => {
    const add = (ingress_port: unknown, protocol: unknown = 'HTTP') => call('POST', 'custom-ingress-ports', { protocol, ingress_port });
    const list = async (query = '?limit=500') => (await call('GET', `custom-ingress-ports${query}`)).body;

    it('are added, listed by page and filter in the order of creation, and deleted', async () => {
      expect(await list()).toEqual({ total: 0, size: 0, ingress_port_infos: [] });
      const one = await add(3662);
      expect(told(one)).toEqual([
        201,
        { ingress_port_id: expect.stringMatching(/^[0-9a-f]{32}$/), protocol: 'HTTP', ingress_port: 3662, status: 'normal' },
      ]);
      const two = await add(3665, 'HTTPS');
      expect(await list()).toEqual({ total: 2, size: 2, ingress_port_infos: [one.body, two.body] });
      expect(await list('?limit=1&offset=1')).toEqual({ total: 2, size: 1, ingress_port_infos: [two.body] });
      expect((await list('?protocol=HTTPS')).ingress_port_infos).toEqual([two.body]);
      expect((await list('?ingress_port=3662&protocol=')).ingress_port_infos).toEqual([one.body]);
      expect((await call('DELETE', `custom-ingress-ports/${one.body.ingress_port_id}`)).status).toBe(204);
      expect((await list()).ingress_port_infos).toEqual([two.body]);
      expect((await add(3662)).status).toBe(201);
    });

    it('are unique in a gateway, whatever their protocol, also for concurrent requests', async () => {
      const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => add(4000, i % 2 === 0 ? 'HTTP' : 'HTTPS')));
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
      for (const answer of answers.filter(({ status }) => status !== 201)) expect(coded(answer)).toEqual([400, 'APIC.7258']);
      expect((await list()).total).toBe(1);
      const other = await client.gateway();
      expect((await client.post(`${GATEWAYS}/${other}/custom-ingress-ports`, { protocol: 'HTTP', ingress_port: 4000 })).status).toBe(201);
    });

    it('are limited to forty, also for concurrent requests', async () => {
      for (let port = 2000; port < 2037; port++) expect((await add(port)).status).toBe(201);
      const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => add(3000 + i)));
      expect(answers.map(coded).filter(([status]) => status === 201)).toHaveLength(3);
      expect(answers.map(coded).filter(([status]) => status !== 201)).toEqual(Array(5).fill([403, 'APIC.7403']));
      expect((await list()).total).toBe(40);
    });

    it('answer 404 APIC.7200 with the same message for an unknown port and for one of another gateway', async () => {
      const other = await client.gateway();
      const theirs = (await client.post(`${GATEWAYS}/${other}/custom-ingress-ports`, { protocol: 'HTTP', ingress_port: 4000 })).body;
      for (const port of [theirs.ingress_port_id, UNKNOWN, "'"])
        expect(told(await call('DELETE', `custom-ingress-ports/${port}`))).toEqual([
          404,
          { error_code: 'APIC.7200', error_msg: 'The custom inbound port does not exist.' },
        ]);
    });

    it.each([
      [{ protocol: 'HTTP', ingress_port: 1023 }, 'ingressPort'],
      [{ protocol: 'HTTP', ingress_port: 49_152 }, 'ingressPort'],
      [{ protocol: 'HTTP', ingress_port: '3662' }, 'ingressPort'],
      [{ protocol: 'HTTP' }, 'ingressPort'],
      [{ protocol: 'TCP', ingress_port: 3662 }, 'protocol'],
      [{ ingress_port: 3662 }, 'protocol'],
    ])('are refused for %j', async (body, parameter) => {
      expect(told(await call('POST', 'custom-ingress-ports', body))).toEqual(rule(parameter));
    });

    it.each([
      ['protocol=TCP', 'protocol'],
      ['ingress_port=x', 'ingressPort'],
      ['ingress_port=80', 'ingressPort'],
    ])('are not listed for an invalid filter ?%s', async (query, parameter) => {
      expect(told(await call('GET', `custom-ingress-ports?${query}`))).toEqual(rule(parameter));
    });
  });

  describe('extra-elbs', () => {
    const elbs = async () => (await call('GET', 'extra-elbs')).body.elbs.map(({ elb_id }: { elb_id: string }) => elb_id);
    const add = (...ids: unknown[]) =>
      call('POST', 'extra-elbs', { elb_details: ids.map((elb) => ({ id: elb, force_overwrite_enabled: true })) });

    it('include the load balancer of the creation and the added ones, until they are removed', async () => {
      id = await client.gateway({ elb_id: 'one' });
      expect(await elbs()).toEqual(['one']);
      expect(told(await add('two', 'one', 'three'))).toEqual([201, { elbs: [{ elb_id: 'one' }, { elb_id: 'two' }, { elb_id: 'three' }] }]);
      expect((await add('two')).status).toBe(201);
      for (let i = 0; i < 2; i++) expect((await call('DELETE', 'extra-elbs', { elb_ids: ['one', 'three', 'none'] })).status).toBe(204);
      expect(await elbs()).toEqual(['two']);
      expect(await actions()).toEqual(['AddExtraElbs', 'RemoveExtraElbs']);
    });

    it('are limited to ten', async () => {
      expect((await add(...Array.from({ length: 8 }, (_, i) => `elb-${i}`))).status).toBe(201);
      expect(told(await add('a', 'b', 'c'))).toEqual(rule('elbDetails'));
      expect((await elbs()).length).toBe(8);
    });

    it.each([
      ['POST', {}, 'elbDetails'],
      ['POST', { elb_details: [] }, 'elbDetails'],
      ['POST', { elb_details: ['x'] }, 'elbDetails[0]'],
      ['POST', { elb_details: [{ id: '' }] }, 'elbDetails[0].id'],
      ['DELETE', {}, 'elbIds'],
      ['DELETE', { elb_ids: [1] }, 'elbIds'],
    ])('are refused for %s %j', async (method, body, parameter) => {
      expect(told(await call(method, 'extra-elbs', body))).toEqual(rule(parameter));
    });
  });

  const WRITES = [
    ['POST', 'postpaid-resize', { spec_id: 'PROFESSIONAL' }, 'ResizeInstance'],
    ['PUT', 'eip', { eip_id: 'one' }, 'AddEip'],
    ['DELETE', 'eip', undefined, 'RemoveEip'],
    ['POST', 'nat-eip', { bandwidth_size: 5 }, 'AddEgressEip'],
    ['PUT', 'nat-eip', { bandwidth_size: 6 }, 'UpdateEgressEip'],
    ['DELETE', 'nat-eip', undefined, 'RemoveEgressEip'],
    ['POST', 'ingress-eip', { bandwidth_size: 5 }, 'AddIngressEip'],
    ['PUT', 'ingress-eip', { bandwidth_size: 6 }, 'UpdateIngressEip'],
    ['DELETE', 'ingress-eip', undefined, 'RemoveIngressEip'],
    ['POST', 'custom-ingress-ports', { protocol: 'HTTP', ingress_port: 3662 }, 'AddCustomIngressPort'],
    ['POST', 'extra-elbs', { elb_details: [{ id: 'one' }] }, 'AddExtraElbs'],
    ['DELETE', 'extra-elbs', { elb_ids: ['one'] }, 'RemoveExtraElbs'],
    ['POST', 'instance-tags/action', { action: 'create', tags: [{ key: 'a', value: 'b' }] }, 'UpdateInstanceTags'],
  ] as const;

  describe('a write to any part of a gateway', () => {
    it('writes one audit row and one change of the gateway', async () => {
      for (const [method, path, body] of WRITES)
        expect([path, (await call(method, path, body)).status]).toEqual([path, expect.any(Number)]);
      expect(await actions()).toEqual(WRITES.map(([, , , action]) => action));
      const changes = await service.app
        .get(Database)
        .rows<{ n: number }>("SELECT COUNT(*) AS n FROM changes WHERE scope_id = ? AND kind = 'instance' AND op = 'updated'", [id]);
      expect(changes).toEqual([{ n: WRITES.length }]);
    });

    it('answers 404 APIC.7302 for a gateway of another project, with the message for an unknown one, and changes nothing', async () => {
      const other = await service.client();
      const before = await detail();
      for (const [method, path, body] of WRITES)
        for (const target of [id, UNKNOWN, 'a'.repeat(65)])
          expect([path, ...told(await other.call(method, `${GATEWAYS}/${target}/${path}`, body))]).toEqual([path, ...NOT_FOUND]);
      expect(await detail()).toEqual(before);
      expect(await actions()).toEqual([]);
    });

    it('answers 403 APIC.7106 for a reader', async () => {
      const reader = await service.client({ role: READ_ONLY });
      for (const [method, path, body] of WRITES)
        expect([path, ...coded(await reader.call(method, `${GATEWAYS}/${id}/${path}`, body))]).toEqual([path, 403, 'APIC.7106']);
    });

    it('keeps the values of concurrent writes', async () => {
      const answers = await Promise.all([
        call('POST', 'nat-eip', { bandwidth_size: 5 }),
        call('POST', 'ingress-eip', { bandwidth_size: 6 }),
        call('PUT', 'eip', { eip_id: 'one' }),
        call('POST', 'custom-ingress-ports', { protocol: 'HTTP', ingress_port: 3662 }),
        call('POST', 'instance-tags/action', { action: 'create', tags: [{ key: 'a', value: 'b' }] }),
        call('POST', 'extra-elbs', { elb_details: [{ id: 'one' }] }),
        client.put(`${GATEWAYS}/${id}`, { description: 'at the same time' }),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([200, 202, 200, 201, 204, 201, 200]);
      expect(await detail()).toMatchObject({
        bandwidth_size: 5,
        publicips: [{ bandwidth_size: 6 }],
        eip_address: expect.any(String),
        description: 'at the same time',
      });
      expect((await call('GET', 'instance-tags')).body.tags).toHaveLength(1);
      expect((await call('GET', 'custom-ingress-ports')).body.total).toBe(1);
      expect((await call('GET', 'extra-elbs')).body.elbs).toHaveLength(1);
    });
  });
});
