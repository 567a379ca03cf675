import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Clock } from '../../src/platform/common/clock.js';
import { Database } from '../../src/platform/database/database.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, READ_ONLY, TestService } from '../support/service.js';

const GATEWAYS = '/v2/{project}/apigw/instances';
const UNKNOWN = '0123456789abcdef0123456789abcdef';
const PUBLIC_KEY = {
  name: 'public_key',
  enable: true,
  config: '{"enable": "on", "public_key_uri_prefix": "/apigw/authadv/v2/public-key/"}',
};

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: Client;
  let id: string;
  let features: string;
  /** Milliseconds by which the service's clock is ahead. */
  let ahead: number;
  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database);
  });
  beforeEach(async () => {
    ahead = 0;
    service.app.get(Clock).now = () => Date.now() + ahead;
    client = await service.client();
    id = await client.gateway();
    features = `${GATEWAYS}/${id}/features`;
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  describe('POST /features', () => {
    it('answers 201 with the feature as it was set, and times with nine digits of a second', async () => {
      const answer = await client.post(features, PUBLIC_KEY);
      expect([answer.status, answer.body]).toEqual([
        201,
        {
          id: expect.stringMatching(/^[0-9a-f]{32}$/),
          ...PUBLIC_KEY,
          instance_id: id,
          update_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/),
        },
      ]);
    });

    it('keeps the configuration of `route` byte for byte', async () => {
      const config = '{"user_routes":["10.0.0.0/8", "172.16.0.0/12" ],\n "é": 1.0}';
      const { status, body } = await client.post(features, { name: 'route', enable: true, config });
      expect([status, body.config]).toEqual([201, config]);
      expect((await client.get(`${features}?limit=500`)).body.features[0]).toMatchObject({ name: 'route', enable: true, config });
    });

    it.each([
      ['on', 'on'],
      ['off', 'off'],
      ['a number', '104857600'],
      ['an object', '{"api_limits": 500}'],
      ['empty', ''],
    ])('answers 201 for a configuration that is %s', async (_, config) => {
      const answer = await client.post(features, { name: 'ratelimit', enable: true, config });
      expect([answer.status, answer.body.config]).toEqual([201, config]);
    });

    it('answers 201 for a missing configuration, which is stored as empty', async () => {
      expect((await client.post(features, { name: 'custom_auth_header', enable: false })).body).toMatchObject({
        enable: false,
        config: '',
      });
    });

    it('enables keys of types that need the feature, and disables them again', async () => {
      const create = async (key: string) => {
        const answer = await client.post(`${GATEWAYS}/${id}/signs`, { name: key, sign_type: 'public_key' });
        return [answer.status, answer.body.error_code, answer.body.error_msg];
      };
      const refused = [412, 'APIG.3548', `sign_type=public_key not supported by instance ${id}`];
      expect(await create('early')).toEqual(refused);
      await client.post(features, PUBLIC_KEY);
      expect(await create('open')).toEqual([201, undefined, undefined]);
      ahead = 60_000;
      await client.post(features, { name: 'public_key', enable: false });
      expect(await create('late')).toEqual(refused);
    });

    it('writes to the change log and the audit chain of the gateway', async () => {
      const { body } = await client.post(features, PUBLIC_KEY);
      const db = service.app.get(Database);
      expect(await db.rows('SELECT revision, kind, target_id AS target, op FROM changes WHERE scope_id = ?', [id])).toEqual([
        { revision: 1, kind: 'feature', target: body.id, op: 'created' },
      ]);
      expect(
        await db.rows('SELECT seq, action, resource_type AS type, resource_name AS name FROM audit_events WHERE scope_id = ?', [id]),
      ).toEqual([{ seq: 1, action: 'SetFeature', type: 'Feature', name: 'public_key' }]);
    });

    it('answers 201 again after a minute, and keeps the id', async () => {
      const first = await client.post(features, PUBLIC_KEY);
      ahead = 60_000;
      const second = await client.post(features, { ...PUBLIC_KEY, enable: false });
      expect([second.status, second.body.enable, second.body.id]).toEqual([201, false, first.body.id]);
    });

    it('answers 201 for another feature within the minute, and for the same one of another gateway', async () => {
      await client.post(features, PUBLIC_KEY);
      expect((await client.post(features, { name: 'lts', enable: true })).status).toBe(201);
      expect((await client.post(`${GATEWAYS}/${await client.gateway()}/features`, PUBLIC_KEY)).status).toBe(201);
    });

    it('answers 201 after the clock was set back', async () => {
      ahead = 3_600_000;
      await client.post(features, PUBLIC_KEY);
      ahead = 0;
      expect((await client.post(features, PUBLIC_KEY)).status).toBe(201);
    });

    it.each(['app-api-key', 'PUBLIC_KEY', 'sign_basic', 'x'])('answers 400 APIG.2000 for the feature %s', async (feature) => {
      const answer = await client.post(features, { name: feature, enable: true });
      expect([answer.status, answer.body]).toEqual([400, { error_code: 'APIG.2000', error_msg: `unrecognized feature ${feature}` }]);
    });

    it.each([
      [{ enable: true }, 'APIG.2001', 'name'],
      [{ name: 'lts' }, 'APIG.2001', 'enable'],
      [{ name: '', enable: true }, 'APIG.2011', 'name'],
      [{ name: 'x'.repeat(65), enable: true }, 'APIG.2011', 'name'],
      [{ name: 7, enable: true }, 'APIG.2011', 'name'],
      [{ name: 'lts', enable: 'true' }, 'APIG.2011', 'enable'],
      [{ name: 'lts', enable: 1 }, 'APIG.2011', 'enable'],
      [{ name: 'lts', enable: true, config: '{"a":' }, 'APIG.2011', 'config'],
      [{ name: 'lts', enable: true, config: 'yes' }, 'APIG.2011', 'config'],
      [{ name: 'lts', enable: true, config: { a: 1 } }, 'APIG.2011', 'config'],
      [{ name: 'lts', enable: true, config: `"${'x'.repeat(16_384)}"` }, 'APIG.2011', 'config'],
    ])('answers 400 for %j: %s', async (body, code, parameter) => {
      const answer = await client.post(features, body);
      expect([answer.status, answer.body.error_code]).toEqual([400, code]);
      expect(answer.body.error_msg).toContain(`,parameterName:${parameter}. `);
    });

    it('answers 403 APIG.1005 for a reader', async () => {
      const answer = await (await service.client({ role: READ_ONLY })).post(features, PUBLIC_KEY);
      expect([answer.status, answer.body.error_code]).toEqual([403, 'APIG.1005']);
    });
  });

  describe('each operation on features', () => {
    it('answers 404 APIG.3030 for a gateway of another project and for the project’s own id, with the message for an unknown one', async () => {
      const other = await service.client();
      for (const target of [id, UNKNOWN, other.projectId]) {
        const path = `${GATEWAYS}/${target}/features`;
        for (const answer of [await other.post(path, PUBLIC_KEY), await other.get(path)]) {
          expect([answer.status, answer.body]).toEqual([
            404,
            { error_code: 'APIG.3030', error_msg: `The instance does not exist;id:${target}` },
          ]);
        }
      }
    });

    it('is missing under the project’s own id, so that creating a key there answers 404 APIG.3030', async () => {
      const answer = await client.post(`${GATEWAYS}/${client.projectId}/signs`, { name: 'key' });
      expect([answer.status, answer.body.error_code]).toEqual([404, 'APIG.3030']);
    });
  });

  describe('POST /features', () => {
    it('answers 409 APIG.3711 within a minute after the last change, also for the same values', async () => {
      // Stopped, so that the minute does not end while the requests take their time.
      const now = Date.now();
      service.app.get(Clock).now = () => now + ahead;
      const before = await client.post(features, PUBLIC_KEY);
      ahead = 59_999;
      for (const enable of [true, false]) {
        const answer = await client.post(features, { ...PUBLIC_KEY, enable });
        expect([answer.status, answer.body]).toEqual([
          409,
          { error_code: 'APIG.3711', error_msg: 'A configuration parameter can be modified only once per minute.' },
        ]);
      }
      expect((await client.get(features)).body.features[0]).toMatchObject({ id: before.body.id, enable: true });
    });

    it('answers 409 to all but one of many concurrent requests', async () => {
      const statuses = (await Promise.all(Array.from({ length: 8 }, () => client.post(features, PUBLIC_KEY)))).map(({ status }) => status);
      expect(statuses.sort()).toEqual([201, ...Array.from({ length: 7 }, () => 409)]);
    });
  });

  describe('GET /features', () => {
    it('answers 200 with an empty array before anything was set', async () => {
      expect((await client.get(features)).body).toEqual({ total: 0, size: 0, features: [] });
    });

    it('answers 200 with the newest first, page by page, and times in whole seconds', async () => {
      for (const feature of ['lts', 'ratelimit', 'public_key'])
        await client.post(features, { name: feature, enable: feature !== 'lts', config: '{}' });
      const page = async (query: string) => {
        const { body } = await client.get(features + query);
        return [body.total, body.size, body.features.map((feature: { name: string }) => feature.name)];
      };
      expect(await page('')).toEqual([3, 3, ['public_key', 'ratelimit', 'lts']]);
      expect(await page('?limit=1&offset=1')).toEqual([3, 1, ['ratelimit']]);
      expect(await page('?offset=3')).toEqual([3, 0, []]);
      expect((await client.get(features)).body.features[2]).toEqual({
        id: expect.any(String),
        name: 'lts',
        enable: false,
        config: '{}',
        instance_id: id,
        update_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      });
    });

    it('answers 200 for a reader', async () => {
      const project = 'features';
      const gateway = await (await service.client({ project })).gateway();
      expect((await (await service.client({ project, role: READ_ONLY })).get(`${GATEWAYS}/${gateway}/features`)).status).toBe(200);
    });

    it('answers 400 APIG.2012 for a page that is not a number', async () => {
      const answer = await client.get(`${features}?limit=ten`);
      expect([answer.status, answer.body.error_code]).toEqual([400, 'APIG.2012']);
    });
  });
});
