import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { onBothDatabases } from '../support/databases.js';
import { WebhookClient } from '../support/webhooks.js';
import { WebhookEnvironment } from '../support/webhook-environment.js';

onBothDatabases((name) => {
  let environment: WebhookEnvironment;
  /** Oldest first: a delivered, a failed and a waiting message of one endpoint, and a delivered message of another. */
  let ids: string[];
  let endpoints: { id: string; url: string }[];

  beforeAll(async () => {
    environment = await WebhookEnvironment.open(name);
    endpoints = [await environment.endpoint(), await environment.endpoint()];
    ids = [];
    for (const [status, of] of [
      [200, 0],
      [404, 0],
      [503, 0],
      [200, 1],
    ] as const) {
      environment.receiver.reply = status;
      ids.push(await environment.accepted(endpoints[of]!.id));
      await environment.clock.settled();
    }
  });
  afterAll(() => environment.close());

  const idsOf = (rows: { message_id: string }[]) => rows.map(({ message_id }) => message_id);

  describe('GET /v1/logs', () => {
    it('answers 200 with the newest first, each with the URL of its endpoint', async () => {
      const { status, body } = await environment.client.get('/v1/logs');
      expect([status, idsOf(body.data), body.meta]).toEqual([
        200,
        [...ids].reverse(),
        { request_id: expect.any(String), next_cursor: null, has_more: false },
      ]);
      expect(body.data[1]).toEqual({
        message_id: ids[2],
        endpoint: endpoints[0]!.url,
        endpoint_id: endpoints[0]!.id,
        status: 'pending_retry',
        attempt_count: 1,
        created_at: expect.any(String),
        delivered_at: null,
        failed_at: null,
        next_attempt_at: expect.any(String),
        response_status: 503,
        response_latency_ms: expect.any(Number),
        last_error: 'HTTP 503',
      });
    });

    it('has each message once over all pages, in order', async () => {
      const seen: string[] = [];
      for (let cursor = '', more = true; more; ) {
        const { body } = await environment.client.get(`/v1/logs?limit=1&cursor=${encodeURIComponent(cursor)}`);
        seen.push(...idsOf(body.data));
        [cursor, more] = [body.meta.next_cursor, body.meta.has_more];
        expect(more).toBe(cursor !== null);
      }
      expect(seen).toEqual([...ids].reverse());
    });

    it('filters by endpoint, by status and by time', async () => {
      const of = async (query: string) => idsOf((await environment.client.get(`/v1/logs?${query}`)).body.data);
      expect(await of(`endpoint_id=${endpoints[1]!.id}`)).toEqual([ids[3]]);
      expect(await of('status=succeeded')).toEqual([ids[3], ids[0]]);
      expect(await of('status=delivering')).toEqual([]);
      expect(await of('endpoint_id=ep_none')).toEqual([]);
      // A time as PHP writes it, with the plus sign percent-encoded.
      const now = new Date().toISOString().slice(0, 19);
      expect(await of(`start_time=${encodeURIComponent(`${now}+00:00`)}&end_time=2100-01-01T00:00:00Z`)).not.toContain(undefined);
      expect(await of('start_time=2100-01-01T00:00:00Z')).toEqual([]);
      expect(await of('end_time=2100-01-01T08:00:00%2B08:00')).toHaveLength(4);
    });

    it.each([
      'limit=0',
      'limit=501',
      'limit=x',
      'limit=0x10',
      'status=gone',
      'start_time=yesterday',
      'start_time=2026-01-02',
      'cursor=x',
      'limit=1&limit=2',
    ])('answers 400 for %s', async (query) => {
      const { status, body } = await environment.client.get(`/v1/logs?${query}`);
      expect([status, body.error.code, body.error.details.field]).toEqual([400, 'INVALID_REQUEST', query.split('=')[0]]);
    });
  });

  describe('GET /v1/dlq/messages', () => {
    it('answers 200 with the paging fields inside data', async () => {
      const { status, body } = await environment.client.get('/v1/dlq/messages');
      expect([status, body]).toEqual([
        200,
        {
          data: {
            messages: [expect.objectContaining({ message_id: ids[1], status: 'failed_permanent', failed_at: expect.any(String) })],
            has_more: false,
            next_cursor: null,
          },
          meta: { request_id: expect.any(String) },
        },
      ]);
    });
  });

  describe('GET /v1/metrics', () => {
    it('answers 200 with counts, a success rate and an average in whole milliseconds', async () => {
      const { status, body } = await environment.client.get('/v1/metrics?window=1h');
      expect([status, body.data]).toEqual([
        200,
        {
          window: '1h',
          total_messages: 4,
          succeeded: 2,
          failed: 1,
          retries: 0,
          success_rate: 2 / 3,
          avg_latency_ms: expect.any(Number),
        },
      ]);
      expect(Number.isInteger(body.data.avg_latency_ms)).toBe(true);
      expect((await environment.client.get(`/v1/metrics?endpoint_id=${endpoints[1]!.id}`)).body.data).toMatchObject({
        window: '24h',
        total_messages: 1,
        success_rate: 1,
      });
      expect((await environment.client.get('/v1/metrics?window=2h')).status).toBe(400);
    });

    it.each([
      ['1h', 12, 5],
      ['24h', 24, 60],
      ['7d', 28, 360],
      ['30d', 30, 1440],
    ])('answers 200 with a series of %s in %i buckets of %i minutes, including empty buckets', async (window, length, minutes) => {
      const { buckets } = (await environment.client.get(`/v1/metrics/timeseries?window=${window}`)).body.data;
      expect(buckets).toHaveLength(length);
      const starts = buckets.map(({ timestamp }: { timestamp: string }) => Date.parse(timestamp));
      for (let i = 1; i < length; i++) expect(starts[i] - starts[i - 1]).toBe(minutes * 60_000);
      const sum = (field: string) => buckets.reduce((total: number, bucket: Record<string, number>) => total + bucket[field]!, 0);
      expect(['total', 'succeeded', 'failed', 'retrying'].map(sum)).toEqual([4, 2, 1, 1]);
      for (const { avg_latency_ms } of buckets) expect(Number.isInteger(avg_latency_ms)).toBe(true);
    });

    it('answers 200 for a month with 20,000 messages, and does not delay other requests', async () => {
      const stranger = await environment.service.client();
      const client = await WebhookClient.of(stranger);
      const { id: endpointId } = await client.endpoint();
      const amount = 20_000;
      const now = environment.clock.now();
      const database = environment.service.app.get(Database, { strict: false });
      const columns =
        'id, project_id, endpoint_id, status, size_bytes, payload_sha256, retention_hours, attempt_count, attempts_before, replay_count, created_at, updated_at';
      for (let from = 0; from < amount; from += 1000) {
        // Several rows share each millisecond, and the rows span the whole window.
        const rows = Array.from({ length: 1000 }, (_, i) => {
          const createdAt = now - 1000 - Math.floor((from + i) / 8) * 900_000;
          const id = `01935abc-def0-7123-8567-${String(from + i).padStart(12, '0')}`;
          const status = (from + i) % 4 === 0 ? 'failed_permanent' : 'succeeded';
          return [id, stranger.projectId, endpointId, status, 2, '', 1, 2, 0, 0, createdAt, createdAt];
        });
        const sql = `INSERT INTO messages (${columns}) VALUES ${rows.map((row) => `(${row.map(() => '?').join(', ')})`).join(', ')}`;
        await database.transaction((tx) => tx.run(sql, rows.flat()));
      }
      let counted = false;
      const counting = Promise.all([client.get('/v1/metrics?window=30d'), client.get('/v1/metrics/timeseries?window=30d')]).then(
        (answers) => {
          counted = true;
          return answers;
        },
      );
      if (name === 'sqlite')
        for (let i = 0; i < 2; i++) {
          expect((await environment.client.get('/healthz')).status).toBe(200);
          expect(counted).toBe(false);
        }
      const [metrics, series] = await counting;
      expect(metrics.body.data).toMatchObject({ total_messages: amount, failed: amount / 4, succeeded: (3 * amount) / 4, retries: amount });
      const whole = (series.body.data.buckets as { total: number }[]).reduce((sum, { total }) => sum + total, 0);
      expect(whole).toBeGreaterThan(amount * 0.9);
      expect((await client.get(`/v1/metrics?window=30d&endpoint_id=${endpoints[0]!.id}`)).body.data.total_messages).toBe(0);
    });
  });
});
