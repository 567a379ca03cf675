import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { USAGE_ROWS_MAX } from '../../src/lib/protocol/protocol.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Machine } from '../support/machine.js';
import { type Client, TestService } from '../support/service.js';

const ROWS = 4000;
const EXPORTS = 20;

describe('other requests are answered in time,', () => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  beforeAll(async () => {
    test = await createTestDatabase('sqlite');
    service = await TestService.start(test);
    client = await service.client();
    await client.gateway();
    // The rows are copies of one row, because an export does not verify the chain.
    await service.app.get(Database).transaction(async (tx) => {
      const columns = (await tx.rows<{ name: string }>("SELECT name FROM pragma_table_info('audit_events')")).map(({ name }) => name);
      const values = columns.map((name) => (name === 'seq' ? 'n.value + 1000' : name)).join(', ');
      await tx.run(
        `WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ${ROWS})
         INSERT INTO audit_events (${columns.join(', ')}) SELECT ${values}
         FROM (SELECT * FROM audit_events WHERE project_id = ? LIMIT 1), n`,
        [client.projectId],
      );
    });
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  it('while twenty exports of the audit trail run at once', async () => {
    let running = EXPORTS;
    const exports = Array.from({ length: EXPORTS }, async () => {
      const { status, text } = await client.get('/signet/v1/audit/export');
      running--;
      return [status, text.split('\n').length > ROWS];
    });
    const times: number[] = [];
    while (running > 0) {
      const began = performance.now();
      expect((await client.get('/v2/{project}/apigw/instances')).status).toBe(200);
      times.push(performance.now() - began);
    }
    expect(await Promise.all(exports)).toEqual(exports.map(() => [200, true]));
    const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
    expect([times.length > EXPORTS, median < 400]).toEqual([true, true]);
  });

  it('while many callers ask for the metrics and the OpenAPI document, which are rendered once', async () => {
    const twice = async (path: string) => [(await client.get(path)).text, (await client.get(path)).text] as const;
    const [first, second] = await twice('/metrics');
    expect(second).toBe(first);
    expect(first).toContain('signet_http_request_duration_seconds');
    const [document, again] = await twice('/openapi.json');
    expect(again).toBe(document);
    expect(JSON.parse(document)).toMatchObject({ openapi: '3.1.0' });
  });
});

onBothDatabases((name) => {
  let test: TestDatabase;
  let service: TestService;
  let client: Client;
  beforeAll(async () => {
    test = await createTestDatabase(name);
    service = await TestService.start(test);
    client = await service.client();
  });
  afterAll(async () => {
    await service.stop();
    await test.drop();
  });

  it('a node’s report has at most USAGE_ROWS_MAX rows of usage, and ignores those of unknown keys', async () => {
    const gateway = await client.gateway();
    const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
    const { id: sign_id } = (await client.post(at('/signs'), { name: 'counted' })).body;
    const { publishIds } = await client.publishedApi(gateway);
    await client.post(at('/sign-bindings'), { sign_id, publish_ids: publishIds });
    const machine = await Machine.of(client, gateway, 'gateway');
    const real = { publish_id: publishIds[0]!, sign_id, count: 3, last_signed_at: 1 };
    const madeUp = (i: number) => ({ ...real, sign_id: i.toString(16).padStart(32, '0') });
    const usage = Array.from({ length: USAGE_ROWS_MAX + 1 }, (_, i) => madeUp(i));
    const refused = await machine.report('n', 1, { usage });
    expect([refused.status, refused.body.parameter]).toEqual([400, 'usage']);
    // A repeated pair counts once.
    expect((await machine.report('n', 1, { usage: [...usage.slice(0, USAGE_ROWS_MAX - 2), real, real] })).status).toBe(200);
    const impact = await client.get(`/signet/v1/instances/${gateway}/signs/${sign_id}/impact`);
    expect(impact.body.signed_count).toBe(6);
    const [rows] = await service.app.get(Database).rows<{ n: number }>('SELECT COUNT(*) AS n FROM sign_usage', []);
    expect(Number(rows!.n)).toBe(1);
  });
});
