import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Database } from '../../src/database/database.js';
import type { AttemptRow } from '../../src/messages/attempt-row.js';
import { type Claimed, DeliveryQueue } from '../../src/messages/delivery-queue.js';
import { onBothDatabases } from '../support/databases.js';
import { WebhookGround } from '../support/webhook-ground.js';

/** An attempt that was answered with 200. */
const delivered = (message: Claimed) => ({
  message,
  verdict: { status: 'succeeded' as const },
  attempt: {
    messageId: message.id,
    attemptNo: message.attemptCount + 1,
    id: message.id,
    responseStatus: 200,
    responseLatencyMs: 1,
    processingMs: 1,
    errorText: null,
    responseHeaders: null,
    requestHeaders: '{}',
    retryType: null,
    retryAfterSeconds: null,
    resolvedIp: null,
    dnsMs: null,
    tcpConnectMs: null,
    tlsHandshakeMs: null,
    ttfbMs: null,
    transferMs: null,
    connReused: false,
    responseBodyTruncated: false,
    createdAt: 1,
  } satisfies AttemptRow,
});

onBothDatabases((name) => {
  /** Nothing is delivered by itself: the tests are the processes. */
  let ground: WebhookGround;
  let queue: DeliveryQueue;
  let database: Database;
  beforeAll(async () => {
    ground = await WebhookGround.open(name, { SIGNET_WEBHOOK_DELIVERY: 'off' });
    queue = ground.service.app.get(DeliveryQueue, { strict: false });
    database = ground.service.app.get(Database, { strict: false });
  });
  afterAll(() => ground.close());

  const claim = (holder: number, count = 100) => queue.claim(holder, count, [], new Set(), () => count);

  it('200 rounds of five processes that claim at once: every message is claimed by exactly one', async () => {
    const endpoint = await ground.endpoint();
    for (let round = 0; round < 200; round++) {
      const sent = await Promise.all(Array.from({ length: 4 }, () => ground.accepted(endpoint.id)));
      const claims = new Map<string, number>();
      const holders = [1, 2, 3, 4, 5];
      const all = await Promise.all(holders.map(async (holder) => ({ holder, ...(await claim(holder, 2)) })));
      // Two processes look at the same oldest messages and one goes away empty: it looks again, as the service does.
      for (let again = await claim(6); again.messages.length > 0; again = await claim(6)) all.push({ holder: 6, ...again });
      for (const { messages } of all) for (const { id } of messages) claims.set(id, (claims.get(id) ?? 0) + 1);
      expect([...claims.keys()].sort()).toEqual([...sent].sort());
      expect([...claims.values()]).toEqual([1, 1, 1, 1]);
      for (const { holder, messages } of all) expect(await queue.record(holder, messages.map(delivered))).toBe(messages.length);
    }
  });

  it('a claim ends with its lease: another process has the message then, and the first one’s result counts no more', async () => {
    const endpoint = await ground.endpoint();
    const id = await ground.accepted(endpoint.id);
    const first = (await claim(1)).messages;
    expect(first.map((message) => message.id)).toEqual([id]);
    expect(await ground.message(id)).toMatchObject({ status: 'delivering', next_attempt_at: null });
    expect((await claim(2)).messages).toEqual([]);
    await ground.clock.pass(queue.leaseMs);
    expect(await ground.message(id)).toMatchObject({ status: 'queued' });
    const second = (await claim(2)).messages;
    expect(second.map((message) => message.id)).toEqual([id]);
    expect(await queue.record(1, first.map(delivered))).toBe(0);
    expect(await ground.message(id)).toMatchObject({ status: 'delivering', attempt_count: 0 });
    expect(await queue.record(2, second.map(delivered))).toBe(1);
    expect(await ground.message(id)).toMatchObject({ status: 'succeeded', attempt_count: 1 });
    expect(await ground.attempts(id)).toHaveLength(1);
  });

  it('of results written down together, one whose message another process has by then takes no other with it', async () => {
    const endpoint = await ground.endpoint();
    const ids = [await ground.accepted(endpoint.id), await ground.accepted(endpoint.id), await ground.accepted(endpoint.id)];
    const { messages } = await claim(1);
    expect(messages.map(({ id }) => id).sort()).toEqual([...ids].sort());
    const lost = messages[1]!;
    await database.transaction((tx) => tx.run('UPDATE messages SET claim = 2 WHERE id = ?', [lost.id]));
    expect(await queue.record(1, messages.map(delivered))).toBe(2);
    for (const { id } of messages) {
      const taken = id === lost.id;
      expect(await ground.message(id)).toMatchObject(
        taken ? { status: 'delivering', attempt_count: 0 } : { status: 'succeeded', attempt_count: 1 },
      );
      expect(await ground.attempts(id)).toHaveLength(taken ? 0 : 1);
    }
    expect(await queue.record(2, [delivered(lost)])).toBe(1);
  });

  it('a result that comes after its lease counts while nobody else has the message', async () => {
    const endpoint = await ground.endpoint();
    const id = await ground.accepted(endpoint.id);
    const { messages } = await claim(1);
    await ground.clock.pass(10 * queue.leaseMs);
    expect(await queue.record(1, messages.map(delivered))).toBe(1);
    expect(await ground.message(id)).toMatchObject({ status: 'succeeded' });
  });

  it('a rate limit holds over processes that claim at once', async () => {
    const endpoint = await ground.endpoint({ rate_limit_rps: 1, burst: 5 });
    for (let i = 0; i < 12; i++) await ground.accepted(endpoint.id);
    const now = ground.clock.now();
    const claims = await Promise.all([1, 2, 3, 4].map((holder) => claim(holder)));
    claims.push(await claim(5));
    const claimed = claims.flatMap(({ messages }) => messages).length;
    const elapsedSeconds = Math.ceil((ground.clock.now() - now) / 1000);
    expect(claimed).toBeGreaterThanOrEqual(5);
    expect(claimed).toBeLessThanOrEqual(5 + elapsedSeconds);
  });

  it('a message that was put aside just when its endpoint was resumed, or deleted, is found again', async () => {
    const [resumed, deleted] = [await ground.endpoint(), await ground.endpoint()];
    const [waiting, lost] = [await ground.accepted(resumed.id), await ground.accepted(deleted.id)];
    await ground.client.delete(`/v1/endpoints/${deleted.id}`);
    await database.transaction((tx) => tx.run(`UPDATE messages SET status = 'paused', due_at = NULL WHERE id IN (?, ?)`, [waiting, lost]));
    await ground.clock.tidied();
    expect(await ground.message(waiting)).toMatchObject({ status: 'queued', next_attempt_at: expect.any(String) });
    expect(await ground.message(lost)).toMatchObject({ status: 'failed_permanent', last_error: 'the endpoint was deleted' });
  });

  it('messages of a paused endpoint that slipped into the queue are put aside when they are claimed, and of a deleted one given up', async () => {
    const [paused, deleted] = [await ground.endpoint(), await ground.endpoint()];
    const [kept, lost] = [await ground.accepted(paused.id), await ground.accepted(deleted.id)];
    await database.transaction((tx) => tx.run('UPDATE webhook_endpoints SET paused = 1 WHERE id = ?', [paused.id]));
    await database.transaction((tx) => tx.run('UPDATE webhook_endpoints SET deleted_at = 1 WHERE id = ?', [deleted.id]));
    const { messages } = await claim(1);
    expect(messages.filter(({ id }) => id === kept || id === lost)).toEqual([]);
    expect(await ground.message(kept)).toMatchObject({ status: 'paused' });
    expect(await ground.message(lost)).toMatchObject({ status: 'failed_permanent' });
  });
});
