import { randomInt } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Clock } from '../../platform/common/clock.js';
import { Config } from '../../platform/config/config.js';
import { Pulse } from '../../platform/recovery/pulse.js';
import { Database, type Tx } from '../../platform/database/database.js';
import { chunks, padded, placeholders } from '../../platform/database/tx.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import type { ClaimBudget, DueEndpoint, Capacity } from './delivery-shares.js';
import { deferIdle } from './due-endpoints.js';
import { PARKED, parkedValues } from './message-row.js';
import { gcra, type Rate } from './rate-limit.js';
import { EndpointQueue } from './delivery-queue.entity.js';
import { Message } from './message.entity.js';
import { WebhookEndpoint } from '../endpoints/endpoint.entity.js';

/** `headers` are encrypted. `eventKind` is null for a message that a caller sent. */
const CLAIMED = columnsOf(Message, 'm').pick(
  'id',
  'projectId',
  'endpointId',
  'headers',
  'sizeBytes',
  'retentionHours',
  'attemptCount',
  'attemptsBefore',
  'eventKind',
);

/** A message that this process may deliver until {@link leaseUntil}. */
export interface ClaimedMessage extends RowOf<typeof CLAIMED> {
  /** The bytes that are signed and sent. */
  body: Buffer;
  leaseUntil: number;
  /** Time of the endpoint's first failed attempt since its last success, read together with the claim. */
  failingSince: number | null;
}

const DUE_QUEUE = columnsOf(EndpointQueue).pick({ id: 'endpointId' }, 'projectId');
const HEAD = columnsOf(Message).pick('id', 'endpointId', 'sizeBytes');
type DueMessage = RowOf<typeof HEAD>;
const ENDPOINT = columnsOf(WebhookEndpoint, 'e').pick('id', 'projectId', { rps: 'rateLimitRps' }, 'burst', 'paused');
const QUEUE = columnsOf(EndpointQueue, 'q').pick('theoreticalArrival', 'failingSince');
const FREE = columnsOf(EndpointQueue).pick({ id: 'endpointId' }, 'theoreticalArrival');
const CHARGED = columnsOf(EndpointQueue).pick('endpointId', 'projectId', 'dueAt', 'limitedUntil', 'theoreticalArrival');

/** The state that decides whether an endpoint's due messages may be claimed. */
interface EndpointState extends RowOf<typeof ENDPOINT>, RowOf<typeof QUEUE> {
  deleted: number;
}

/** The result of one claim. */
export interface Claim {
  messages: ClaimedMessage[];
  /** The time at which an endpoint's rate limit allows the next delivery, by endpoint, as Unix time in milliseconds. */
  limited: Map<string, number>;
  /** Whether more messages may be due, so that another claim is useful. */
  more: boolean;
  /** Endpoints with due messages but without free capacity; undefined when a pool had no free place left. */
  full: DueEndpoint[] | undefined;
}

/** Decides how many messages may be claimed, and for which endpoints. See {@link DeliveryShares}. */
export interface Shares {
  budget(): ClaimBudget;
  capacities(due: readonly DueEndpoint[]): Capacity[];
}

/** Factor by which more rows are read after another process has claimed most of the last selection. */
const READ_AHEAD = 4;
/** Maximum payload bytes in one claim. A single message may exceed it. */
const CLAIM_MAX_BYTES = 16 * 1024 * 1024;
/** Number of endpoints that one statement reads. */
const READ_ENDPOINTS = 64;
/** Maximum number of endpoints whose messages one transaction claims. */
const CLAIM_ENDPOINTS_MAX = 512;
/**
 * Rate-limited endpoints wake in groups, to save polls. A group may be late by this part of an interval, and by this number of
 * milliseconds.
 */
const WAKE_ALIGNMENT = { ofInterval: 0.1, ms: 100 };
/** Maximum number of due endpoints that are read before each claim. If there are more, those that have waited longest are read. */
const DUE_MAX = 4096;
/** An endpoint whose messages arrive at shorter intervals than this stays due, which saves writes of its queue row. */
const IDLE_MS = 1000;

