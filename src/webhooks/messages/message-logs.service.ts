import { setImmediate } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { invalid } from '../../platform/common/api-error.js';
import { Clock, DAY_MS, HOUR_MS, MINUTE_MS, toMilliseconds } from '../../platform/common/clock.js';
import { pageOf, positionOf } from '../../platform/common/cursor.js';
import type { Enveloped } from '../../platform/common/envelope.js';
import type { ProjectScope } from '../../platform/common/scope.js';
import { Database } from '../../platform/database/database.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { type MessageRow, SELECT_MESSAGES, whereStatus } from '../delivery/message-row.js';
import { Message } from '../delivery/message.entity.js';
import {
  type BucketView,
  type DeadLetterQuery,
  type DeadLettersView,
  type LogEntryView,
  type LogQuery,
  type MetricsQuery,
  type MetricsView,
  type TimeSeriesView,
  toLogEntry,
  type Window,
} from './messages.dto.js';

/** Length of each window and of its buckets, in milliseconds. */
export const WINDOW_MS: Record<Window, readonly [window: number, bucket: number]> = {
  '1h': [HOUR_MS, 5 * MINUTE_MS],
  '24h': [DAY_MS, HOUR_MS],
  '7d': [7 * DAY_MS, 6 * HOUR_MS],
  '30d': [30 * DAY_MS, DAY_MS],
};

const POSITION = /^\d{1,15}\.[0-9a-f-]{36}$/;
/** RFC 3339. The offset is required. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i;

const POSITION_OF = columnsOf(Message, 'm').pick('createdAt', 'id');

type Values = (string | number)[];

/** Sums over the messages of one bucket. */
interface Counts {
  total: number;
  succeeded: number;
  failed: number;
  retrying: number;
  retries: number;
  /** Number of messages whose last attempt got a response, and the sum of its latencies in milliseconds. */
  answered: number;
  latency: number;
}

const ZERO: Counts = { total: 0, succeeded: 0, failed: 0, retrying: 0, retries: 0, answered: 0, latency: 0 };
const SUMS = Object.keys(ZERO) as (keyof Counts)[];
/** The row as the driver returns it. MariaDB returns sums as text. */
type CountsRow = Record<keyof Counts | 'bucket', number | string>;

const COUNTS = `COUNT(*) AS total, SUM(CASE WHEN m.status = 'succeeded' THEN 1 ELSE 0 END) AS succeeded,
  SUM(CASE WHEN m.status = 'failed_permanent' THEN 1 ELSE 0 END) AS failed,
  SUM(CASE WHEN m.status = 'pending_retry' THEN 1 ELSE 0 END) AS retrying,
  SUM(CASE WHEN m.attempt_count > 1 THEN m.attempt_count - 1 ELSE 0 END) AS retries,
  SUM(CASE WHEN a.response_status IS NULL THEN 0 ELSE 1 END) AS answered,
  SUM(CASE WHEN a.response_status IS NULL THEN 0 ELSE a.response_latency_ms END) AS latency
  FROM messages m LEFT JOIN message_attempts a ON a.message_id = m.id AND a.attempt_no = m.attempt_count`;

/** Number of messages that one statement counts. It is small on SQLite, which blocks the process while it counts. */
const COUNT_BATCH = { sqlite: 1000, mariadb: 50_000 };

