import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { hash } from 'node:crypto';
import { verifyWebhook } from '../../src/lib/signing/index.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { MovedClock } from '../support/messages.js';
import { LOOPBACK_ENV, Receiver } from '../support/receiver.js';
import { TestService } from '../support/service.js';
import { type NewEndpoint, WEBHOOK_ENV, WebhookClient } from '../support/webhooks.js';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const meta = { request_id: expect.stringMatching(/^req_/) };
const INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let client: WebhookClient;
  let receiver: Receiver;
  let clock: MovedClock;
  let paths = 0;

  beforeAll(async () => {
    database = await createTestDatabase(name);
    receiver = await Receiver.start();
    service = await TestService.start(database, { ...WEBHOOK_ENV, ...LOOPBACK_ENV });
    clock = new MovedClock(service);
    client = await WebhookClient.of(await service.client());
  });
  afterAll(async () => {
    await service.stop();
    await receiver.stop();
    await database.drop();
  });
  beforeEach(() => {
    receiver.reply = 200;
  });

  const newEndpoint = async (input: Record<string, unknown> = {}): Promise<NewEndpoint & { path: string }> => {
    const path = `/hook/${paths++}`;
    return { ...(await client.endpoint({ url: receiver.origin + path, ...input })), path };
  };
  const send = (body: unknown) => client.post('/v1/webhooks/send', body);
  const accepted = async (body: Record<string, unknown>): Promise<string> => {
    const answer = await send(body);
    expect([answer.status, answer.body]).toEqual([202, { data: { message_id: expect.stringMatching(UUID_V7), status: 'queued' }, meta }]);
    return answer.body.data.message_id as string;
  };

  describe('202', () => {
    it('the message is delivered, signed in both dialects, and shown as delivered', async () => {
      const endpoint = await newEndpoint({ headers: { 'X-Shop': 'one', 'X-Both': 'endpoint' } });
      const payload = { event: 'order.created', order_id: 'ord_123', text: 'é/\u2028"\\' };
      const id = await accepted({ endpoint_id: endpoint.id, payload, headers: { 'x-both': 'message' } });
      await clock.settled();
      const [delivery, ...more] = receiver.at(endpoint.path);
      expect(more).toEqual([]);
      expect(delivery!.body).toBe(JSON.stringify(payload));
      expect(delivery!.headers).toMatchObject({
        'content-type': 'application/json',
        'user-agent': expect.stringMatching(/^Signet-Webhooks\//),
        'x-shop': 'one',
        'x-both': 'message',
        'x-webhook-id': id,
        'webhook-id': id,
      });
      for (const dialect of ['x-webhook', 'standard'] as const)
        expect(verifyWebhook(delivery!, { dialect, secrets: [endpoint.signing_secret], now: clock.now })).toMatchObject({ ok: true });
      const { status, body } = await client.get(`/v1/messages/${id}`);
      expect([status, body]).toEqual([
        200,
        {
          data: {
            id,
            project_id: expect.any(String),
            endpoint_id: endpoint.id,
            status: 'succeeded',
            attempt_count: 1,
            replay_count: 0,
            content_type: 'application/json',
            size_bytes: Buffer.byteLength(JSON.stringify(payload)),
            payload_sha256: hash('sha256', JSON.stringify(payload), 'hex'),
            idempotency_key: null,
            next_attempt_at: null,
            last_error: null,
            response_status: 200,
            response_latency_ms: expect.any(Number),
            retention_hours: 720,
            payload_expires_at: INSTANT,
            created_at: INSTANT,
            updated_at: INSTANT,
          },
          meta,
        },
      ]);
    });
  });
});
