import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { Config } from '../config/config.js';
import { Database, type Tx } from '../database/database.js';
import { placeholders, rowsInOne } from '../database/tx.js';
import { ATTEMPT_COLUMNS, type AttemptRow, attemptValues } from './attempt-row.js';
import { letThrough } from './rate-limit.js';
import type { Verdict } from './schedule.js';

/** A message that this process may attempt to deliver until {@link leaseUntil}. */
export interface Claimed {
  id: string;
  projectId: string;
  endpointId: string;
  payload: string;
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
  /** Not attempted: its endpoint was paused or deleted meanwhile, or this process stops. */
  | { message: Claimed; back: 'paused' | 'deleted' | 'due' };

/** A message that is due, and what its endpoint says of it. */
interface Due {
  id: string;
  endpointId: string;
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

/** More than are asked for, since some are another process's by the time they are claimed, or their endpoint's share is used up. */
const LOOK_AHEAD = 2;
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

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    config: Config,
  ) {
    this.leaseMs = 2 * config.webhooks.timeoutMs + 5000;
  }

  /**
   * Claims up to `count` messages, at most `room(endpoint)` of each endpoint.
   * @param holder this process
   * @param excluded endpoints that take none at the moment
   * @param held ids that this process has claimed already
   */
  async claim(
    holder: string,
    count: number,
    excluded: readonly string[],
    held: { has(id: string): boolean },
    room: (endpointId: string) => number,
  ): Promise<Claim> {
    const now = this.clock.now();
    const due = await this.due(now, excluded.slice(0, EXCLUDED_MAX), count * LOOK_AHEAD);
    const chosen = new Map<string, Due[]>();
    let total = 0;
    for (const message of due) {
      if (total === count) break;
      if (held.has(message.id)) continue;
      const ofEndpoint = chosen.get(message.endpointId) ?? [];
      if (ofEndpoint.length >= room(message.endpointId)) continue;
      chosen.set(message.endpointId, [...ofEndpoint, message]);
      total++;
    }
    const more = due.length === count * LOOK_AHEAD;
    if (total === 0) return { messages: [], limited: new Map(), more: false };
    return { ...(await this.database.transaction((tx) => this.take(tx, holder, chosen, now))), more };
  }

  /** Reads without a lock: which of them are still to be had is decided when they are taken. */
  private due(now: number, excluded: readonly string[], limit: number): Promise<Due[]> {
    const others = excluded.length > 0 ? `AND endpoint_id NOT IN (${placeholders(padded(excluded))})` : '';
    return this.database.rows<Due>(
      `SELECT m.id, m.endpoint_id AS endpointId, e.rate_limit_rps AS rps, e.burst, e.paused, e.deleted_at IS NOT NULL AS deleted
       FROM (SELECT id, endpoint_id, due_at FROM messages WHERE due_at <= ? ${others} ORDER BY due_at LIMIT ?) m
       JOIN webhook_endpoints e ON e.id = m.endpoint_id ORDER BY m.due_at`,
      [now, ...padded(excluded), String(limit)],
    );
  }

  private async take(tx: Tx, holder: string, chosen: Map<string, Due[]>, now: number): Promise<Omit<Claim, 'more'>> {
    const wanted: string[] = [];
    const limited = new Map<string, number>();
    for (const [endpointId, messages] of chosen) {
      const [{ paused, deleted, rps, burst }] = messages as [Due];
      if (paused || deleted) await this.putAside(tx, messages, deleted ? 'deleted' : 'paused', now);
      else if (rps === 0) wanted.push(...messages.map(({ id }) => id));
      else {
        const rate = { perSecond: rps, burst: Math.max(1, burst ?? rps) };
        const free = await freeAt(tx, endpointId);
        const through = letThrough(rate, free, messages.length, now);
        if (through.count > 0) {
          // Only those that are claimed are paid for.
          const got = await this.lock(
            tx,
            messages.slice(0, through.count).map(({ id }) => id),
            now,
          );
          const paid = letThrough(rate, free, got.length, now);
          await tx.run('UPDATE delivery_rates SET free_at = ? WHERE endpoint_id = ?', [paid.freeAt, endpointId]);
          wanted.push(...got.map(({ id }) => id));
        }
        if (through.nextAtMs !== undefined) limited.set(endpointId, through.nextAtMs);
      }
    }
    const rows = await this.lock(tx, wanted, now);
    let bytes = 0;
    const fitting = rows.filter(({ sizeBytes }, i) => i === 0 || (bytes += sizeBytes) <= CLAIM_MAX_BYTES);
    if (fitting.length === 0) return { messages: [], limited };
    const leaseUntil = now + this.leaseMs;
    const ids = padded(fitting.map(({ id }) => id));
    await tx.run(`UPDATE messages SET claim = ?, due_at = ? WHERE id IN (${placeholders(ids)})`, [holder, leaseUntil, ...ids]);
    // The cast keeps the driver from parsing JSON.
    const messages = await tx.rows<Omit<Claimed, 'leaseUntil'>>(
      `SELECT id, project_id AS projectId, endpoint_id AS endpointId, CAST(payload AS CHAR) AS payload, headers, size_bytes AS sizeBytes,
         retention_hours AS retentionHours, attempt_count AS attemptCount, attempts_before AS attemptsBefore
       FROM messages WHERE id IN (${placeholders(ids)})`,
      ids,
    );
    return { messages: messages.map((message) => Object.assign(message, { leaseUntil })), limited };
  }

