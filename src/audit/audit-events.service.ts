import { Injectable } from '@nestjs/common';
import { invalid } from '../common/api-error.js';
import { Database } from '../database/database.js';
import { type AuditPageView, type AuditQuery, toView } from './audit.dto.js';
import type { AuditEvent } from './audit-event.entity.js';
import { SELECT_EVENTS } from './chain.js';
import { DENIED } from './service-chains.js';

/** Which events are read. */
export interface EventFilter {
  projectId?: string;
  /** A chain: a gateway's id, a project's, or the name of a chain of the service. */
  scopeId?: string;
  /** Milliseconds since the epoch, inclusive. */
  since?: number;
  /** Milliseconds since the epoch, exclusive. */
  until?: number;
}

/** A place in the trail of a project: its time, then its chain and its number there. */
export interface Cursor {
  createdAt: number;
  scopeId: string;
  seq: number;
}

const BATCH = 1000;

/** The events of the trail, read. */
@Injectable()
export class AuditEventsService {
  constructor(private readonly database: Database) {}

  /** A project's events, newest first. @throws Fault 400 for a cursor that is not one of ours */
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

  /** The chain of a domain that is kept here: what another issuer calls its domain could be the id of a project. */
  async listOfDomain(domainId: string, query: AuditQuery): Promise<AuditPageView> {
    const known = await this.database.rows('SELECT 1 AS one FROM domains WHERE id = ?', [domainId]);
    return known.length > 0 ? this.list(domainId, query) : { events: [], next_cursor: null };
  }

  /**
   * Events, oldest first, a batch in memory at a time: by time within a project, else chain by chain.
   * @param after the last event that the reader has
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

  /** The cursor behind `limit` events, when there are more. */
  async cursorBehind(filter: EventFilter, after: Cursor | undefined, limit: number): Promise<string | undefined> {
    const select = 'SELECT created_at AS createdAt, scope_id AS scopeId, seq FROM audit_events';
    const [last, next] = await this.page(select, filter, after, 2, limit - 1);
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

/** @throws Fault 400 for a cursor that is not one of ours */
export function decodeCursor(cursor: string): Cursor {
  const [, createdAt, seq, scopeId] = /^(\d{1,15})\.(\d{1,15})\.(.{1,64})$/.exec(Buffer.from(cursor, 'base64url').toString('utf8')) ?? [];
  if (createdAt === undefined || seq === undefined || scopeId === undefined) throw invalid('cursor', { where: 'query' });
  return { createdAt: Number(createdAt), seq: Number(seq), scopeId };
}
