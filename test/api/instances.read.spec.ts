import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const GATEWAYS = '/v2/{project}/apigw/instances';
const NOT_FOUND = { error_code: 'APIC.7302', error_msg: 'Instance not found' };
const UNKNOWN = '0123456789abcdef0123456789abcdef';

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
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

  describe('GET /instances', () => {
    it('answers 200 with an empty array for a project without gateways', async () => {
      const answer = await client.get(GATEWAYS);
      expect([answer.status, answer.body]).toEqual([200, { total: 0, size: 0, instances: [] }]);
    });

    it('answers 200 with the fields of the list and no others', async () => {
      const id = await client.gateway({ instance_name: 'listed' });
      expect((await client.get(GATEWAYS)).body.instances).toEqual([
        {
          id,
          project_id: client.projectId,
          instance_name: 'listed',
          status: 'Running',
          instance_status: 6,
          type: 'apig',
          spec: 'PLATINUM',
          create_time: expect.any(Number),
          enterprise_project_id: '0',
          eip_address: null,
          charging_mode: 0,
          cbc_metadata: '',
          loadbalancer_provider: 'elb',
          cbc_operation_locks: [],
        },
      ]);
    });

    it('answers 200 with the newest first, page by page, until an empty page', async () => {
      const ids = [await client.gateway(), await client.gateway(), await client.gateway()].reverse();
      const page = async (query: string) => {
        const { body } = await client.get(`${GATEWAYS}?${query}`);
        return [body.total, body.size, body.instances.map(({ id }: { id: string }) => id)];
      };
      expect(await page('')).toEqual([3, 3, ids]);
      expect(await page('limit=2')).toEqual([3, 2, ids.slice(0, 2)]);
      expect(await page('limit=2&offset=2')).toEqual([3, 1, ids.slice(2)]);
      expect(await page('limit=2&offset=3')).toEqual([3, 0, []]);
      expect(await page('limit=0&offset=-1')).toEqual([3, 3, ids]);
    });

    it('answers 200 filtered by id, part of the name, and status as a word or a number', async () => {
      const [blue, green] = [await client.gateway({ instance_name: 'blue_one' }), await client.gateway({ instance_name: 'greenXone' })];
      const ids = async (query: string) => (await client.get(`${GATEWAYS}?${query}`)).body.instances.map(({ id }: { id: string }) => id);
      expect(await ids(`instance_id=${blue}`)).toEqual([blue]);
      expect(await ids(`instance_id=${UNKNOWN}`)).toEqual([]);
      expect(await ids('instance_name=een')).toEqual([green]);
      expect(await ids('instance_name=EEN')).toEqual([]);
      expect(await ids('instance_name=_one')).toEqual([blue]);
      expect(await ids('status=Running')).toEqual([green, blue]);
      expect(await ids('status=6&instance_name=blue')).toEqual([blue]);
      expect(await ids('status=Creating')).toEqual([]);
      expect(await ids('instance_id=&instance_name=&status=')).toEqual([green, blue]);
    });

    it('answers 200 without the gateways of other projects', async () => {
      const theirs = await (await service.client()).gateway();
      expect((await client.get(`${GATEWAYS}?instance_id=${theirs}`)).body).toEqual({ total: 0, size: 0, instances: [] });
    });

    it.each(['status=running', 'status=9', 'limit=ten', 'offset=1.5', 'instance_id=a&instance_id=b'])(
      'answers 400 APIC.7211 for ?%s',
      async (query) => {
        const answer = await client.get(`${GATEWAYS}?${query}`);
        expect([answer.status, answer.body.error_code]).toEqual([400, 'APIC.7211']);
      },
    );
  });

  describe('GET /instances/{id}', () => {
    it('answers 200 with every field of the detail object', async () => {
      const before = Date.now();
      const id = await client.gateway({ available_zone_ids: ['az-a', 'az-b'], description: 'mine' });
      const { status, body } = await client.get(`${GATEWAYS}/${id}`);
      expect(status).toBe(200);
      expect(Object.keys(body).sort()).toEqual(
        `available_zone_ids bandwidth_charging_mode bandwidth_size cbc_metadata cbc_operation_locks charging_mode create_time description
        eip_address eip_ipv6_address endpoint_service endpoint_services enterprise_project_id id ingress_bandwidth_charging_mode ingress_ip ingress_ip_v6
        instance_name instance_status instance_version is_releasable listeners loadbalancer_provider maintain_begin maintain_end
        nat_eip_address node_ips privateips project_id publicips roma_eip_address security_group_id spec status subnet_id
        supported_features type unreliable_ips user_id virsubnet_id vpc_id`.split(/\s+/),
      );
      expect(body).toMatchObject({
        description: 'mine',
        vpc_id: 'vpc',
        subnet_id: 'subnet',
        security_group_id: 'group',
        maintain_begin: '22:00:00',
        maintain_end: '02:00:00',
        available_zone_ids: '[az-a, az-b]',
        endpoint_service: { service_name: `local.apig.${id}`, created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) },
        publicips: [],
      });
      expect(body.supported_features).toEqual(expect.arrayContaining(['sign_basic', 'sign_aes', 'public_key', 'route']));
      expect(body.create_time).toBeGreaterThanOrEqual(before);
      expect(body.create_time).toBeLessThanOrEqual(Date.now());
    });
  });

  describe('GET /instances/{id}, as Terraform providers read it', () => {
    const text = { id: expect.any(String), spec: expect.any(String) };

    it('has the fields that they read without a check, in the documented JSON types', async () => {
      const id = await client.gateway({ bandwidth_size: 0, tags: null, loadbalancer_provider: 'elb' });
      const { body } = await client.get(`${GATEWAYS}/${id}`);
      expect(body).toMatchObject({
        ...text,
        status: 'Running',
        create_time: expect.any(Number),
        available_zone_ids: '[local-a]',
        endpoint_service: { service_name: `local.apig.${id}` },
        endpoint_services: [{ service_name: `local.apig.${id}` }],
        node_ips: { livedata: expect.any(Array), shubao: [expect.stringMatching(/^192\.0\.2\.\d{1,3}$/)] },
        ingress_ip: expect.stringMatching(/^192\.0\.2\.\d{1,3}$/),
        bandwidth_size: 0,
        loadbalancer_provider: 'elb',
        publicips: [],
        eip_address: null,
        nat_eip_address: null,
        eip_ipv6_address: null,
        ingress_bandwidth_charging_mode: null,
      });
    });

    it('shows the addresses of enabled features, the same in every read and in the list', async () => {
      const id = await client.gateway({ bandwidth_size: 5, ingress_bandwidth_size: 6, eip_id: 'elsewhere', ipv6_enable: true });
      const read = async () => (await client.get(`${GATEWAYS}/${id}`)).body;
      const body = await read();
      expect(body).toMatchObject({
        nat_eip_address: expect.stringMatching(/^198\.51\.100\.\d{1,3}$/),
        eip_address: expect.stringMatching(/^203\.0\.113\.\d{1,3}$/),
        publicips: [{ ip_address: expect.stringMatching(/^203\.0\.113\.\d{1,3}$/), bandwidth_size: 6 }],
        eip_ipv6_address: expect.stringMatching(/^2001:db8:/),
        ingress_ip_v6: expect.stringMatching(/^2001:db8:/),
      });
      expect(await read()).toEqual(body);
      expect((await client.get(GATEWAYS)).body.instances[0].eip_address).toBe(body.eip_address);
    });
  });

  describe('GET /instances/{id}/tags and …/resources/outline', () => {
    it('list the tags of the gateway’s APIs, and count the resources in the gateway', async () => {
      const id = await client.gateway();
      const at = `${GATEWAYS}/${id}`;
      const outline = async () =>
        Promise.all(['groups', 'apis', 'apps'].map(async (what) => (await client.get(`${at}/resources/outline/${what}`)).body));
      expect(await outline()).toEqual([
        { onsell_nums: 0, offsell_nums: 0 },
        { instance_num: 0, nums_on_release: 0, nums_off_release: 0 },
        { authed_nums: 0, unauthed_nums: 0 },
      ]);
      expect((await client.get(`${at}/tags`)).body).toEqual({ total: 0, size: 0, tags: [] });
      const { groupId, apiId } = await client.publishedApi(id);
      const definition = { type: 1, req_protocol: 'HTTPS', req_method: 'GET', auth_type: 'NONE', backend_type: 'MOCK', group_id: groupId };
      await client.put(`${at}/apis/${apiId}`, { ...definition, name: 'api_a', req_uri: '/a', tags: ['b', 'a'] });
      await client.post(`${at}/apis`, { ...definition, name: 'api_b', req_uri: '/b', tags: ['c', 'a'] });
      await client.post(`${at}/apis`, { ...definition, name: 'api_c', req_uri: '/c' });
      expect(await outline()).toEqual([
        { onsell_nums: 0, offsell_nums: 1 },
        { instance_num: 3, nums_on_release: 1, nums_off_release: 2 },
        { authed_nums: 0, unauthed_nums: 0 },
      ]);
      expect((await client.get(`${at}/tags`)).body).toEqual({ total: 3, size: 3, tags: ['a', 'b', 'c'] });
      expect((await client.get(`${at}/tags?limit=1&offset=1`)).body).toEqual({ total: 3, size: 1, tags: ['b'] });
    });
  });

  describe('GET /instances/{id}/progress', () => {
    it('answers 200 and reports success', async () => {
      const id = await client.gateway();
      const { create_time } = (await client.get(`${GATEWAYS}/${id}`)).body;
      const answer = await client.get(`${GATEWAYS}/${id}/progress`);
      expect([answer.status, answer.body]).toEqual([
        200,
        { progress: 100, status: 'success', error_code: null, error_msg: null, start_time: create_time, end_time: create_time },
      ]);
    });
  });

  describe('GET /instances/{id}/restriction', () => {
    it('answers 200 with no restricted address ranges', async () => {
      const answer = await client.get(`${GATEWAYS}/${await client.gateway()}/restriction`);
      expect([answer.status, answer.body]).toEqual([200, { restrict_cidrs: [], resource_subnet_cidr: '' }]);
    });
  });

  describe('GET /instances/{id}/instance-features', () => {
    it('answers 200 with the names of built-in features, page by page', async () => {
      const path = `${GATEWAYS}/${await client.gateway()}/instance-features`;
      expect((await client.get(path)).body).toEqual({ total: 2, size: 2, features: ['sign_basic', 'sign_aes'] });
      expect((await client.get(`${path}?offset=1&limit=1`)).body).toEqual({ total: 2, size: 1, features: ['sign_aes'] });
      expect((await client.get(`${path}?offset=2`)).body).toEqual({ total: 2, size: 0, features: [] });
    });
  });

  describe('GET /available-zones', () => {
    it('answers 200 with zones that have every edition', async () => {
      const { status, body } = await client.get('/v2/{project}/apigw/available-zones');
      expect([status, body.available_zones.length]).toEqual([200, 3]);
      expect(body.available_zones[0]).toEqual({
        name: 'AZ1',
        id: 'local-a',
        code: 'local-a',
        port: '8401',
        local_name: { en_us: 'AZ1', zh_cn: '可用区1' },
        specs: { BASIC: true, PROFESSIONAL: true, ENTERPRISE: true, PLATINUM: true },
      });
    });
  });

  describe('every read of one gateway', () => {
    it.each(['', '/progress', '/restriction', '/instance-features', '/instance-tags', '/custom-ingress-ports', '/extra-elbs'])(
      'answers 404 APIC.7302 at %j for a foreign, malformed or unknown id and for the project’s own id, with one message',
      async (rest) => {
        const theirs = await (await service.client()).gateway();
        for (const id of [theirs, UNKNOWN, client.projectId, 'a'.repeat(65), '%00', "'"]) {
          const answer = await client.get(`${GATEWAYS}/${id}${rest}`);
          expect([id, answer.status, answer.body]).toEqual([id, 404, NOT_FOUND]);
        }
      },
    );

    it.each(['/tags', '/resources/outline/groups', '/resources/outline/apis', '/resources/outline/apps'])(
      'answers 404 APIG.3030 at %j, which has the error codes of the APIG family',
      async (rest) => {
        const theirs = await (await service.client()).gateway();
        for (const id of [theirs, UNKNOWN]) {
          const answer = await client.get(`${GATEWAYS}/${id}${rest}`);
          expect([answer.status, answer.body]).toEqual([
            404,
            { error_code: 'APIG.3030', error_msg: `The instance does not exist;id:${id}` },
          ]);
        }
      },
    );

    it('answers 200 for a reader', async () => {
      const project = 'readers';
      const id = await (await service.client({ project })).gateway();
      const reader = await service.client({ project, role: READ_ONLY });
      const paths = [
        '',
        ...[
          ...['', '/progress', '/restriction', '/instance-features', '/instance-tags', '/custom-ingress-ports', '/extra-elbs', '/tags'],
          ...['/resources/outline/groups', '/resources/outline/apis', '/resources/outline/apps'],
        ].map((rest) => `/${id}${rest}`),
      ];
      for (const path of paths) expect([path, (await reader.get(GATEWAYS + path)).status]).toEqual([path, 200]);
      expect((await reader.get('/v2/{project}/apigw/available-zones')).status).toBe(200);
    });
  });

  describe('error codes', () => {
    it.each([
      ['GET', ''],
      ['POST', ''],
      ['GET', '/x'],
      ['PUT', '/x'],
      ['DELETE', '/x'],
      ['GET', '/x/progress'],
      ['GET', '/x/restriction'],
      ['GET', '/x/instance-features'],
      ['GET', '/x/instance-tags'],
      ['POST', '/x/instance-tags/action'],
      ['PUT', '/x/eip'],
      ['POST', '/x/nat-eip'],
      ['POST', '/x/ingress-eip'],
      ['POST', '/x/postpaid-resize'],
      ['GET', '/x/extra-elbs'],
      ['GET', '/x/custom-ingress-ports'],
      ['DELETE', '/x/custom-ingress-ports/y'],
    ])('are of the APIC family for %s /instances%s', async (method, rest) => {
      const answer = await client.call(method, GATEWAYS + rest, undefined, { 'x-auth-token': 'nonsense' });
      expect([answer.status, answer.body.error_code]).toEqual([401, 'APIC.7102']);
    });

    it.each(['/available-zones', '/instance/configs', '/instance-tags'])('are of the APIC family for GET %s', async (path) => {
      const answer = await client.call('GET', `/v2/{project}/apigw${path}`, undefined, { 'x-auth-token': 'nonsense' });
      expect([answer.status, answer.body.error_code]).toEqual([401, 'APIC.7102']);
    });

    it.each(['/features', '/project/configs', '/signs', '/tags', '/resources/outline/apis'])(
      'are of the APIG family for GET /instances/x%s',
      async (rest) => {
        const answer = await client.call('GET', `${GATEWAYS}/x${rest}`, undefined, { 'x-auth-token': 'nonsense' });
        expect([answer.status, answer.body.error_code]).toEqual([401, 'APIG.1002']);
      },
    );
  });
});
