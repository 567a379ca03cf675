import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Database } from '../../src/platform/database/database.js';
import { type ClaimedMessage, DeliveryQueue } from '../../src/webhooks/delivery/delivery-queue.js';
import { DeliveryResults } from '../../src/webhooks/delivery/delivery-results.js';
import { type RunningAttempt, DeliveryShares } from '../../src/webhooks/delivery/delivery-shares.js';
import { MessageStore } from '../../src/webhooks/delivery/message-store.js';
import { onBothDatabases } from '../support/databases.js';
import { delivered } from '../support/messages.js';
import { WebhookEnvironment } from '../support/webhook-environment.js';
import { WebhookClient } from '../support/webhooks.js';

const LIMITED = 96;
const HANGING = 12;
const WAITING_EACH = 10;
const PLACES = 16;

onBothDatabases((name) => {
  /** The service does not deliver. The tests take the part of the delivering process. */
  let environment: WebhookEnvironment;
  let queue: DeliveryQueue;
  let results: DeliveryResults;
  let intake: MessageStore;
  const limited: string[] = [];
  const hanging = new Set<string>();
  beforeAll(async () => {
    environment = await WebhookEnvironment.open(name, { SIGNET_WEBHOOKS: 'delivery=off' });
    queue = environment.service.app.get(DeliveryQueue, { strict: false });
    results = environment.service.app.get(DeliveryResults, { strict: false });
    intake = environment.service.app.get(MessageStore, { strict: false });
    for (let i = 0; i < LIMITED; i++) limited.push((await environment.endpoint({ rate_limit_rps: 1 })).id);
    for (let i = 0; i < HANGING; i++) hanging.add((await environment.endpoint()).id);
    await Promise.all([...limited, ...hanging].flatMap((id) => Array.from({ length: WAITING_EACH }, () => accept(id))));
  });
  afterAll(() => environment.close());

  let accepted = 0;
  const accept = async (endpointId: string, projectId = environment.admin.projectId) => {
    const now = environment.clock.now();
    const id = `01935abc-def0-7123-8567-${String(accepted++).padStart(12, '0')}`;
    const rest = { headers: null, sizeBytes: 2, payloadSha256: '', idempotencyKey: null, canonicalSha256: null, retentionHours: 1 };
    const message = { id, projectId, endpointId, status: 'queued' as const, payload: '{}', ...rest, dueAt: now, expiresAt: now + 1e9, now };
    expect(await intake.store(message)).toBe(true);
    return id;
  };

  /** A delivering process whose receivers answer at once. Hanging attempts count as silent after a second. */
  class Delivering {
    readonly shares = new DeliveryShares<ClaimedMessage>(PLACES);
    looks = 0;
    claims = 0;
    readonly begun: string[] = [];

    /** Runs one claim and its attempts. */
    async look(holder = 1): Promise<boolean> {
      this.looks++;
      const claim = await queue.claim(holder, this.shares, new Set());
      this.claims += claim.messages.length;
      for (const message of claim.messages) this.shares.add({ id: message.endpointId, projectId: message.projectId }, message, 0);
      for (;;) {
        const answered: RunningAttempt<ClaimedMessage>[] = [];
        for (let next = this.shares.begin(); next; next = this.shares.begin()) {
          this.begun.push(next.message.endpointId);
          if (hanging.has(next.message.endpointId)) this.shares.silent(next);
          else answered.push(next);
        }
        if (answered.length === 0) break;
        for (const each of answered) this.shares.end(each, 'answered', 5);
        await results.record(
          holder,
          answered.map(({ message }) => delivered(message)),
        );
      }
      return claim.messages.length > 0;
    }

    /** Claims until the endpoint's message has begun. */
    async until(endpointId: string): Promise<{ looks: number; claims: number }> {
      const [looks, claims] = [this.looks, this.claims];
      while (!this.begun.includes(endpointId) && this.looks < looks + 1000) await this.look();
      return { looks: this.looks - looks, claims: this.claims - claims };
    }
  }

  it(`a message to a free endpoint begins after one claim, behind ${LIMITED} endpoints at their limit and ${HANGING} that hang`, async () => {
    const process = new Delivering();
    while (await process.look());
    const free = (await environment.endpoint()).id;
    await accept(free);
    const { looks, claims } = await process.until(free);
    expect(looks).toBe(1);
    expect(claims).toBeLessThanOrEqual(1 + LIMITED);
    // Repeats it a second later, when every rate limit permits one delivery.
    await environment.clock.pass(1000);
    const second = (await environment.endpoint()).id;
    await accept(second);
    expect((await process.until(second)).looks).toBeLessThanOrEqual(Math.ceil(LIMITED / 64) + 1);
  });

  it('a new process begins a message of another project in its first claim, and one of the same project after one round over all endpoints', async () => {
    await environment.clock.pass(queue.leaseMs);
    const stranger = await environment.service.client();
    const foreign = (await (await WebhookClient.of(stranger)).endpoint()).id;
    const own = (await environment.endpoint()).id;
    await accept(foreign, stranger.projectId);
    await accept(own);
    const process = new Delivering();
    expect(await process.until(foreign)).toMatchObject({ looks: 1 });
    const { looks, claims } = await process.until(own);
    // Each endpoint gets at most two attempts before the message's turn.
    expect(looks).toBeLessThanOrEqual(Math.ceil((2 * (LIMITED + HANGING)) / PLACES) + 1);
    expect(claims).toBeLessThanOrEqual(2 * (LIMITED + HANGING));
  });

  it('an endpoint without due messages leaves the queue, and no message that arrives meanwhile is lost', async () => {
    const endpoint = (await environment.endpoint()).id;
    const database = environment.service.app.get(Database, { strict: false });
    const dueAt = async () =>
      (await database.rows<{ dueAt: number | null }>('SELECT due_at AS dueAt FROM delivery_queues WHERE endpoint_id = ?', [endpoint]))[0]!
        .dueAt;
    expect(await dueAt()).toBeNull();
    const process = new Delivering();
    let stopped = false;
    const rounds = 60;
    const sending = (async () => {
      for (let i = 0; i < rounds; i++) {
        await accept(endpoint);
        await new Promise((resolve) => setImmediate(resolve));
      }
      stopped = true;
    })();
    // Each claim is a second after the last one, so it finds no due message of the endpoint and removes the endpoint from the queue.
    while (!stopped) {
      await environment.clock.pass(1500);
      await process.look();
    }
    await sending;
    for (let i = 0; i < 200 && (await dueAt()) !== null; i++) {
      await environment.clock.pass(1500);
      await process.look();
    }
    expect(process.begun.filter((id) => id === endpoint)).toHaveLength(rounds);
    expect(await dueAt()).toBeNull();
  });
});
