import { Injectable } from '@nestjs/common';
import { invalid } from '../common/api-error.js';
import { CpuShare } from '../common/cpu-share.js';
import { Database } from '../database/database.js';
import { columnsOf } from '../database/columns.js';
import { type AuditPageView, type AuditQuery, toView } from './audit.dto.js';
import { AuditEvent } from './audit-event.entity.js';
import { SELECT_EVENTS } from './chain.js';
import { DENIED } from './service-chains.js';

const CURSOR = columnsOf(AuditEvent).pick('createdAt', 'scopeId', 'seq');

/** Which events to read. */
export interface EventFilter {
  projectId?: string;
  /** Id of the chain: a gateway's id, a project's id, or the name of one of the service's own chains. */
  scopeId?: string;
  /** Unix time in milliseconds, inclusive. */
  since?: number;
  /** Unix time in milliseconds, exclusive. */
  until?: number;
}

/** A position in the trail of a project: the time of an event, its chain, and its number in the chain. */
export interface Cursor {
  createdAt: number;
  scopeId: string;
  seq: number;
}

/** Rows per step of an export. One step blocks the event loop for a few milliseconds. */
const BATCH = 200;
/** The share of the process's CPU time that all exports together may use. */
const EXPORTS_PART = 0.4;

@Injectable()
export class AuditEventsService {
  readonly #exports = new CpuShare(EXPORTS_PART);

  constructor(private readonly database: Database) {}

  /** Returns a project's events, newest first. @throws ApiFault 400 for a cursor that this service did not issue */
  async list(projectId: string, query: AuditQuery): Promise<AuditPageView> {
    const conditions = new Conditions();
    conditions.add('project_id = ?', projectId);
    if (query.instance_id !== undefined) conditions.add('scope_id = ?', query.instance_id);
    if (query.resource_id !== undefined) conditions.add('resource_id = ?', query.resource_id);
    if (query.action !== undefined) conditions.add('action = ?', query.action);
    if (query.outcome !== undefined) conditions.add(`scope_id ${query.outcome === 'denied' ? '=' : '<>'} ?`, DENIED);
    if (query.cursor !== undefined) conditions.after(decodeCursor(query.cursor), '<');
    const rows = await this.database.rows<AuditEvent>(
      `${SELECT_EVENTS} ${conditions.sql} ORDER BY created_at DESC, scope_id DESC, seq DESC LIMIT ?`,
      [...conditions.values, String(query.limit + 1)],
    );
    const events = rows.slice(0, query.limit);
    const last = events.at(-1);
    return { events: events.map(toView), next_cursor: rows.length > query.limit && last ? encodeCursor(last) : null };
  }

  /**
   * Returns the events of a domain's chain. The query requires a domain that is stored here, because another issuer's domain name could
   * equal a project's id.
   */
  async listOfDomain(domainId: string, query: AuditQuery): Promise<AuditPageView> {
    const known = await this.database.rows('SELECT 1 AS one FROM domains WHERE id = ?', [domainId]);
    return known.length > 0 ? this.list(domainId, query) : { events: [], next_cursor: null };
  }

  /**
   * Yields events, oldest first, with one batch in memory at a time: by time within a project, otherwise chain by chain.
   * @param after the last event that the reader already has
   */
  async *stream(filter: EventFilter, after?: Cursor, limit = Number.POSITIVE_INFINITY): AsyncGenerator<AuditEvent> {
    let last = after;
    for (let left = limit; left > 0; ) {
      const rows = await this.page(SELECT_EVENTS, filter, last, Math.min(left, BATCH));
      yield* rows;
      last = rows.at(-1);
      if (rows.length < Math.min(left, BATCH)) return;
      left -= rows.length;
    }
  }

  /** As {@link stream}, as text with one line per event, and within the CPU share of exports. */
  async *export(filter: EventFilter, line: (event: AuditEvent) => string, after?: Cursor, limit?: number): AsyncGenerator<string> {
    let last = after;
    for (let left = limit ?? Number.POSITIVE_INFINITY; left > 0; left -= BATCH) {
      const wanted = Math.min(left, BATCH);
      const { rows, text } = await this.#exports.step(async () => {
        const rows = await this.page(SELECT_EVENTS, filter, last, wanted);
        return { rows, text: rows.map(line).join('') };
      });
      if (rows.length > 0) yield text;
      if (rows.length < wanted) return;
      last = rows.at(-1);
    }
  }

  /** The cursor after `limit` events; undefined when no events follow. */
  async cursorBehind(filter: EventFilter, after: Cursor | undefined, limit: number): Promise<string | undefined> {
    const select = `SELECT ${CURSOR.select} FROM audit_events`;
    const [last, next] = await this.#exports.step(() => this.page(select, filter, after, 2, limit - 1));
    return last && next && encodeCursor(last);
  }

  private page(select: string, filter: EventFilter, after: Cursor | undefined, limit: number, offset = 0): Promise<AuditEvent[]> {
    const conditions = new Conditions();
    if (filter.projectId !== undefined) conditions.add('project_id = ?', filter.projectId);
    if (filter.scopeId !== undefined) conditions.add('scope_id = ?', filter.scopeId);
    if (filter.since !== undefined) conditions.add('created_at >= ?', filter.since);
    if (filter.until !== undefined) conditions.add('created_at < ?', filter.until);
    const byTime = filter.projectId !== undefined;
    if (after && byTime) conditions.after(after, '>');
    else if (after) conditions.add('(scope_id > ? OR (scope_id = ? AND seq > ?))', after.scopeId, after.scopeId, after.seq);
    return this.database.rows<AuditEvent>(
      `${select} ${conditions.sql} ORDER BY ${byTime ? 'created_at, ' : ''}scope_id, seq LIMIT ? OFFSET ?`,
      [...conditions.values, String(limit), String(offset)],
    );
  }
}

class Conditions {
  readonly #sql: string[] = [];
  readonly values: (string | number)[] = [];

  add(sql: string, ...values: (string | number)[]): void {
    this.#sql.push(sql);
    this.values.push(...values);
  }

  after({ createdAt, scopeId, seq }: Cursor, than: '<' | '>'): void {
    this.add(
      `(created_at ${than} ? OR (created_at = ? AND (scope_id ${than} ? OR (scope_id = ? AND seq ${than} ?))))`,
      createdAt,
      createdAt,
      scopeId,
      scopeId,
      seq,
    );
  }

  get sql(): string {
    return this.#sql.length === 0 ? '' : `WHERE ${this.#sql.join(' AND ')}`;
  }
}

const encodeCursor = ({ createdAt, scopeId, seq }: Cursor) => Buffer.from(`${createdAt}.${seq}.${scopeId}`).toString('base64url');

/** @throws ApiFault 400 for a cursor that this service did not issue */
export function decodeCursor(cursor: string): Cursor {
  const [, createdAt, seq, scopeId] = /^(\d{1,15})\.(\d{1,15})\.(.{1,64})$/.exec(Buffer.from(cursor, 'base64url').toString('utf8')) ?? [];
  if (createdAt === undefined || seq === undefined || scopeId === undefined) throw invalid('cursor', { where: 'query' });
  return { createdAt: Number(createdAt), seq: Number(seq), scopeId };
}
