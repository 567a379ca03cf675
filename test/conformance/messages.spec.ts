import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { DeliveryQueue } from '../../src/webhooks/delivery/delivery-queue.js';
import { DeliveryResults } from '../../src/webhooks/delivery/delivery-results.js';
import { MessageStore } from '../../src/webhooks/delivery/message-store.js';
import { onBothDatabases } from '../support/databases.js';
import { delivered } from '../support/messages.js';
import { WebhookEnvironment } from '../support/webhook-environment.js';

onBothDatabases((name) => {
  /** The service does not deliver. The tests take the part of the delivering processes. */
  let environment: WebhookEnvironment;
  let queue: DeliveryQueue;
  let results: DeliveryResults;
  let database: Database;
  beforeAll(async () => {
    environment = await WebhookEnvironment.open(name, { SIGNET_WEBHOOKS: 'delivery=off' });
    queue = environment.service.app.get(DeliveryQueue, { strict: false });
    results = environment.service.app.get(DeliveryResults, { strict: false });
    database = environment.service.app.get(Database, { strict: false });
  });
  afterAll(() => environment.close());

  /** Claims like a process with this capacity. */
  const claim = (holder: number, count = 100) =>
    queue.claim(
      holder,
      {
        budget: () => ({ places: { answering: count, silent: 0 }, messages: count }),
        capacities: (due) => due.map((endpoint) => ({ ...endpoint, count, pool: 'answering' })),
      },
      new Set(),
    );

  it('exactly one of five processes that claim at once gets each message, in 60 rounds', async () => {
    const endpoint = await environment.endpoint();
    for (let round = 0; round < 60; round++) {
      const sent = await Promise.all(Array.from({ length: 4 }, () => environment.accepted(endpoint.id)));
      const claims = new Map<string, number>();
      const holders = [1, 2, 3, 4, 5];
      const all = await Promise.all(holders.map(async (holder) => ({ holder, ...(await claim(holder, 2)) })));
      // If two processes select the same oldest messages, one of them gets none and claims again, as the service does.
      for (let again = await claim(6); again.messages.length > 0; again = await claim(6)) all.push({ holder: 6, ...again });
      for (const { messages } of all) for (const { id } of messages) claims.set(id, (claims.get(id) ?? 0) + 1);
      expect([...claims.keys()].sort()).toEqual([...sent].sort());
      expect([...claims.values()]).toEqual([1, 1, 1, 1]);
      for (const { holder, messages } of all) expect(await results.record(holder, messages.map(delivered))).toBe(messages.length);
    }
  });

  it('a claim ends with its lease, after which another process claims the message, and the first process’s result is ignored', async () => {
    const endpoint = await environment.endpoint();
    const id = await environment.accepted(endpoint.id);
    const first = (await claim(1)).messages;
    expect(first.map((message) => message.id)).toEqual([id]);
    expect(await environment.message(id)).toMatchObject({ status: 'delivering', next_attempt_at: null });
    expect((await claim(2)).messages).toEqual([]);
    await environment.clock.pass(queue.leaseMs);
    expect(await environment.message(id)).toMatchObject({ status: 'queued' });
    const second = (await claim(2)).messages;
    expect(second.map((message) => message.id)).toEqual([id]);
    expect(await results.record(1, first.map(delivered))).toBe(0);
    expect(await environment.message(id)).toMatchObject({ status: 'delivering', attempt_count: 0 });
    expect(await results.record(2, second.map(delivered))).toBe(1);
    expect(await environment.message(id)).toMatchObject({ status: 'succeeded', attempt_count: 1 });
    expect(await environment.attempts(id)).toHaveLength(1);
  });

  it('a result whose message another process has claimed does not affect other results that are written with it', async () => {
    const endpoint = await environment.endpoint();
    const ids = [await environment.accepted(endpoint.id), await environment.accepted(endpoint.id), await environment.accepted(endpoint.id)];
    const { messages } = await claim(1);
    expect(messages.map(({ id }) => id).sort()).toEqual([...ids].sort());
    const lost = messages[1]!;
    await database.transaction((tx) => tx.run('UPDATE messages SET claim = 2 WHERE id = ?', [lost.id]));
    expect(await results.record(1, messages.map(delivered))).toBe(2);
    for (const { id } of messages) {
      const taken = id === lost.id;
      expect(await environment.message(id)).toMatchObject(
        taken ? { status: 'delivering', attempt_count: 0 } : { status: 'succeeded', attempt_count: 1 },
      );
      expect(await environment.attempts(id)).toHaveLength(taken ? 0 : 1);
    }
    expect(await results.record(2, [delivered(lost)])).toBe(1);
  });

  it('a result that arrives after the lease counts if no other process has claimed the message', async () => {
    const endpoint = await environment.endpoint();
    const id = await environment.accepted(endpoint.id);
    const { messages } = await claim(1);
    await environment.clock.pass(10 * queue.leaseMs);
    expect(await results.record(1, messages.map(delivered))).toBe(1);
    expect(await environment.message(id)).toMatchObject({ status: 'succeeded' });
  });

  it('a rate limit applies to all processes that claim at once', async () => {
    const endpoint = await environment.endpoint({ rate_limit_rps: 1, burst: 5 });
    for (let i = 0; i < 12; i++) await environment.accepted(endpoint.id);
    const now = environment.clock.now();
    const claims = await Promise.all([1, 2, 3, 4].map((holder) => claim(holder)));
    claims.push(await claim(5));
    const claimed = claims.flatMap(({ messages }) => messages).length;
    const elapsedSeconds = Math.ceil((environment.clock.now() - now) / 1000);
    expect(claimed).toBeGreaterThanOrEqual(5);
    expect(claimed).toBeLessThanOrEqual(5 + elapsedSeconds);
  });

  it('a message that is parked just when its endpoint is resumed or deleted is found again', async () => {
    const [resumed, deleted] = [await environment.endpoint(), await environment.endpoint()];
    const [waiting, lost] = [await environment.accepted(resumed.id), await environment.accepted(deleted.id)];
    await environment.client.delete(`/v1/endpoints/${deleted.id}`);
    await database.transaction((tx) => tx.run(`UPDATE messages SET status = 'paused', due_at = NULL WHERE id IN (?, ?)`, [waiting, lost]));
    await environment.clock.tidied();
    expect(await environment.message(waiting)).toMatchObject({ status: 'queued', next_attempt_at: expect.any(String) });
    expect(await environment.message(lost)).toMatchObject({ status: 'failed_permanent', last_error: 'the endpoint was deleted' });
  });

  it('messages of a paused endpoint that are still queued are parked when they are claimed, and those of a deleted one fail', async () => {
    const [paused, deleted] = [await environment.endpoint(), await environment.endpoint()];
    const [kept, lost] = [await environment.accepted(paused.id), await environment.accepted(deleted.id)];
    await database.transaction((tx) => tx.run('UPDATE webhook_endpoints SET paused = 1 WHERE id = ?', [paused.id]));
    await database.transaction((tx) => tx.run('UPDATE webhook_endpoints SET deleted_at = 1 WHERE id = ?', [deleted.id]));
    const { messages } = await claim(1);
    expect(messages.filter(({ id }) => id === kept || id === lost)).toEqual([]);
    expect(await environment.message(kept)).toMatchObject({ status: 'paused' });
    expect(await environment.message(lost)).toMatchObject({ status: 'failed_permanent' });
  });

  it.each(['cancel', 'retry-now'] as const)('%s is not undone by the result of an attempt whose lease is over', async (action) => {
    const endpoint = await environment.endpoint();
    const id = await environment.accepted(endpoint.id);
    const again = { status: 'pending_retry' as const, retryType: 'slow' as const, delayMs: 3_600_000, retryAfterSeconds: undefined };
    // An hour also makes messages of other tests due.
    const claimed = async () => (await claim(1)).messages.find((message) => message.id === id)!;
    const first = await claimed();
    await results.record(1, [{ ...delivered(first), verdict: again }]);
    await environment.clock.pass(again.delayMs);
    const second = await claimed();
    await environment.clock.pass(queue.leaseMs);
    expect((await environment.client.post(`/v1/messages/${id}/${action}`)).status).toBe(200);
    const after = await environment.message(id);
    expect(await results.record(1, [{ ...delivered(second), verdict: again }])).toBe(0);
    expect(await results.record(1, [delivered(second)])).toBe(0);
    expect(await environment.message(id)).toEqual(after);
    await environment.client.delete(`/v1/messages/${id}`);
  });

  it('a message that gets 202 is stored, even if the earlier message with its idempotency key is deleted during the request', async () => {
    const endpoint = await environment.endpoint();
    const input = { idempotency_key: 'k' };
    const intake = environment.service.app.get(MessageStore, { strict: false });
    const store = intake.store.bind(intake);
    let deletions = 0;
    try {
      intake.store = async (message) => {
        // Another request uses the idempotency key just before, and its message is deleted just afterwards.
        if (deletions === 3) return store(message);
        await store({ ...message, id: message.id.replace(/.$/, (last) => (last === '0' ? '1' : '0')), payload: '{"other":1}' });
        expect(await store(message)).toBe(false);
        await database.transaction((tx) => tx.run('DELETE FROM messages WHERE endpoint_id = ?', [endpoint.id]));
        deletions++;
        return false;
      };
      const id = await environment.accepted(endpoint.id, input);
      expect(deletions).toBe(3);
      expect(await environment.message(id)).toMatchObject({ status: 'queued', idempotency_key: 'k' });
    } finally {
      intake.store = store;
    }
  });

  it('a replay that runs while its endpoint is deleted does not change messages that were already delivered', async () => {
    const endpoint = await environment.endpoint();
    const [slipped, waiting, failed] = [
      await environment.accepted(endpoint.id),
      await environment.accepted(endpoint.id),
      await environment.accepted(endpoint.id),
    ];
    const { messages } = await claim(1);
    const outcomes = messages.map((message) =>
      message.id === failed ? { ...delivered(message), verdict: { status: 'failed_permanent' as const } } : delivered(message),
    );
    await results.record(1, outcomes);
    const before = await environment.message(waiting);
    for (const id of [slipped, waiting, failed]) expect((await environment.client.post(`/v1/messages/${id}/replay`)).status).toBe(200);
    await database.transaction((tx) => tx.run('UPDATE webhook_endpoints SET deleted_at = 1 WHERE id = ?', [endpoint.id]));
    await claim(1);
    for (const id of [slipped, waiting]) expect(await environment.message(id)).toMatchObject({ status: 'succeeded', last_error: null });
    expect(before).toMatchObject({ status: 'succeeded' });
    expect(await environment.message(failed)).toMatchObject({ status: 'failed_permanent', last_error: 'the endpoint was deleted' });
  });
});