  /** Those of the messages that are still due, locked; another process's are passed over. */
  private async lock(tx: Tx, ids: readonly string[], now: number): Promise<{ id: string; sizeBytes: number }[]> {
    if (ids.length === 0) return [];
    const all = padded(ids);
    return tx.rows(
      `SELECT id, size_bytes AS sizeBytes FROM messages WHERE id IN (${placeholders(all)}) AND due_at <= ?
         ${tx.engine === 'mariadb' ? 'FOR UPDATE SKIP LOCKED' : ''}`,
      [...all, now],
    );
  }

  /** Messages of an endpoint that was paused or deleted by somebody who did not see them. */
  private async putAside(tx: Tx, messages: readonly Due[], why: 'paused' | 'deleted', now: number): Promise<void> {
    const ids = padded(messages.map(({ id }) => id));
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
  async record(holder: string, results: readonly Result[]): Promise<number> {
    if (results.length === 0) return 0;
    return this.database.transaction(async (tx) => {
      const ids = padded(results.map(({ message }) => message.id));
      const ours = await tx.rows<{ id: string }>(
        `SELECT id FROM messages WHERE id IN (${placeholders(ids)}) AND claim = ? ${tx.engine === 'mariadb' ? 'FOR UPDATE' : ''}`,
        [...ids, holder],
      );
      const mine = new Set(ours.map(({ id }) => id));
      const written = results.filter(({ message }) => mine.has(message.id));
      const now = this.clock.now();
      const attempted = written.filter((result) => 'attempt' in result);
      await insertAttempts(tx, attempted);
      await succeeded(tx, attempted, now);
      for (const { message, verdict, attempt } of attempted) {
        if (verdict.status === 'succeeded') continue;
        const [dueAt, failedAt] = verdict.status === 'pending_retry' ? [now + verdict.delayMs, null] : [null, now];
        await tx.run(
          `UPDATE messages SET status = ?, claim = NULL, due_at = ?, failed_at = ?, last_error = ?, attempt_count = attempt_count + 1,
             updated_at = ? WHERE id = ?`,
          [verdict.status, dueAt, failedAt, attempt.errorText, now, message.id],
        );
      }
      for (const result of written) {
        if ('attempt' in result) continue;
        const { message, back } = result;
        const set = back === 'due' ? 'claim = NULL, due_at = ?' : ASIDE[back];
        await tx.run(`UPDATE messages SET ${set} WHERE id = ?`, [...(back === 'due' ? [now] : asideValues(back, now)), message.id]);
      }
      return written.length;
    });
  }
}

/** What stands in a message whose endpoint takes none. */
export const ASIDE = {
  paused: `status = 'paused', claim = NULL, due_at = NULL, updated_at = ?`,
  deleted: `status = 'failed_permanent', claim = NULL, due_at = NULL, last_error = 'the endpoint was deleted', failed_at = ?, updated_at = ?`,
} as const;

/** The values that {@link ASIDE} leaves open. */
export const asideValues = (why: keyof typeof ASIDE, now: number): number[] => (why === 'deleted' ? [now, now] : [now]);

async function succeeded(tx: Tx, attempted: readonly (Result & { verdict: Verdict })[], now: number): Promise<void> {
  for (const gone of [false, true]) {
    const ids = attempted
      .filter(({ verdict, message }) => verdict.status === 'succeeded' && (message.retentionHours === 0) === gone)
      .map(({ message }) => message.id);
    if (ids.length === 0) continue;
    const all = padded(ids);
    await tx.run(
      `UPDATE messages SET status = 'succeeded', claim = NULL, due_at = NULL, last_error = NULL, attempt_count = attempt_count + 1,
         delivered_at = ?, updated_at = ? ${gone ? ', payload = NULL, headers = NULL, expires_at = NULL' : ''} WHERE id IN (${placeholders(all)})`,
      [now, now, ...all],
    );
  }
}

async function insertAttempts(tx: Tx, attempted: readonly { attempt: AttemptRow }[]): Promise<void> {
  const row = `(${ATTEMPT_COLUMNS.map(() => '?').join(', ')})`;
  for (let rest = attempted; rest.length > 0; ) {
    const part = rest.slice(0, rowsInOne(rest.length));
    await tx.run(
      `INSERT INTO message_attempts (${ATTEMPT_COLUMNS.join(', ')}) VALUES ${part.map(() => row).join(', ')}`,
      part.flatMap(({ attempt }) => attemptValues(attempt)),
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

/** The list with its last value repeated up to a power of two: few statements to prepare, whatever the number. */
export function padded(values: readonly string[]): string[] {
  const last = values.at(-1);
  if (last === undefined) return [];
  const length = 2 ** Math.ceil(Math.log2(values.length));
  return [...values, ...Array.from({ length: length - values.length }, () => last)];
}
