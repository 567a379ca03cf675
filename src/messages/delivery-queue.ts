import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { Config } from '../config/config.js';
import { Database, type Tx } from '../database/database.js';
import { padded, placeholders, rowsInOne } from '../database/tx.js';
import { type AttemptRow, attemptValues, columnsOf } from './attempt-row.js';
import { dropPayloads } from './intake.js';
import { letThrough } from './rate-limit.js';
import type { Verdict } from './schedule.js';

/** A message that this process may attempt to deliver until {@link leaseUntil}. */
export interface Claimed {
  id: string;
  projectId: string;
  endpointId: string;
  /** The bytes that are sent and signed. */
  body: Buffer;
  /** Sealed. */
  headers: string | null;
  sizeBytes: number;
  retentionHours: number;
  attemptCount: number;
  attemptsBefore: number;
  leaseUntil: number;
}

/** What an attempt came to; without one, the message goes back as it was. */
export type Result =
  | { message: Claimed; verdict: Verdict; attempt: AttemptRow }
  /** Not attempted: its endpoint was paused or deleted meanwhile, or this process stops or had no room in time. */
  | { message: Claimed; back: 'paused' | 'deleted' | 'due' };

/** A message that is due. */
interface Due {
  id: string;
  endpointId: string;
  sizeBytes: number;
}

/** What an endpoint says of the messages that are due to it. */
interface DueEndpoint {
  id: string;
  rps: number;
  burst: number | null;
  paused: number;
  deleted: number;
}

/** What a claim brought, and which endpoints must wait until when (milliseconds since the epoch) because of their rate limit. */
export interface Claim {
  messages: Claimed[];
  limited: Map<string, number>;
  /** There was more than this process asked for. */
  more: boolean;
}

/** How much further to look where another process has just taken most of what was looked at. */
const LOOK_AHEAD = 4;
/** Of payloads in one claim; the first comes in any case. */
const CLAIM_MAX_BYTES = 16 * 1024 * 1024;
/** A statement with more is not worth it: what is left out here is left out again before a claim. */
const EXCLUDED_MAX = 64;

/**
 * The messages that are due, shared by all processes on the database. A claim moves `due_at` to the end of a lease: whoever dies
 * with a claim delays its messages by that much, and nothing else (docs/adr/0017).
 */
