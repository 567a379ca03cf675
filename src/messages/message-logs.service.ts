import { Injectable } from '@nestjs/common';
import { invalid } from '../common/api-error.js';
import { Clock, toMilliseconds } from '../common/clock.js';
import { pageOf, positionOf } from '../common/cursor.js';
import type { Enveloped } from '../common/envelope.js';
import type { ProjectScope } from '../common/scope.js';
import { Database } from '../database/database.js';
import { type MessageRow, SELECT_MESSAGES, whereStatus } from './message-row.js';
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

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** How far back each window goes, and how long its buckets are. */
const WINDOW_MS: Record<Window, readonly [window: number, bucket: number]> = {
  '1h': [HOUR_MS, 5 * MINUTE_MS],
  '24h': [DAY_MS, HOUR_MS],
  '7d': [7 * DAY_MS, 6 * HOUR_MS],
  '30d': [30 * DAY_MS, DAY_MS],
};

const POSITION = /^\d{1,15}\.[0-9a-f-]{36}$/;
/** RFC 3339. Without an offset it would be no instant. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i;

type Values = (string | number)[];

interface Counts {
  total: number;
  succeeded: number | string | null;
  failed: number | string | null;
  retrying: number | string | null;
  retries: number | string | null;
  latency: number | string | null;
}

/** Sums over messages; MariaDB gives sums and means as text. */
const COUNTS = `COUNT(*) AS total, SUM(CASE WHEN m.status = 'succeeded' THEN 1 ELSE 0 END) AS succeeded,
  SUM(CASE WHEN m.status = 'failed_permanent' THEN 1 ELSE 0 END) AS failed,
  SUM(CASE WHEN m.status = 'pending_retry' THEN 1 ELSE 0 END) AS retrying,
  SUM(CASE WHEN m.attempt_count > 1 THEN m.attempt_count - 1 ELSE 0 END) AS retries,
  AVG(CASE WHEN a.response_status IS NULL THEN NULL ELSE a.response_latency_ms END) AS latency
  FROM messages m LEFT JOIN message_attempts a ON a.message_id = m.id AND a.attempt_no = m.attempt_count`;

/** What became of messages: the log, the dead letters, figures (endpoints §1.8). */
@Injectable()
export class MessageLogsService {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** One page, newest first. @throws Fault 400 for a time or a cursor that is none */
  async logs(scope: ProjectScope, query: LogQuery): Promise<Enveloped<LogEntryView[]>> {
    const [from, to] = [instantOf('start_time', query.start_time), instantOf('end_time', query.end_time)];
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

  /** Messages that failed for good, newest first. Their paging stands in `data`, unlike any other list's. */
  async deadLetters(scope: ProjectScope, { limit, cursor }: DeadLetterQuery): Promise<DeadLettersView> {
    const rows = await this.page(scope, [[`m.status = 'failed_permanent'`, []]], limit, cursor);
    const { data, more } = pageOf(rows, limit, positionOfRow, toLogEntry);
    const next = more.nextCursor ?? null;
    return { messages: data, has_more: next !== null, next_cursor: next };
  }

  async metrics({ projectId }: ProjectScope, { window = '24h', endpoint_id }: MetricsQuery): Promise<MetricsView> {
    const since = this.clock.now() - WINDOW_MS[window][0];
    const [row] = await this.database.rows<Counts>(
      `SELECT ${COUNTS} WHERE m.project_id = ? AND m.created_at >= ? ${endpoint_id === undefined ? '' : 'AND m.endpoint_id = ?'}`,
      [projectId, since, ...(endpoint_id === undefined ? [] : [endpoint_id])],
    );
    const [succeeded, failed] = [Number(row?.succeeded ?? 0), Number(row?.failed ?? 0)];
    return {
      window,
      total_messages: Number(row?.total ?? 0),
      succeeded,
      failed,
      retries: Number(row?.retries ?? 0),
      success_rate: succeeded + failed === 0 ? 0 : succeeded / (succeeded + failed),
      // Whole: an official client refuses a fraction (endpoints §2.3).
      avg_latency_ms: Math.round(Number(row?.latency ?? 0)),
    };
  }

  /** As metrics, by the time at which messages were accepted; buckets without messages are there too. */
  async timeSeries({ projectId }: ProjectScope, { window = '24h', endpoint_id }: MetricsQuery): Promise<TimeSeriesView> {
    const [length, size] = WINDOW_MS[window];
    const now = this.clock.now();
    const first = now - length - ((now - length) % size) + size;
    const rows = await this.database.rows<Counts & { bucket: number | string }>(
      `SELECT m.created_at - m.created_at % ${size} AS bucket, ${COUNTS} WHERE m.project_id = ? AND m.created_at >= ?
         ${endpoint_id === undefined ? '' : 'AND m.endpoint_id = ?'} GROUP BY m.created_at - m.created_at % ${size}`,
      [projectId, first, ...(endpoint_id === undefined ? [] : [endpoint_id])],
    );
    const byStart = new Map(rows.map((row) => [Number(row.bucket), row]));
    const starts = Array.from({ length: length / size }, (_, i) => first + i * size);
    return { window, buckets: starts.map((start) => bucketOf(start, byStart.get(start))) };
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

function instantOf(parameter: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const instant = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(instant)) throw invalid(parameter, { where: 'query', rule: `${parameter} must be an RFC 3339 time` });
  return instant;
}

const bucketOf = (start: number, row: Counts | undefined): BucketView => ({
  timestamp: toMilliseconds(start),
  succeeded: Number(row?.succeeded ?? 0),
  failed: Number(row?.failed ?? 0),
  retrying: Number(row?.retrying ?? 0),
  total: Number(row?.total ?? 0),
  avg_latency_ms: Math.round(Number(row?.latency ?? 0)),
});
