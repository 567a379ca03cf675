import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const GATEWAYS = '/v2/{project}/apigw/instances';
const UNKNOWN = '0123456789abcdef0123456789abcdef';
const NAMES = `API_NUM_LIMIT APP_NUM_LIMIT APIGROUP_NUM_LIMIT ENVIRONMENT_NUM_LIMIT VARIABLE_NUM_LIMIT SIGN_NUM_LIMIT THROTTLE_NUM_LIMIT
APIGROUP_DOMAIN_NUM_LIMIT API_VERSION_NUM_LIMIT VPC_NUM_LIMIT VPC_INSTANCE_NUM_LIMIT API_PARAM_NUM_LIMIT API_USER_CALL_LIMIT ACL_NUM_LIMIT
APP_THROTTLE_LIMIT USER_THROTTLE_LIMIT API_NUM_LIMIT_PER_GROUP API_POLICY_NUM_LIMIT API_CONDITION_NUM_LIMIT SL_DOMAIN_CALL_LIMIT ELB_SWITCH
AUTHORIZER_NUM_LIMIT AUTHORIZER_IDENTITY_NUM_LIMIT APP_CODE_NUM_LIMIT REGION_MANAGER_WHITELIST_SERVICES API_SWAGGER_NUM_LIMIT
API_TAG_NUM_LIMIT LTS_SWITCH APP_KEY_SECRET_SWITCH RESPONSE_NUM_LIMIT CONFIG_NUM_LIMIT_PER_APP BACKEND_TOKEN_ALLOW_SWITCH APP_TOKEN_SWITCH
API_DESIGNER_SWITCH APP_API_KEY_SWITCH APP_BASIC_SWITCH APP_JWT_SWITCH APP_ROUTE_SWITCH PUBLIC_KEY_SWITCH APP_SECRET_SWITCH CASCADE_SWITCH
IS_INIT_API_PATH_HASH`.split(/\s+/);

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database, { SIGNET_LIMITS: 'signs=37,instances=4' });
  });
  beforeEach(async () => {
    client = await service.client();
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  describe('GET /instances/{id}/project/configs', () => {
    const configs = async (id: string): Promise<Record<string, any>> => {
      const { body } = await client.get(`${GATEWAYS}/${id}/project/configs?limit=500`);
      return Object.fromEntries(body.configs.map((config: { config_name: string }) => [config.config_name, config]));
    };

    it('answers 200 with every name of the contract', async () => {
      expect(NAMES).toHaveLength(42);
      expect(Object.keys(await configs(await client.gateway())).sort()).toEqual([...NAMES].sort());
    });

    it('answers 200 with values as text, times as dates, and the operator’s limit of keys', async () => {
      const { SIGN_NUM_LIMIT } = await configs(await client.gateway());
      expect(SIGN_NUM_LIMIT).toEqual({
        config_id: expect.stringMatching(/^[0-9a-f]{32}$/),
        config_name: 'SIGN_NUM_LIMIT',
        config_value: '37',
        config_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        remark: expect.any(String),
        used: 0,
      });
    });

    it.each([
      ['BASIC', '250'],
      ['PROFESSIONAL', '800'],
      ['ENTERPRISE', '2000'],
      ['PLATINUM', '8000'],
      ['PLATINUM_X4', '8000'],
    ])('answers 200 with the limit of APIs of the edition %s: %s', async (spec_id, limit) => {
      expect((await configs(await client.gateway({ spec_id })))['API_NUM_LIMIT'].config_value).toBe(limit);
    });

    it('answers 200 with the current usage', async () => {
      const id = await client.gateway();
      const used = async (config: string) => (await configs(id))[config].used;
      expect([await used('SIGN_NUM_LIMIT'), await used('ENVIRONMENT_NUM_LIMIT'), await used('API_NUM_LIMIT')]).toEqual([0, 1, 0]);
      const { body } = await client.post(`${GATEWAYS}/${id}/signs`, { name: 'one' });
      await client.post(`${GATEWAYS}/${id}/signs`, { name: 'two' });
      expect(await used('SIGN_NUM_LIMIT')).toBe(2);
      await client.delete(`${GATEWAYS}/${id}/signs/${body.id}`);
      expect(await used('SIGN_NUM_LIMIT')).toBe(1);
    });

    it('answers 200 and shows whether the feature of public keys is on', async () => {
      const id = await client.gateway();
      expect((await configs(id))['PUBLIC_KEY_SWITCH'].config_value).toBe('off');
      await client.post(`${GATEWAYS}/${id}/features`, { name: 'public_key', enable: true });
      expect((await configs(id))['PUBLIC_KEY_SWITCH'].config_value).toBe('on');
    });

    it('answers 200 page by page', async () => {
      const path = `${GATEWAYS}/${await client.gateway()}/project/configs`;
      const sizes = await Promise.all(
        ['', '?offset=40', '?offset=42', '?limit=1'].map(async (query) => {
          const { body } = await client.get(path + query);
          return [body.total, body.size, body.configs.length];
        }),
      );
      expect(sizes).toEqual([
        [42, 20, 20],
        [42, 2, 2],
        [42, 0, 0],
        [42, 1, 1],
      ]);
    });

    it('answers 400 APIG.2012 for a page that is not a number', async () => {
      const answer = await client.get(`${GATEWAYS}/${await client.gateway()}/project/configs?offset=x`);
      expect([answer.status, answer.body.error_code]).toEqual([400, 'APIG.2012']);
    });

    it('answers 404 APIG.3030 for a gateway of another project, with the message for an unknown one', async () => {
      const theirs = await (await service.client()).gateway();
      for (const id of [theirs, UNKNOWN, client.projectId]) {
        const answer = await client.get(`${GATEWAYS}/${id}/project/configs`);
        expect([answer.status, answer.body]).toEqual([404, { error_code: 'APIG.3030', error_msg: `The instance does not exist;id:${id}` }]);
      }
    });
  });

  describe('GET /instance/configs', () => {
    it('answers 200 with the operator’s limit of gateways, also for a reader', async () => {
      const reader = await service.client({ role: READ_ONLY });
      const answer = await reader.get('/v2/{project}/apigw/instance/configs');
      expect([answer.status, answer.body]).toEqual([
        200,
        {
          total: 1,
          size: 1,
          configs: [
            {
              config_id: expect.stringMatching(/^[0-9a-f]{32}$/),
              config_name: 'INSTANCE_NUM_LIMIT',
              config_value: '4',
              config_time: expect.any(Number),
              remark: expect.any(String),
            },
          ],
        },
      ]);
    });
  });
});
