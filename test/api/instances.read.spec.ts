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
    it('200 with an empty array for a project without gateways', async () => {
      const answer = await client.get(GATEWAYS);
      expect([answer.status, answer.body]).toEqual([200, { total: 0, size: 0, instances: [] }]);
    });

    it('200 with the fields of the list and no others', async () => {
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

    it('200 newest first, page by page, until an empty one', async () => {
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

    it('200 filtered by id, part of the name, and status as a word or a number', async () => {
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

    it('200 without the gateways of other projects', async () => {
      const theirs = await (await service.client()).gateway();
      expect((await client.get(`${GATEWAYS}?instance_id=${theirs}`)).body).toEqual({ total: 0, size: 0, instances: [] });
    });

    it.each(['status=running', 'status=9', 'limit=ten', 'offset=1.5', 'instance_id=a&instance_id=b'])(
      '400 APIC.7211 for ?%s',
      async (query) => {
        const answer = await client.get(`${GATEWAYS}?${query}`);
        expect([answer.status, answer.body.error_code]).toEqual([400, 'APIC.7211']);
      },
    );
  });

  describe('GET /instances/{id}', () => {
    it('200 with every field of the detail object', async () => {
      const before = Date.now();
      const id = await client.gateway({ available_zone_ids: ['az-a', 'az-b'], description: 'mine' });
      const { status, body } = await client.get(`${GATEWAYS}/${id}`);
      expect(status).toBe(200);
      expect(Object.keys(body).sort()).toEqual(
        `available_zone_ids bandwidth_charging_mode bandwidth_size cbc_metadata cbc_operation_locks charging_mode create_time description
        eip_address endpoint_service endpoint_services enterprise_project_id id ingress_bandwidth_charging_mode ingress_ip ingress_ip_v6
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
        node_ips: { livedata: [], shubao: [] },
        publicips: [],
      });
      expect(body.supported_features).toEqual(expect.arrayContaining(['sign_basic', 'sign_aes', 'public_key']));
      expect(body.create_time).toBeGreaterThanOrEqual(before);
      expect(body.create_time).toBeLessThanOrEqual(Date.now());
    });
  });

  describe('GET /instances/{id}/progress', () => {
    it('200 done', async () => {
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
    it('200 without any range', async () => {
      const answer = await client.get(`${GATEWAYS}/${await client.gateway()}/restriction`);
      expect([answer.status, answer.body]).toEqual([200, { restrict_cidrs: [], resource_subnet_cidr: '' }]);
    });
  });

  describe('GET /instances/{id}/instance-features', () => {
    it('200 with the names of what is built in, page by page', async () => {
      const path = `${GATEWAYS}/${await client.gateway()}/instance-features`;
      expect((await client.get(path)).body).toEqual({ total: 2, size: 2, features: ['sign_basic', 'sign_aes'] });
      expect((await client.get(`${path}?offset=1&limit=1`)).body).toEqual({ total: 2, size: 1, features: ['sign_aes'] });
      expect((await client.get(`${path}?offset=2`)).body).toEqual({ total: 2, size: 0, features: [] });
    });
  });

  describe('GET /available-zones', () => {
    it('200 with zones that have every edition', async () => {
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

  describe('GET /instances/{id}/custom-ingress-ports', () => {
    it('200 without any port', async () => {
      const answer = await client.get(`${GATEWAYS}/${await client.gateway()}/custom-ingress-ports?limit=500`);
      expect([answer.status, answer.body]).toEqual([200, { total: 0, size: 0, ingress_port_infos: [] }]);
    });
  });

  describe('every read of one gateway', () => {
    it.each(['', '/progress', '/restriction', '/instance-features'])(
      '404 APIC.7302 for %j of a gateway of another project, in the same words as for a missing one, the project itself and what is no id',
      async (rest) => {
        const theirs = await (await service.client()).gateway();
        for (const id of [theirs, UNKNOWN, client.projectId, 'a'.repeat(65), '%00', "'"]) {
          const answer = await client.get(`${GATEWAYS}/${id}${rest}`);
          expect([id, answer.status, answer.body]).toEqual([id, 404, NOT_FOUND]);
        }
      },
    );

    it.each(['/instance-tags', '/custom-ingress-ports'])('404 APIG.3030 for %j, which is of the other family', async (rest) => {
      const theirs = await (await service.client()).gateway();
      for (const id of [theirs, UNKNOWN]) {
        const answer = await client.get(`${GATEWAYS}/${id}${rest}`);
        expect([answer.status, answer.body]).toEqual([404, { error_code: 'APIG.3030', error_msg: `The instance does not exist;id:${id}` }]);
      }
    });

    it('200 for a reader', async () => {
      const project = 'readers';
      const id = await (await service.client({ project })).gateway();
      const reader = await service.client({ project, role: READ_ONLY });
      const paths = [
        '',
        ...['', '/progress', '/restriction', '/instance-features', '/instance-tags', '/custom-ingress-ports'].map(
          (rest) => `/${id}${rest}`,
        ),
      ];
      for (const path of paths) expect([path, (await reader.get(GATEWAYS + path)).status]).toEqual([path, 200]);
      expect((await reader.get('/v2/{project}/apigw/available-zones')).status).toBe(200);
    });
  });

  describe('the words of an error', () => {
    it.each([
      ['GET', ''],
      ['POST', ''],
      ['GET', '/x'],
      ['PUT', '/x'],
      ['DELETE', '/x'],
      ['GET', '/x/progress'],
      ['GET', '/x/restriction'],
      ['GET', '/x/instance-features'],
    ])('are of the APIC family for %s /instances%s', async (method, rest) => {
      const answer = await client.call(method, GATEWAYS + rest, undefined, { 'x-auth-token': 'nonsense' });
      expect([answer.status, answer.body.error_code]).toEqual([401, 'APIC.7102']);
    });

    it.each(['/available-zones', '/instance/configs'])('are of the APIC family for GET %s', async (path) => {
      const answer = await client.call('GET', `/v2/{project}/apigw${path}`, undefined, { 'x-auth-token': 'nonsense' });
      expect([answer.status, answer.body.error_code]).toEqual([401, 'APIC.7102']);
    });

    it.each(['/features', '/project/configs', '/signs', '/instance-tags', '/custom-ingress-ports'])(
      'are of the APIG family for GET /instances/x%s',
      async (rest) => {
        const answer = await client.call('GET', `${GATEWAYS}/x${rest}`, undefined, { 'x-auth-token': 'nonsense' });
        expect([answer.status, answer.body.error_code]).toEqual([401, 'APIG.1002']);
      },
    );
  });
});
