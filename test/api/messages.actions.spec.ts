import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { onBothDatabases } from '../support/databases.js';
import { WebhookClient } from '../support/webhooks.js';
import { WebhookGround } from '../support/webhook-ground.js';

const NOWHERE = '01935abc-def0-7123-8567-890abcdef012';
const HOUR = 3_600_000;
const meta = { request_id: expect.stringMatching(/^req_/) };
const error = (code: string, message: string) => ({ error: { code, message }, meta });

onBothDatabases((name) => {
  let ground: WebhookGround;
  beforeAll(async () => {
    ground = await WebhookGround.open(name);
  });
  afterAll(() => ground.close());
  beforeEach(() => {
    ground.receiver.reply = 200;
    ground.receiver.script.length = 0;
  });

  const act = (id: string, action: string) => ground.client.post(`/v1/messages/${id}/${action}`);
  /** A message in this status. */
  const made = async (status: 'succeeded' | 'pending_retry' | 'failed_permanent' | 'paused', endpointId?: string): Promise<string> => {
    const endpoint = endpointId ?? (await ground.endpoint()).id;
    ground.receiver.reply = { succeeded: 200, pending_retry: 503, failed_permanent: 404, paused: 200 }[status];
    if (status === 'paused') await ground.client.post(`/v1/endpoints/${endpoint}/pause`);
    const id = await ground.accepted(endpoint);
    await ground.clock.settled();
    expect(await ground.message(id)).toMatchObject({ status });
    ground.receiver.reply = 200;
    return id;
  };

  describe('replay', () => {
    it.each(['succeeded', 'failed_permanent'] as const)(
      '200 for a message that is %s: it is delivered again, in a round of its own',
      async (status) => {
        const id = await made(status);
        const answer = await act(id, 'replay');
        expect([answer.status, answer.body]).toEqual([200, { data: { message_id: id, status: 'queued' }, meta }]);
        await ground.clock.settled();
        expect(await ground.message(id)).toMatchObject({ status: 'succeeded', attempt_count: 2, replay_count: 1, last_error: null });
      },
    );

    it('a replay has eight attempts again', async () => {
      const id = await made('failed_permanent');
      ground.receiver.reply = 503;
      await act(id, 'replay');
      for (let i = 0; i < 9; i++) await ground.clock.advance(73 * HOUR);
      expect(await ground.message(id)).toMatchObject({ status: 'failed_permanent', attempt_count: 9 });
    });

    it('409 while the message waits or is being delivered', async () => {
      const waiting = await act(await made('pending_retry'), 'replay');
      expect([waiting.status, waiting.body]).toEqual([409, error('RETRY_IN_PROGRESS', 'Message is waiting for its next retry')]);
      const paused = await act(await made('paused'), 'replay');
      expect([paused.status, paused.body.error.code]).toEqual([409, 'DELIVERY_IN_PROGRESS']);
      const endpoint = await ground.endpoint();
      const release = Promise.withResolvers<void>();
      ground.receiver.script.push((_, response) => void release.promise.then(() => response.end()));
      const arrived = ground.receiver.arrived(ground.receiver.deliveries.length + 1);
      const id = await ground.accepted(endpoint.id);
      await arrived;
      expect(await ground.message(id)).toMatchObject({ status: 'delivering', next_attempt_at: null });
      expect((await act(id, 'replay')).body.error.code).toBe('DELIVERY_IN_PROGRESS');
      release.resolve();
      await ground.clock.settled();
      expect(await ground.message(id)).toMatchObject({ status: 'succeeded', attempt_count: 1 });
    });

    it('of twenty at once one is accepted, and one delivery comes of it', async () => {
      const endpoint = await ground.endpoint();
      const id = await made('succeeded', endpoint.id);
      const answers = await Promise.all(Array.from({ length: 20 }, () => act(id, 'replay')));
      const accepted = answers.filter(({ status }) => status === 200).length;
      await ground.clock.settled();
      const { replay_count, attempt_count } = await ground.message(id);
      expect([replay_count, attempt_count, ground.receiver.at(endpoint.path).length]).toEqual([accepted, accepted + 1, accepted + 1]);
    });

    it('429 after a hundred', async () => {
      const id = await made('succeeded');
      for (let i = 0; i < 100; i++) {
        expect((await act(id, 'replay')).status).toBe(200);
        await ground.clock.settled();
      }
      const answer = await act(id, 'replay');
      expect([answer.status, answer.body.error.code]).toEqual([429, 'REPLAY_LIMIT_EXCEEDED']);
    });
  });

  describe('retry-now', () => {
    it('200 makes the next attempt at once, and answers the message and what the documents print', async () => {
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
      await ground.clock.settled();
      expect(await ground.message(id)).toMatchObject({ status: 'succeeded', attempt_count: 2 });
    });
  });

  describe('cancel', () => {
    it('200 gives the message up: a dead letter, which can be replayed', async () => {
      const id = await made('pending_retry');
      const answer = await act(id, 'cancel');
      expect([answer.status, answer.body]).toEqual([
        200,
        { data: expect.objectContaining({ message_id: id, status: 'failed_permanent', last_error: 'cancelled' }), meta },
      ]);
      const { messages } = (await ground.client.get('/v1/dlq/messages?limit=1')).body.data;
      expect(messages).toMatchObject([{ message_id: id }]);
      expect((await ground.client.post(`/v1/dlq/replay/${id}`)).body.data).toEqual({ message_id: id, status: 'queued' });
      await ground.clock.settled();
      expect(await ground.message(id)).toMatchObject({ status: 'succeeded' });
    });
  });

  it.each(['retry-now', 'cancel'])(
    '400 for %s of a message that does not wait for a retry, in the words of the contract',
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

  it('404 for a message that never was, is another project’s, was deleted, or can be none: the same words', async () => {
    const deleted = await made('pending_retry');
    await ground.client.delete(`/v1/messages/${deleted}`);
    const stranger = await WebhookClient.of(await ground.service.client());
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
      ...[NOWHERE, 'x', 'msg_1', '%00', deleted].flatMap((of) => calls(ground.client, of)),
      ground.client.delete(`/v1/messages/${NOWHERE}`),
    ];
    for (const answer of await Promise.all(refused))
      expect([answer.status, answer.body]).toEqual([404, error('NOT_FOUND', 'Message not found')]);
    expect((await stranger.get(`/v1/messages/${id}/attempts`)).body.data).toEqual([]);
    expect(await ground.message(id)).toMatchObject({ status: 'pending_retry' });
  });

  describe('replay of many', () => {
    it('a batch says of each what became of it', async () => {
      const [good, waiting, gone] = [await made('failed_permanent'), await made('pending_retry'), await made('succeeded')];
      const answer = await ground.client.post('/v1/messages/replay-batch', { message_ids: [good, waiting, gone, NOWHERE, 'x', good] });
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
      await ground.clock.settled();
    });

    it.each([
      ['none', {}],
      ['no list', { message_ids: 'x' }],
      ['an empty list', { message_ids: [] }],
      ['numbers', { message_ids: [1] }],
      ['101', { message_ids: Array.from({ length: 101 }, () => NOWHERE) }],
    ])('400 for %s', async (_, body) => {
      const answer = await ground.client.post('/v1/messages/replay-batch', body);
      expect([answer.status, answer.body.error.code, answer.body.error.details.field]).toEqual([400, 'INVALID_REQUEST', 'message_ids']);
    });

    it('all dead letters of an endpoint, the oldest first, as many as are asked for; those under way are left alone', async () => {
      const endpoint = await ground.endpoint();
      const ids = [];
      for (let i = 0; i < 3; i++) ids.push(await made('failed_permanent', endpoint.id));
      const all = (query: string) => ground.client.post(`/v1/messages/replay-all?${query}`);
      const two = await all(`status=failed_permanent&endpoint_id=${endpoint.id}&limit=2`);
      expect(two.body.data).toEqual({ replayed: 2, failed: 0, stuck: 0, replayed_message_ids: ids.slice(0, 2), stuck_message_ids: [] });
      await ground.clock.settled();
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
    it('200 ends a message that waits, and says when it was deleted before', async () => {
      const endpoint = await ground.endpoint();
      const id = await made('pending_retry', endpoint.id);
      const first = await ground.client.delete(`/v1/messages/${id}`);
      expect(first.body.data).toEqual({ message_id: id, deleted_at: expect.any(String), already_deleted: false });
      const again = await ground.client.delete(`/v1/messages/${id}`);
      expect([again.status, again.body.data]).toEqual([200, { ...first.body.data, already_deleted: true }]);
      await ground.clock.advance(HOUR);
      expect(ground.receiver.at(endpoint.path)).toHaveLength(1);
    });
  });
});