/** Message log, dead letters and metrics (docs/contracts/endpoints.md §1.8). */
@Injectable()
export class MessageLogsService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** Returns one page, newest first. @throws ApiFault 400 for an invalid time or cursor */
  async logs(scope: ProjectScope, query: LogQuery): Promise<Enveloped<LogEntryView[]>> {
    const [from, to] = [maybeInstant('start_time', query.start_time), maybeInstant('end_time', query.end_time)];
    const status = query.status && whereStatus(query.status, this.clock.now());
    const conditions: [sql: string, values: Values][] = [
      ...(status ? ([[status.sql, status.values]] as [string, Values][]) : []),
      ...(query.endpoint_id === undefined ? [] : ([['m.endpoint_id = ?', [query.endpoint_id]]] as [string, Values][])),
      ...(from === undefined ? [] : ([['m.created_at >= ?', [from]]] as [string, Values][])),
      ...(to === undefined ? [] : ([['m.created_at < ?', [to]]] as [string, Values][])),
    ];
    const rows = await this.page(scope, conditions, query.limit, query.cursor);
    return pageOf(rows, query.limit, positionOfRow, toLogEntry);
  }

  /**
   * Returns the messages that failed for good, newest first. Unlike in other lists, the contract has the fields for paging inside `data`.
   */
  async deadLetters(scope: ProjectScope, { limit, cursor }: DeadLetterQuery): Promise<DeadLettersView> {
    const rows = await this.page(scope, [[`m.status = 'failed_permanent'`, []]], limit, cursor);
    const { data, more } = pageOf(rows, limit, positionOfRow, toLogEntry);
    const next = more.nextCursor ?? null;
    return { messages: data, has_more: next !== null, next_cursor: next };
  }

  async metrics(scope: ProjectScope, { window = '24h', endpoint_id }: MetricsQuery): Promise<MetricsView> {
    const [length] = WINDOW_MS[window];
    const since = this.clock.now() - length;
    const [counts = ZERO] = (await this.count(scope, since, Number.MAX_SAFE_INTEGER, endpoint_id)).values();
    const { succeeded, failed } = counts;
    return {
      window,
      total_messages: counts.total,
      succeeded,
      failed,
      retries: counts.retries,
      success_rate: succeeded + failed === 0 ? 0 : succeeded / (succeeded + failed),
      avg_latency_ms: meanOf(counts),
    };
  }

  /** Returns the metrics by time of acceptance, including empty buckets. */
  async timeSeries(scope: ProjectScope, { window = '24h', endpoint_id }: MetricsQuery): Promise<TimeSeriesView> {
    const [length, size] = WINDOW_MS[window];
    const now = this.clock.now();
    const first = now - length - ((now - length) % size) + size;
    const byStart = await this.count(scope, first, size, endpoint_id);
    const starts = Array.from({ length: length / size }, (_, i) => first + i * size);
    return { window, buckets: starts.map((start) => bucketOf(start, byStart.get(start) ?? ZERO)) };
  }

  /**
   * Counts messages per bucket in several statements, so that a long window does not block the process.
   * @param since Unix time in milliseconds
   * @param size the length of a bucket in milliseconds
   * @returns the counts of each bucket, by the start of the bucket
   */
  private async count({ projectId }: ProjectScope, since: number, size: number, endpointId?: string): Promise<Map<number, Counts>> {
    const counted = new Map<number, Counts>();
    const together = COUNT_BATCH[this.database.engine];
    const after = '(m.created_at > ? OR (m.created_at = ? AND m.id > ?))';
    let from: RowOf<typeof POSITION_OF> | undefined = { createdAt: since - 1, id: '' };
    while (from) {
      const { createdAt }: { createdAt: number } = from;
      const position: Values = [createdAt, createdAt, from.id];
      const [last]: RowOf<typeof POSITION_OF>[] = await this.database.rows(
        `SELECT ${POSITION_OF.select} FROM messages m WHERE m.project_id = ? AND m.created_at >= ? AND ${after}
         ORDER BY m.created_at, m.id LIMIT 1 OFFSET ${together - 1}`,
        [projectId, createdAt, ...position],
      );
      const rows = await this.database.rows<CountsRow>(
        `SELECT m.created_at - m.created_at % ${size} AS bucket, ${COUNTS} WHERE m.project_id = ? AND m.created_at >= ? AND ${after}
           ${last ? 'AND m.created_at <= ? AND NOT (m.created_at = ? AND m.id > ?)' : ''} ${endpointId === undefined ? '' : 'AND m.endpoint_id = ?'}
         GROUP BY m.created_at - m.created_at % ${size}`,
        [
          projectId,
          createdAt,
          ...position,
          ...(last ? [last.createdAt, last.createdAt, last.id] : []),
          ...(endpointId === undefined ? [] : [endpointId]),
        ],
      );
      for (const row of rows) {
        const sums = { ...(counted.get(Number(row.bucket)) ?? ZERO) };
        for (const name of SUMS) sums[name] += Number(row[name]);
        counted.set(Number(row.bucket), sums);
      }
      from = last;
      await setImmediate();
    }
    return counted;
  }

  private page(scope: ProjectScope, conditions: readonly [string, Values][], limit: number, cursor?: string): Promise<MessageRow[]> {
    const [createdAt, id] = cursor === undefined ? [] : positionOf(cursor, POSITION).split('.', 2);
    const all: readonly [string, Values][] =
      createdAt === undefined || id === undefined
        ? conditions
        : [...conditions, ['(m.created_at < ? OR (m.created_at = ? AND m.id < ?))', [Number(createdAt), Number(createdAt), id]]];
    return this.database.rows<MessageRow>(
      `${SELECT_MESSAGES} AND m.project_id = ? ${all.map(([sql]) => `AND ${sql}`).join(' ')} ORDER BY m.created_at DESC, m.id DESC LIMIT ?`,
      [this.clock.now(), scope.projectId, ...all.flatMap(([, values]) => values), String(limit + 1)],
    );
  }
}

const positionOfRow = ({ createdAt, id }: MessageRow) => `${createdAt}.${id}`;

const maybeInstant = (parameter: string, text: string | undefined) =>
  text === undefined ? undefined : instantOf(parameter, text, 'query');

/** Parses an RFC 3339 time. @returns Unix time in milliseconds @throws ApiFault 400 for an invalid time */
export function instantOf(parameter: string, text: string, where: 'query' | 'body'): number {
  const instant = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(instant)) throw invalid(parameter, { where, rule: `${parameter} must be an RFC 3339 time` });
  return instant;
}

/** Rounded to an integer, because an official client rejects fractions (docs/contracts/endpoints.md §2.3). */
const meanOf = ({ latency, answered }: Counts): number => (answered === 0 ? 0 : Math.round(latency / answered));

const bucketOf = (start: number, counts: Counts): BucketView => ({
  timestamp: toMilliseconds(start),
  succeeded: counts.succeeded,
  failed: counts.failed,
  retrying: counts.retrying,
  total: counts.total,
  avg_latency_ms: meanOf(counts),
});
