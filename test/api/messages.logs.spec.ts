import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { onBothDatabases } from '../support/databases.js';
import { WebhookGround } from '../support/webhook-ground.js';

onBothDatabases((name) => {
  let ground: WebhookGround;
  /** Oldest first: delivered, failed, waiting, of one endpoint; delivered, of another. */
  let ids: string[];
  let endpoints: { id: string; url: string }[];

  beforeAll(async () => {
    ground = await WebhookGround.open(name);
    endpoints = [await ground.endpoint(), await ground.endpoint()];
    ids = [];
    for (const [status, of] of [
      [200, 0],
      [404, 0],
      [503, 0],
      [200, 1],
    ] as const) {
      ground.receiver.reply = status;
      ids.push(await ground.accepted(endpoints[of]!.id));
      await ground.clock.settled();
    }
  });
  afterAll(() => ground.close());

  const idsOf = (rows: { message_id: string }[]) => rows.map(({ message_id }) => message_id);

  describe('GET /v1/logs', () => {
    it('200 newest first, each with the URL of its endpoint', async () => {
      const { status, body } = await ground.client.get('/v1/logs');
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

    it('pages hold each message once, in order', async () => {
      const seen: string[] = [];
      for (let cursor = '', more = true; more; ) {
        const { body } = await ground.client.get(`/v1/logs?limit=1&cursor=${encodeURIComponent(cursor)}`);
        seen.push(...idsOf(body.data));
        [cursor, more] = [body.meta.next_cursor, body.meta.has_more];
        expect(more).toBe(cursor !== null);
      }
      expect(seen).toEqual([...ids].reverse());
    });

    it('of an endpoint, in a status, of a time', async () => {
      const of = async (query: string) => idsOf((await ground.client.get(`/v1/logs?${query}`)).body.data);
      expect(await of(`endpoint_id=${endpoints[1]!.id}`)).toEqual([ids[3]]);
      expect(await of('status=succeeded')).toEqual([ids[3], ids[0]]);
      expect(await of('status=delivering')).toEqual([]);
      expect(await of('endpoint_id=ep_none')).toEqual([]);
      // As PHP writes a time: the plus sign percent-encoded.
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
    ])('400 for %s', async (query) => {
      const { status, body } = await ground.client.get(`/v1/logs?${query}`);
      expect([status, body.error.code, body.error.details.field]).toEqual([400, 'INVALID_REQUEST', query.split('=')[0]]);
    });
  });

  describe('GET /v1/dlq/messages', () => {
    it('200 with its paging inside data', async () => {
      const { status, body } = await ground.client.get('/v1/dlq/messages');
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
    it('200 counts, with a share and a whole number of milliseconds', async () => {
      const { status, body } = await ground.client.get('/v1/metrics?window=1h');
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
      expect((await ground.client.get(`/v1/metrics?endpoint_id=${endpoints[1]!.id}`)).body.data).toMatchObject({
        window: '24h',
        total_messages: 1,
        success_rate: 1,
      });
      expect((await ground.client.get('/v1/metrics?window=2h')).status).toBe(400);
    });

    it.each([
      ['1h', 12, 5],
      ['24h', 24, 60],
      ['7d', 28, 360],
      ['30d', 30, 1440],
    ])('200 a series of %s in %i buckets of %i minutes, empty ones too', async (window, length, minutes) => {
      const { buckets } = (await ground.client.get(`/v1/metrics/timeseries?window=${window}`)).body.data;
      expect(buckets).toHaveLength(length);
      const starts = buckets.map(({ timestamp }: { timestamp: string }) => Date.parse(timestamp));
      for (let i = 1; i < length; i++) expect(starts[i] - starts[i - 1]).toBe(minutes * 60_000);
      const sum = (field: string) => buckets.reduce((total: number, bucket: Record<string, number>) => total + bucket[field]!, 0);
      expect(['total', 'succeeded', 'failed', 'retrying'].map(sum)).toEqual([4, 2, 1, 1]);
      for (const { avg_latency_ms } of buckets) expect(Number.isInteger(avg_latency_ms)).toBe(true);
    });
  });
});
