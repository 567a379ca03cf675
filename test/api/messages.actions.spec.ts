import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { onBothDatabases } from '../support/databases.js';
import { WebhookClient } from '../support/webhooks.js';
import { WebhookEnvironment } from '../support/webhook-environment.js';

const NOWHERE = '01935abc-def0-7123-8567-890abcdef012';
const HOUR = 3_600_000;
const meta = { request_id: expect.stringMatching(/^req_/) };
const error = (code: string, message: string) => ({ error: { code, message }, meta });

onBothDatabases((name) => {
  let environment: WebhookEnvironment;
  beforeAll(async () => {
    environment = await WebhookEnvironment.open(name, { SIGNET_WEBHOOKS: 'disable-after=0' });
  });
  afterAll(() => environment.close());
  beforeEach(() => {
    environment.receiver.reply = 200;
    environment.receiver.script.length = 0;
  });

  const act = (id: string, action: string) => environment.client.post(`/v1/messages/${id}/${action}`);
  /** Creates a message in this status. */
  const made = async (status: 'succeeded' | 'pending_retry' | 'failed_permanent' | 'paused', endpointId?: string): Promise<string> => {
    const endpoint = endpointId ?? (await environment.endpoint()).id;
    environment.receiver.reply = { succeeded: 200, pending_retry: 503, failed_permanent: 404, paused: 200 }[status];
    if (status === 'paused') await environment.client.post(`/v1/endpoints/${endpoint}/pause`);
    const id = await environment.accepted(endpoint);
    await environment.clock.settled();
    expect(await environment.message(id)).toMatchObject({ status });
    environment.receiver.reply = 200;
    return id;
  };

  describe('POST …/replay', () => {
    it.each(['succeeded', 'failed_permanent'] as const)(
      'answers 200 and delivers a message that is %s again, in a new round',
      async (status) => {
        const id = await made(status);
        const answer = await act(id, 'replay');
        expect([answer.status, answer.body]).toEqual([200, { data: { message_id: id, status: 'queued' }, meta }]);
        await environment.clock.settled();
        expect(await environment.message(id)).toMatchObject({ status: 'succeeded', attempt_count: 2, replay_count: 1, last_error: null });
      },
    );

    it('starts a round of eight new attempts', async () => {
      const id = await made('failed_permanent');
      environment.receiver.reply = 503;
      await act(id, 'replay');
      for (let i = 0; i < 9; i++) await environment.clock.advance(73 * HOUR);
      expect(await environment.message(id)).toMatchObject({ status: 'failed_permanent', attempt_count: 9 });
    });

    it('answers 409 while the message waits or is being delivered', async () => {
      const waiting = await act(await made('pending_retry'), 'replay');
      expect([waiting.status, waiting.body]).toEqual([409, error('RETRY_IN_PROGRESS', 'Message is waiting for its next retry')]);
      const paused = await act(await made('paused'), 'replay');
      expect([paused.status, paused.body.error.code]).toEqual([409, 'DELIVERY_IN_PROGRESS']);
      const endpoint = await environment.endpoint();
      const release = Promise.withResolvers<void>();
      environment.receiver.script.push((_, response) => void release.promise.then(() => response.end()));
      const arrived = environment.receiver.arrived(environment.receiver.deliveries.length + 1);
      const id = await environment.accepted(endpoint.id);
      await arrived;
      expect(await environment.message(id)).toMatchObject({ status: 'delivering', next_attempt_at: null });
      expect((await act(id, 'replay')).body.error.code).toBe('DELIVERY_IN_PROGRESS');
      release.resolve();
      await environment.clock.settled();
      expect(await environment.message(id)).toMatchObject({ status: 'succeeded', attempt_count: 1 });
    });

    it('accepts one of twenty concurrent requests, which leads to one delivery', async () => {
      const endpoint = await environment.endpoint();
      const id = await made('succeeded', endpoint.id);
      const answers = await Promise.all(Array.from({ length: 20 }, () => act(id, 'replay')));
      const accepted = answers.filter(({ status }) => status === 200).length;
      await environment.clock.settled();
      const { replay_count, attempt_count } = await environment.message(id);
      expect([replay_count, attempt_count, environment.receiver.at(endpoint.path).length]).toEqual([accepted, accepted + 1, accepted + 1]);
    });

    it('answers 404 after the endpoint is deleted, alone and in a batch, and delivered messages keep their status', async () => {
      const endpoint = await environment.endpoint();
      const id = await made('succeeded', endpoint.id);
      const failed = await made('failed_permanent', endpoint.id);
      await environment.client.delete(`/v1/endpoints/${endpoint.id}`);
      const before = [await environment.message(id), await environment.message(failed)];
      const answer = await act(id, 'replay');
      expect([answer.status, answer.body]).toEqual([404, error('ENDPOINT_NOT_FOUND', 'endpoint not found')]);
      const batch = await environment.client.post('/v1/messages/replay-batch', { message_ids: [id, failed] });
      expect(batch.body.data).toMatchObject({
        replayed: 0,
        failed: 2,
        results: [{ error: 'ENDPOINT_NOT_FOUND' }, { error: 'ENDPOINT_NOT_FOUND' }],
      });
      const all = await environment.client.post(`/v1/messages/replay-all?status=succeeded&endpoint_id=${endpoint.id}`);
      expect(all.body.data).toMatchObject({ replayed: 0, failed: 1 });
      expect((await environment.client.post(`/v1/dlq/replay/${failed}`)).body.error.code).toBe('ENDPOINT_NOT_FOUND');
      await environment.clock.settled();
      expect([await environment.message(id), await environment.message(failed)]).toEqual(before);
    });

    it('answers 429 after a hundred requests', async () => {
      const id = await made('succeeded');
      for (let i = 0; i < 100; i++) {
        expect((await act(id, 'replay')).status).toBe(200);
        await environment.clock.settled();
      }
      const answer = await act(id, 'replay');
      expect([answer.status, answer.body.error.code]).toEqual([429, 'REPLAY_LIMIT_EXCEEDED']);
    });
  });

  describe('POST …/retry-now', () => {
    it('answers 200 with the documented fields, and makes the next attempt at once', async () => {
      const id = await made('pending_retry');
      const answer = await act(id, 'retry-now');
      expect([answer.status, answer.body]).toEqual([
        200,
        {
          data: expect.objectContaining({ message_id: id, id, status: 'pending_retry', attempt_count: 1 }),
          message: 'Retry scheduled for immediate pickup',
          meta,
        },
      ]);
      await environment.clock.settled();
      expect(await environment.message(id)).toMatchObject({ status: 'succeeded', attempt_count: 2 });
    });
  });

  describe('POST …/cancel', () => {
    it('answers 200 and turns the message into a dead letter, which can be replayed', async () => {
      const id = await made('pending_retry');
      const answer = await act(id, 'cancel');
      expect([answer.status, answer.body]).toEqual([
        200,
        { data: expect.objectContaining({ message_id: id, status: 'failed_permanent', last_error: 'cancelled' }), meta },
      ]);
      const { messages } = (await environment.client.get('/v1/dlq/messages?limit=1')).body.data;
      expect(messages).toMatchObject([{ message_id: id }]);
      expect((await environment.client.post(`/v1/dlq/replay/${id}`)).body.data).toEqual({ message_id: id, status: 'queued' });
      await environment.clock.settled();
      expect(await environment.message(id)).toMatchObject({ status: 'succeeded' });
    });
  });

  it.each(['retry-now', 'cancel'])(
    '%s of a message that does not wait for a retry gets 400 with the contract’s message',
    async (action) => {
      for (const status of ['succeeded', 'failed_permanent', 'paused'] as const) {
        const answer = await act(await made(status), action);
        expect([answer.status, answer.body]).toEqual([
          400,
          error('INVALID_STATUS', `Message is not in pending_retry status (current: ${status})`),
        ]);
      }
    },
  );

  it('every action answers 404 with the same message for an unknown, foreign or deleted message and for a malformed id', async () => {
    const deleted = await made('pending_retry');
    await environment.client.delete(`/v1/messages/${deleted}`);
    const stranger = await WebhookClient.of(await environment.service.client());
    const id = await made('pending_retry');
    const calls = (client: WebhookClient, of: string) => [
      client.get(`/v1/messages/${of}`),
      client.post(`/v1/messages/${of}/replay`),
      client.post(`/v1/messages/${of}/retry-now`),
      client.post(`/v1/messages/${of}/cancel`),
      client.post(`/v1/dlq/replay/${of}`),
    ];
    const refused = [
      ...calls(stranger, id),
      stranger.delete(`/v1/messages/${id}`),
      ...[NOWHERE, 'x', 'msg_1', '%00', deleted].flatMap((of) => calls(environment.client, of)),
      environment.client.delete(`/v1/messages/${NOWHERE}`),
    ];
    for (const answer of await Promise.all(refused))
      expect([answer.status, answer.body]).toEqual([404, error('NOT_FOUND', 'Message not found')]);
    expect((await stranger.get(`/v1/messages/${id}/attempts`)).body.data).toEqual([]);
    expect(await environment.message(id)).toMatchObject({ status: 'pending_retry' });
  });

  describe('a replay of many messages', () => {
    it('returns the result for each message of a batch', async () => {
      const [good, waiting, gone] = [await made('failed_permanent'), await made('pending_retry'), await made('succeeded')];
      const answer = await environment.client.post('/v1/messages/replay-batch', { message_ids: [good, waiting, gone, NOWHERE, 'x', good] });
      expect([answer.status, answer.body]).toEqual([
        200,
        {
          data: {
            replayed: 2,
            failed: 2,
            stuck: 1,
            results: [
              { message_id: good, status: 'queued' },
              { message_id: waiting, status: 'stuck', error: 'RETRY_IN_PROGRESS' },
              { message_id: gone, status: 'queued' },
              { message_id: NOWHERE, status: 'failed', error: 'NOT_FOUND' },
              { message_id: 'x', status: 'failed', error: 'NOT_FOUND' },
            ],
          },
          message: '2 messages queued for delivery',
          meta,
        },
      ]);
      await environment.clock.settled();
    });

    it.each([
      ['none', {}],
      ['no list', { message_ids: 'x' }],
      ['an empty list', { message_ids: [] }],
      ['numbers', { message_ids: [1] }],
      ['101', { message_ids: Array.from({ length: 101 }, () => NOWHERE) }],
    ])('is refused with 400 for %s', async (_, body) => {
      const answer = await environment.client.post('/v1/messages/replay-batch', body);
      expect([answer.status, answer.body.error.code, answer.body.error.details.field]).toEqual([400, 'INVALID_REQUEST', 'message_ids']);
    });

    it('replays the requested number of an endpoint’s dead letters, oldest first, except those in progress', async () => {
      const endpoint = await environment.endpoint();
      const ids = [];
      for (let i = 0; i < 3; i++) ids.push(await made('failed_permanent', endpoint.id));
      const all = (query: string) => environment.client.post(`/v1/messages/replay-all?${query}`);
      const two = await all(`status=failed_permanent&endpoint_id=${endpoint.id}&limit=2`);
      expect(two.body.data).toEqual({ replayed: 2, failed: 0, stuck: 0, replayed_message_ids: ids.slice(0, 2), stuck_message_ids: [] });
      await environment.clock.settled();
      const waiting = await made('pending_retry', endpoint.id);
      const stuck = await all(`status=pending_retry&endpoint_id=${endpoint.id}`);
      expect(stuck.body.data).toEqual({ replayed: 0, failed: 0, stuck: 1, replayed_message_ids: [], stuck_message_ids: [waiting] });
      for (const query of [
        '',
        'status=',
        'status=gone',
        'status=succeeded&limit=1001',
        'status=succeeded&limit=0',
        'status=succeeded&limit=1e2',
      ])
        expect((await all(query)).status).toBe(400);
    });
  });

  describe('DELETE /v1/messages/{id}', () => {
    it('answers 200 and ends a waiting message, and returns the time of the first deletion when it is repeated', async () => {
      const endpoint = await environment.endpoint();
      const id = await made('pending_retry', endpoint.id);
      const first = await environment.client.delete(`/v1/messages/${id}`);
      expect(first.body.data).toEqual({ message_id: id, deleted_at: expect.any(String), already_deleted: false });
      const again = await environment.client.delete(`/v1/messages/${id}`);
      expect([again.status, again.body.data]).toEqual([200, { ...first.body.data, already_deleted: true }]);
      await environment.clock.advance(HOUR);
      expect(environment.receiver.at(endpoint.path)).toHaveLength(1);
    });
  });
});