@Injectable()
export class DeliveryQueue {
  /** Twice an attempt: one may wait for another before it. */
  readonly leaseMs: number;
  #lookAhead = 1;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    config: Config,
  ) {
    this.leaseMs = 2 * config.webhooks.timeoutMs + 5000;
  }

  /**
   * Claims up to `count` messages, at most `room(endpoint)` of each endpoint.
   * @param holder this process; not 0
   * @param excluded endpoints that take none at the moment
   * @param held ids that this process has claimed already
   */
  async claim(
    holder: number,
    count: number,
    excluded: readonly string[],
    held: { has(id: string): boolean },
    room: (endpointId: string) => number,
  ): Promise<Claim> {
    const now = this.clock.now();
    const limit = count * this.#lookAhead;
    const due = await this.due(now, excluded.slice(0, EXCLUDED_MAX), limit);
    const chosen = new Map<string, string[]>();
    let total = 0;
    let bytes = 0;
    for (const { id, endpointId, sizeBytes } of due) {
      if (total === count) break;
      if (held.has(id)) continue;
      const ofEndpoint = chosen.get(endpointId) ?? [];
      if (ofEndpoint.length >= room(endpointId)) continue;
      if (total > 0 && bytes + sizeBytes > CLAIM_MAX_BYTES) break;
      ofEndpoint.push(id);
      chosen.set(endpointId, ofEndpoint);
      total++;
      bytes += sizeBytes;
    }
    if (total === 0) return { messages: [], limited: new Map(), more: false };
    const endpoints = await this.endpoints([...chosen.keys()]);
    const claim = await this.database.transaction((tx) => this.take(tx, holder, chosen, endpoints, now));
    this.#lookAhead = claim.lost > total / 2 ? LOOK_AHEAD : 1;
    return { messages: claim.messages, limited: claim.limited, more: due.length === limit };
  }

  /** Reads without a lock, and from the index alone: which of them are still to be had is decided when they are taken. */
  private due(now: number, excluded: readonly string[], limit: number): Promise<Due[]> {
    const without = padded(excluded);
    const others = without.length > 0 ? `AND endpoint_id NOT IN (${placeholders(without)})` : '';
    return this.database.rows<Due>(
      `SELECT id, endpoint_id AS endpointId, size_bytes AS sizeBytes FROM messages WHERE due_at <= ? ${others} ORDER BY due_at LIMIT ?`,
      [now, ...without, String(limit)],
    );
  }

  private endpoints(endpointIds: readonly string[]): Promise<DueEndpoint[]> {
    const ids = padded(endpointIds);
    return this.database.rows<DueEndpoint>(
      `SELECT id, rate_limit_rps AS rps, burst, paused, deleted_at IS NOT NULL AS deleted FROM webhook_endpoints WHERE id IN (${placeholders(ids)})`,
      ids,
    );
  }

  /** @returns what was claimed, and how many of the chosen another process was first with */
  private async take(
    tx: Tx,
    holder: number,
    chosen: ReadonlyMap<string, string[]>,
    endpoints: readonly DueEndpoint[],
    now: number,
  ): Promise<Omit<Claim, 'more'> & { lost: number }> {
    const limited = new Map<string, number>();
    const unlimited: string[] = [];
    const rows: Omit<Claimed, 'leaseUntil'>[] = [];
    let wanted = 0;
    for (const { id: endpointId, paused, deleted, rps, burst } of endpoints) {
      const ids = chosen.get(endpointId) ?? [];
      if (paused || deleted) await this.putAside(tx, ids, deleted ? 'deleted' : 'paused', now);
      else if (rps === 0) unlimited.push(...ids);
      else {
        const rate = { perSecond: rps, burst: Math.max(1, burst ?? rps) };
        const free = await freeAt(tx, endpointId);
        const through = letThrough(rate, free, ids.length, now);
        if (through.count > 0) {
          // Only those that are claimed are paid for.
          const got = await this.lock(tx, ids.slice(0, through.count), now);
          const paid = letThrough(rate, free, got.length, now);
          await tx.run('UPDATE delivery_rates SET free_at = ? WHERE endpoint_id = ?', [paid.freeAt, endpointId]);
          rows.push(...got);
          wanted += through.count;
        }
        if (through.nextAtMs !== undefined) limited.set(endpointId, through.nextAtMs);
      }
    }
    rows.push(...(await this.lock(tx, unlimited, now)));
    const lost = wanted + unlimited.length - rows.length;
    if (rows.length === 0) return { messages: [], limited, lost };
    const leaseUntil = now + this.leaseMs;
    const ids = padded(rows.map(({ id }) => id));
    await tx.run(`UPDATE messages SET claim = ?, due_at = ? WHERE id IN (${placeholders(ids)})`, [holder, leaseUntil, ...ids]);
    return { messages: rows.map((message) => Object.assign(message, { leaseUntil })), limited, lost };
  }

  /** Those of the messages that are still due, locked; another process's are passed over. */
  private async lock(tx: Tx, messageIds: readonly string[], now: number): Promise<Omit<Claimed, 'leaseUntil'>[]> {
    if (messageIds.length === 0) return [];
    const ids = padded(messageIds);
    return tx.rows(
      `SELECT m.id, m.project_id AS projectId, m.endpoint_id AS endpointId, CAST(p.payload AS ${tx.engine === 'mariadb' ? 'BINARY' : 'BLOB'}) AS body,
         m.headers, m.size_bytes AS sizeBytes, m.retention_hours AS retentionHours, m.attempt_count AS attemptCount,
         m.attempts_before AS attemptsBefore
       FROM messages m JOIN message_payloads p ON p.message_id = m.id WHERE m.id IN (${placeholders(ids)}) AND m.due_at <= ?
         ${tx.engine === 'mariadb' ? 'FOR UPDATE SKIP LOCKED' : ''}`,
      [...ids, now],
    );
  }

  /** Messages of an endpoint that was paused or deleted by somebody who did not see them. */
  private async putAside(tx: Tx, messageIds: readonly string[], why: 'paused' | 'deleted', now: number): Promise<void> {
    const ids = padded(messageIds);
    await tx.run(`UPDATE messages SET ${ASIDE[why]} WHERE id IN (${placeholders(ids)}) AND due_at <= ?`, [
      ...asideValues(why, now),
      ...ids,
      now,
    ]);
  }

  /**
   * Writes down what attempts came to. A message whose claim somebody else has meanwhile, after the lease ran out, is theirs.
   * @returns how many were written
   */
  async record(holder: number, results: readonly Result[]): Promise<number> {
    if (results.length === 0) return 0;
    const delivered = results.filter(isDelivered);
    if (delivered.length === results.length) {
      try {
        return await this.database.transaction((tx) => this.recordDelivered(tx, holder, delivered));
      } catch (error) {
        if (!(error instanceof NotAllOurs)) throw error;
      }
    }
    return this.database.transaction((tx) => this.recordOurs(tx, holder, results));
  }

  /** What nearly every batch is: all delivered, all still this process's, as the number of rows that change says. @throws NotAllOurs */
  private async recordDelivered(tx: Tx, holder: number, results: readonly Attempted[]): Promise<number> {
    if ((await succeeded(tx, holder, results, this.clock.now())) < results.length) throw new NotAllOurs();
    await insertAttempts(tx, results);
    return results.length;
  }

  private async recordOurs(tx: Tx, holder: number, results: readonly Result[]): Promise<number> {
    const ids = padded(results.map(({ message }) => message.id));
    const ours = await tx.rows<{ id: string }>(
      `SELECT id FROM messages WHERE id IN (${placeholders(ids)}) AND claim = ? ${tx.engine === 'mariadb' ? 'FOR UPDATE' : ''}`,
      [...ids, holder],
    );
    const mine = new Set(ours.map(({ id }) => id));
    const written = results.filter(({ message }) => mine.has(message.id));
    const now = this.clock.now();
    await insertAttempts(
      tx,
      written.filter((result) => 'attempt' in result),
    );
    await succeeded(tx, holder, written.filter(isDelivered), now);
    for (const result of written) {
      const { id } = result.message;
      if ('attempt' in result) {
        const { verdict, attempt } = result;
        if (verdict.status === 'succeeded') continue;
        const [dueAt, failedAt] = verdict.status === 'pending_retry' ? [now + verdict.delayMs, null] : [null, now];
        await tx.run(
          `UPDATE messages SET status = ?, claim = 0, due_at = ?, failed_at = ?, last_error = ?, attempt_count = attempt_count + 1,
             updated_at = ? WHERE id = ?`,
          [verdict.status, dueAt, failedAt, attempt.errorText, now, id],
        );
      } else {
        const set = result.back === 'due' ? 'claim = 0, due_at = ?' : ASIDE[result.back];
        await tx.run(`UPDATE messages SET ${set} WHERE id = ?`, [...(result.back === 'due' ? [now] : asideValues(result.back, now)), id]);
      }
    }
    return written.length;
  }
}

