import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { type Client, TestService } from '../support/service.js';
import { WEBHOOK_ENV, WebhookClient } from '../support/webhooks.js';

const GATEWAY_PATHS = ['/v2/{project}/apigw/instances/', '/signet/v1/instances/'];

onBothDatabases((name) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  /** The ids of scopes that have a counter and are not gateways. */
  let others: { endpoint: string; project: string; domain: string; service: string };
  beforeAll(async () => {
    test = await createTestDatabase(name);
    service = await TestService.start(test, WEBHOOK_ENV);
    client = await service.client();
    const endpoint = (await (await WebhookClient.of(client)).endpoint()).id;
    const [domain] = await service.app.get(Database).rows<{ id: string }>('SELECT id FROM domains LIMIT 1');
    others = { endpoint, project: client.projectId, domain: domain!.id, service: 'signet.denied' };
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  it.each(['endpoint', 'project', 'domain', 'service'] as const)(
    'a scope of kind %s is refused as a gateway by every write',
    async (kind) => {
      const counters = () => service.app.get(Database).rows('SELECT scope_kind, scope_id, revision FROM change_counters ORDER BY scope_id');
      const before = await counters();
      const id = others[kind];
      const writes: [string, string, unknown][] = [
        ['POST', '/signs', { name: 'key_1' }],
        ['POST', '/sign-bindings', { sign_id: 'a'.repeat(32), publish_ids: ['b'.repeat(32)] }],
        ['POST', '/api-groups', { name: 'shop' }],
        ['POST', '/envs', { name: 'staging' }],
        ['POST', '/features', { name: 'lts', enable: true }],
        ['PUT', '', { instance_name: 'gateway_1' }],
        ['DELETE', '', undefined],
        ['POST', '/gateway-tokens', {}],
        ['PUT', '/settings', { lease_seconds: 30 }],
      ];
      for (const root of GATEWAY_PATHS)
        for (const [method, path, body] of writes) {
          const { status } = await client.call(method, root + id + path, body);
          expect([method, root + path, status]).toEqual([method, root + path, 404]);
        }
      expect(await counters()).toEqual(before);
    },
  );
});