/**
 * The queue of due messages, which all processes on the database share. A claim moves `due_at` to the end of a lease. So the messages of a
 * process that ends unexpectedly become due again when its lease ends (docs/adr/0017).
 *
 * Guarantees: An accepted message is delivered at least once, or its delivery fails for good; during the lease of a claim only one process
 * has it.
 * Condition: The wall clocks of the processes differ by less than five seconds: a lease is that much longer than two attempts.
 * Degrades: After a crash, the claimed messages become due again when their lease ends. A receiver may get a message twice, with the same
 * id.
 */
@Injectable()
export class DeliveryQueue {
  /** Long enough for two attempts, because a claimed message may wait for another attempt to end. */
  readonly leaseMs: number;
  #readAhead = 1;
  /** When a due message was last found, by endpoint. */
  readonly #busyAt = new LRUCache<string, number>({ max: 2 * DUE_MAX });

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly pulse: Pulse,
    config: Config,
  ) {
    this.leaseMs = 2 * config.webhooks.timeoutMs + 5000;
  }

  /**
   * Claims as many messages as the shares allow. First reads one row per due endpoint, and then messages per endpoint, so that many
   * messages for one endpoint do not delay those for others.
   * @param holder the id of this process; not 0
   * @param held the ids of messages that this process has already claimed
   */
  async claim(holder: number, shares: Shares, held: { has(id: string): boolean }): Promise<Claim> {
    // A restored database may contain delivered messages and deleted keys, so nothing is claimed until an operator has decided.
    if (this.pulse.held) return { messages: [], limited: new Map(), more: false, full: undefined };
    const now = this.clock.now();
    const due = await this.database.rows<DueEndpoint>(
      `SELECT ${DUE_QUEUE.select} FROM delivery_queues WHERE due_at <= ? ORDER BY due_at LIMIT ${DUE_MAX}`,
      [now],
    );
    const rooms = shares.capacities(due);
    const roomy = new Set(rooms.map(({ id }) => id));
    const { chosen, endpoints, empty, more, placesLeft } = await this.select(rooms, shares.budget(), held, now);
    await this.removeIdle(empty, now);
    const full = placesLeft ? due.filter(({ id }) => !roomy.has(id)) : undefined;
    if (endpoints.length === 0) return { messages: [], limited: new Map(), more: false, full };
    const claim = await this.database.transaction((tx) => this.claimSelected(tx, holder, chosen, endpoints, now, due.length === DUE_MAX));
    const total = [...chosen.values()].reduce((sum, ids) => sum + ids.length, 0);
    this.#readAhead = claim.lost > total / 2 ? READ_AHEAD : 1;
    const moved = claim.messages.length > 0 || claim.limited.size > 0 || claim.parked > 0;
    return { messages: claim.messages, limited: claim.limited, more: more && moved, full };
  }

  /** Selects messages of the endpoints, in the order of the endpoints, until the budget is used up. */
  private async select(
    rooms: readonly Capacity[],
    budget: ClaimBudget,
    held: { has(id: string): boolean },
    now: number,
  ): Promise<{ chosen: Map<string, string[]>; endpoints: EndpointState[]; empty: string[]; more: boolean; placesLeft: boolean }> {
    const chosen = new Map<string, string[]>();
    const endpoints: EndpointState[] = [];
    const empty: string[] = [];
    let bytes = 0;
    let more = false;
    let placesLeft = true;
    let from = 0;
    for (; from < rooms.length && budget.messages > 0 && chosen.size < CLAIM_ENDPOINTS_MAX; from += READ_ENDPOINTS) {
      // Skips endpoints whose pool is full.
      const part = rooms.slice(from, from + READ_ENDPOINTS).filter(({ pool }) => pool === 'ahead' || budget.places[pool] > 0);
      if (part.length < Math.min(READ_ENDPOINTS, rooms.length - from)) placesLeft = false;
      if (part.length === 0) continue;
      const quantum = Math.max(1, Math.floor(budget.messages / part.length));
      const states = new Map((await this.readStates(part.map(({ id }) => id))).map((state) => [state.id, state]));
      const asked = new Map<string, Capacity>();
      for (const room of part) {
        const state = states.get(room.id);
        if (!state) continue;
        const count = Math.min(
          room.count,
          quantum,
          state.rps === 0 ? room.count : gcra(rateOf(state), state.theoreticalArrival, room.count, now).count,
        );
        if (count > 0) asked.set(room.id, { ...room, count });
        // Another process has used up the rate limit, so the endpoint waits.
        else endpoints.push(state);
      }
      const heads = asked.size === 0 ? [] : await this.firstDue([...asked.values()], now);
      const seen = new Map<string, number>();
      for (const { id, endpointId, sizeBytes } of this.shuffled(heads)) {
        seen.set(endpointId, (seen.get(endpointId) ?? 0) + 1);
        const room = asked.get(endpointId);
        const ids = chosen.get(endpointId) ?? [];
        if (!room || held.has(id) || ids.length >= room.count) continue;
        const noPlace = room.pool !== 'ahead' && budget.places[room.pool] <= 0;
        if (noPlace || budget.messages <= 0 || (bytes > 0 && bytes + sizeBytes > CLAIM_MAX_BYTES)) {
          if (noPlace) placesLeft = false;
          else more = true;
          continue;
        }
        ids.push(id);
        chosen.set(endpointId, ids);
        bytes += sizeBytes;
        budget.messages--;
        if (room.pool !== 'ahead') budget.places[room.pool]--;
      }
      for (const { id, count } of asked.values()) {
        if (!seen.has(id)) empty.push(id);
        else this.#busyAt.set(id, now);
        if ((seen.get(id) ?? 0) >= count) more = true;
        const state = states.get(id);
        if (state && chosen.has(id)) endpoints.push(state);
      }
    }
    return { chosen, endpoints, empty, more: more || from < rooms.length, placesLeft };
  }

  /** Rotates the messages by a random number, so that competing processes select different ones. */
  private shuffled(heads: DueMessage[]): DueMessage[] {
    if (this.#readAhead === 1) return heads;
    const start = heads.length > 1 ? randomInt(heads.length) : 0;
    return [...heads.slice(start), ...heads.slice(0, start)];
  }

  /** Reads the first messages of each endpoint from the index, without a lock. The claim decides whether they are still free. */
  private firstDue(asked: readonly Capacity[], now: number): Promise<DueMessage[]> {
    const rooms = [...asked];
    // Rounded up to a power of two, to limit the number of prepared statements.
    const size = 2 ** Math.ceil(Math.log2(rooms.length));
    const one = `(SELECT ${HEAD.select} FROM messages WHERE endpoint_id = ? AND due_at <= ? ORDER BY due_at LIMIT ?)`;
    const parts = Array.from({ length: size }, () => (this.database.engine === 'mariadb' ? one : `SELECT * FROM ${one}`));
    const values = Array.from({ length: size }, (_, i) => rooms[i] ?? { id: '', count: 0 });
    return this.database.rows<DueMessage>(
      parts.join(' UNION ALL '),
      values.flatMap(({ id, count }) => [id, now, String(count * this.#readAhead)]),
    );
  }

  /** Removes endpoints from the queue that have had no due message for {@link IDLE_MS}. The next message makes them due again. */
  private async removeIdle(empty: readonly string[], now: number): Promise<void> {
    const idle: string[] = [];
    for (const id of empty) {
      const busyAt = this.#busyAt.get(id);
      if (busyAt === undefined) this.#busyAt.set(id, now);
      else if (now - busyAt >= IDLE_MS) idle.push(id);
    }
    for (const part of chunks(idle, READ_ENDPOINTS)) await this.database.transaction((tx) => deferIdle(tx, part, now));
    for (const id of idle) this.#busyAt.delete(id);
  }

  private readStates(endpointIds: readonly string[]): Promise<EndpointState[]> {
    const ids = padded(endpointIds);
    return this.database.rows<EndpointState>(
      `SELECT ${ENDPOINT.select}, e.deleted_at IS NOT NULL AS deleted, ${QUEUE.select}
       FROM delivery_queues q JOIN webhook_endpoints e ON e.id = q.endpoint_id WHERE q.endpoint_id IN (${placeholders(ids)})`,
      ids,
    );
  }

  /**
   * @returns the claimed messages; `lost` counts the messages that another process claimed first, `parked` those of paused or deleted
   * endpoints
   */
  private async claimSelected(
    tx: Tx,
    holder: number,
    chosen: ReadonlyMap<string, string[]>,
    endpoints: readonly EndpointState[],
    now: number,
    rotate: boolean,
  ): Promise<Pick<Claim, 'messages' | 'limited'> & { lost: number; parked: number }> {
    let parked = 0;
    const wanted: string[] = [];
    const limited: EndpointState[] = [];
    for (const endpoint of endpoints) {
      const ids = chosen.get(endpoint.id) ?? [];
      if (endpoint.paused || endpoint.deleted) {
        await this.park(tx, ids, endpoint.deleted ? 'deleted' : 'paused', now);
        parked += ids.length;
      } else if (endpoint.rps === 0) wanted.push(...ids);
      else limited.push(endpoint);
    }
    const free = await lockTheoreticalArrivals(
      tx,
      limited.map(({ id }) => id),
    );
    const rates = limited.map((endpoint) => {
      const ids = chosen.get(endpoint.id) ?? [];
      const rate = rateOf(endpoint);
      const before = free.get(endpoint.id) ?? 0;
      const through = gcra(rate, before, ids.length, now);
      wanted.push(...ids.slice(0, through.count));
      return { endpoint, rate, before };
    });
    const rows = await this.lock(tx, wanted, now);
    const got = new Map<string, number>();
    for (const { endpointId } of rows) got.set(endpointId, (got.get(endpointId) ?? 0) + 1);
    // Only claimed messages count for the rate limit. An endpoint at its limit is not due until its next permitted delivery.
    const charged = rates.map(({ endpoint, rate, before }) => {
      const { theoreticalArrival: paid } = gcra(rate, before, got.get(endpoint.id) ?? 0, now);
      const { nextAtMs } = gcra(rate, paid, 1, now);
      const until = nextAtMs === undefined ? 0 : alignWakeUp(nextAtMs, endpoint.rps);
      return { ...endpoint, theoreticalArrival: paid, limitedUntil: until, dueAt: until || now };
    });
    await storeRateLimits(tx, charged);
    const held = new Map(charged.filter(({ limitedUntil }) => limitedUntil > 0).map(({ id, limitedUntil }) => [id, limitedUntil]));
    const unlimited = endpoints.filter(({ id, rps }) => rps === 0 && got.has(id)).map(({ id }) => id);
    if (rotate && unlimited.length > 0) {
      const ids = padded(unlimited);
      await tx.run(`UPDATE delivery_queues SET due_at = ? WHERE endpoint_id IN (${placeholders(ids)})`, [now, ...ids]);
    }
    const lost = wanted.length - rows.length;
    if (rows.length === 0) return { messages: [], limited: held, lost, parked };
    const leaseUntil = now + this.leaseMs;
    const ids = padded(rows.map(({ id }) => id));
    await tx.run(`UPDATE messages SET claim = ?, due_at = ? WHERE id IN (${placeholders(ids)})`, [holder, leaseUntil, ...ids]);
    const failing = new Map(endpoints.map(({ id, failingSince }) => [id, failingSince]));
    return {
      messages: rows.map((message) => Object.assign(message, { leaseUntil, failingSince: failing.get(message.endpointId) ?? null })),
      limited: held,
      lost,
      parked,
    };
  }

  /** Locks those messages that are still due. Skips rows that another process has locked. */
  private async lock(tx: Tx, messageIds: readonly string[], now: number): Promise<Omit<ClaimedMessage, 'leaseUntil' | 'failingSince'>[]> {
    if (messageIds.length === 0) return [];
    const ids = padded(messageIds);
    return tx.rows(
      `SELECT ${CLAIMED.select}, CAST(p.payload AS ${tx.engine === 'mariadb' ? 'BINARY' : 'BLOB'}) AS body
       FROM messages m JOIN message_payloads p ON p.message_id = m.id WHERE m.id IN (${placeholders(ids)}) AND m.due_at <= ?
         ${tx.engine === 'mariadb' ? 'FOR UPDATE SKIP LOCKED' : ''}`,
      [...ids, now],
    );
  }

  /** Parks messages that a concurrent pause or deletion of their endpoint did not find. */
  private async park(tx: Tx, messageIds: readonly string[], why: 'paused' | 'deleted', now: number): Promise<void> {
    const ids = padded(messageIds);
    await tx.run(`UPDATE messages SET ${PARKED[why]} WHERE id IN (${placeholders(ids)}) AND due_at <= ?`, [
      ...parkedValues(why, now),
      ...ids,
      now,
    ]);
  }
}

const rateOf = ({ rps, burst }: EndpointState): Rate => ({ perSecond: rps, burst: Math.max(1, burst ?? rps) });

/** Rounds a wake-up time up, so that endpoints with the same rate limit wake together. @param atMs Unix time in milliseconds */
function alignWakeUp(atMs: number, perSecond: number): number {
  const stepMs = Math.floor(Math.min(WAKE_ALIGNMENT.ms, (WAKE_ALIGNMENT.ofInterval * 1000) / perSecond));
  return stepMs > 1 ? Math.ceil(atMs / stepMs) * stepMs : atMs;
}

/** Returns the stored state of each endpoint's rate limit, and locks it until the transaction ends. */
async function lockTheoreticalArrivals(tx: Tx, endpointIds: readonly string[]): Promise<Map<string, number>> {
  if (endpointIds.length === 0) return new Map();
  const ids = padded(endpointIds);
  const rows = await tx.rows<RowOf<typeof FREE>>(
    `SELECT ${FREE.select} FROM delivery_queues WHERE endpoint_id IN (${placeholders(ids)})
     ${tx.engine === 'mariadb' ? 'FOR UPDATE' : ''}`,
    ids,
  );
  return new Map(rows.map(({ id, theoreticalArrival: tat }) => [id, tat]));
}

type RateLimited = EndpointState & { theoreticalArrival: number; limitedUntil: number; dueAt: number };

/** Stores the new rate-limit states in one statement. */
async function storeRateLimits(tx: Tx, endpoints: readonly RateLimited[]): Promise<void> {
  const last = endpoints.at(-1);
  if (!last) return;
  // Padded to a power of two with copies of the last row, which write the same values again.
  const rows = Array.from({ length: 2 ** Math.ceil(Math.log2(endpoints.length)) }, (_, i) => endpoints[i] ?? last);
  const set = (value: (column: string) => string) =>
    ['due_at', 'limited_until', 'free_at'].map((column) => `${column} = ${value(column)}`).join(', ');
  await tx.run(
    `${CHARGED.insert(rows.length)}
     ${
       tx.engine === 'mariadb'
         ? `ON DUPLICATE KEY UPDATE ${set((column) => `VALUES(${column})`)}`
         : `ON CONFLICT (endpoint_id) DO UPDATE SET ${set((column) => `excluded.${column}`)}`
     }`,
    rows.flatMap((row) => CHARGED.values({ ...row, endpointId: row.id })),
  );
}