type Attempted = Extract<Result, { attempt: AttemptRow }>;

const isDelivered = (result: Result): result is Attempted => 'attempt' in result && result.verdict.status === 'succeeded';

/** Another process has one of the messages meanwhile. */
class NotAllOurs extends Error {}

/** What stands in a message whose endpoint takes none. */
export const ASIDE = {
  paused: `status = 'paused', claim = 0, due_at = NULL, updated_at = ?`,
  deleted: `status = 'failed_permanent', claim = 0, due_at = NULL, last_error = 'the endpoint was deleted', failed_at = ?, updated_at = ?`,
} as const;

/** The values that {@link ASIDE} leaves open. */
export const asideValues = (why: keyof typeof ASIDE, now: number): number[] => (why === 'deleted' ? [now, now] : [now]);

/** @returns how many of them are this process's still */
async function succeeded(tx: Tx, holder: number, delivered: readonly Attempted[], now: number): Promise<number> {
  let affected = 0;
  for (const gone of [false, true]) {
    const ids = delivered.filter(({ message }) => (message.retentionHours === 0) === gone).map(({ message }) => message.id);
    if (ids.length === 0) continue;
    const all = padded(ids);
    const done = await tx.run(
      `UPDATE messages SET status = 'succeeded', claim = 0, due_at = NULL, last_error = NULL, attempt_count = attempt_count + 1,
         delivered_at = ?, updated_at = ? ${gone ? ', headers = NULL, expires_at = NULL' : ''}
       WHERE id IN (${placeholders(all)}) AND claim = ?`,
      [now, now, ...all, holder],
    );
    affected += done.affected;
    if (gone) await dropPayloads(tx, ids);
  }
  return affected;
}

async function insertAttempts(tx: Tx, attempted: readonly { attempt: AttemptRow }[]): Promise<void> {
  for (let rest = attempted; rest.length > 0; ) {
    const part = rest.slice(0, rowsInOne(rest.length)).map(({ attempt }) => attempt);
    const columns = columnsOf(part);
    const row = `(${placeholders(columns)})`;
    await tx.run(
      `INSERT INTO message_attempts (${columns.join(', ')}) VALUES ${part.map(() => row).join(', ')}`,
      part.flatMap((attempt) => attemptValues(attempt, columns)),
    );
    rest = rest.slice(part.length);
  }
}

/** What an endpoint's limit has let through; locked until the transaction ends. */
async function freeAt(tx: Tx, endpointId: string): Promise<number> {
  const sql = `SELECT free_at AS freeAt FROM delivery_rates WHERE endpoint_id = ? ${tx.engine === 'mariadb' ? 'FOR UPDATE' : ''}`;
  const look = () => tx.rows<{ freeAt: number }>(sql, [endpointId]);
  const [row] = await look();
  if (row) return row.freeAt;
  await tx.run(`INSERT ${tx.engine === 'mariadb' ? 'IGNORE' : 'OR IGNORE'} INTO delivery_rates (endpoint_id, free_at) VALUES (?, 0)`, [
    endpointId,
  ]);
  // Another process may have been first with the row, and let something through before this one had it.
  return (await look())[0]?.freeAt ?? 0;
}
