import { Injectable } from '@nestjs/common';
import { invalid } from '../common/api-error.js';
import { Database } from '../database/database.js';
import { type AuditPageView, type AuditQuery, toView } from './audit.dto.js';
import type { AuditEvent } from './audit-event.entity.js';
import { chainHash, GENESIS } from './audit.service.js';

const SELECT = `SELECT scope_id AS scopeId, seq, project_id AS projectId, action, resource_type AS resourceType, resource_id AS resourceId,
  resource_name AS resourceName, detail, user_id AS userId, user_name AS userName, credential_hash AS credentialHash,
  source_address AS sourceAddress, request_id AS requestId, created_at AS createdAt, hash FROM audit_events`;
const VERIFY_BATCH = 1000;

/** A row that is not what was written, or is not there. */
export interface ChainFault {
  scopeId: string;
  seq: number;
  fault: 'changed' | 'missing';
}

export interface Verification {
  chains: number;
  events: number;
  faults: ChainFault[];
}

/** The audit trail, read and verified; nothing here writes. */
@Injectable()
export class AuditTrailService {
  constructor(private readonly database: Database) {}

  /** A project's events, newest first. @throws Fault 400 for a cursor that is not one of ours */
  async list(projectId: string, query: AuditQuery): Promise<AuditPageView> {
    const conditions = ['project_id = ?'];
    const values: (string | number)[] = [projectId];
    const add = (sql: string, ...bound: (string | number)[]) => {
      conditions.push(sql);
      values.push(...bound);
    };
    if (query.instance_id !== undefined) add('scope_id = ?', query.instance_id);
    if (query.resource_id !== undefined) add('resource_id = ?', query.resource_id);
    if (query.action !== undefined) add('action = ?', query.action);
    if (query.cursor !== undefined) {
      const { createdAt, scopeId, seq } = decodeCursor(query.cursor);
      add(
        '(created_at < ? OR (created_at = ? AND (scope_id < ? OR (scope_id = ? AND seq < ?))))',
        createdAt,
        createdAt,
        scopeId,
        scopeId,
        seq,
      );
    }
    const sql = `${SELECT} WHERE ${conditions.join(' AND ')} ORDER BY created_at DESC, scope_id DESC, seq DESC LIMIT ?`;
    const rows = await this.database.rows<AuditEvent>(sql, [...values, String(query.limit + 1)]);
    const events = rows.slice(0, query.limit);
    const last = events.at(-1);
    return { events: events.map(toView), next_cursor: rows.length > query.limit && last ? encodeCursor(last) : null };
  }

  /**
   * Walks every chain from its first row. A changed row, a dropped one and two that changed places each break a hash or
   * leave a gap; a tail that was cut off is behind the scope's counter, or behind the deletion of a gateway that is gone.
   */
  async verify(): Promise<Verification> {
    // The counters first: rows written meanwhile are then ahead of them, never behind.
    const counters = await this.database.rows<{ scopeId: string; revision: number }>(
      'SELECT scope_id AS scopeId, revision FROM change_counters',
    );
    const revisions = new Map(counters.map(({ scopeId, revision }) => [scopeId, Number(revision)]));
    const scopes = await this.database.rows<{ scopeId: string }>('SELECT DISTINCT scope_id AS scopeId FROM audit_events');
    const all = new Set([...scopes.map(({ scopeId }) => scopeId), ...revisions.keys()]);
    const result: Verification = { chains: all.size, events: 0, faults: [] };
    for (const scopeId of all) await this.verifyChain(scopeId, revisions.get(scopeId), result);
    return result;
  }

  private async verifyChain(scopeId: string, revision: number | undefined, result: Verification): Promise<void> {
    let previous: { seq: number; hash: string; action: string } = { seq: 0, hash: GENESIS, action: '' };
    for (;;) {
      const rows = await this.database.rows<AuditEvent>(`${SELECT} WHERE scope_id = ? AND seq > ? ORDER BY seq LIMIT ?`, [
        scopeId,
        previous.seq,
        String(VERIFY_BATCH),
      ]);
      for (const event of rows) {
        const { hash, ...rest } = event;
        for (let seq = previous.seq + 1; seq < event.seq; seq++) result.faults.push({ scopeId, seq, fault: 'missing' });
        // After a gap the hash before is unknown: the gap is the fault, and this row is judged by its successor.
        if (event.seq === previous.seq + 1 && chainHash(rest, previous.hash) !== hash)
          result.faults.push({ scopeId, seq: event.seq, fault: 'changed' });
        previous = { seq: event.seq, hash, action: event.action };
        result.events++;
      }
      if (rows.length < VERIFY_BATCH) break;
    }
    const end = revision ?? (previous.action === GATEWAY_DELETED ? previous.seq : previous.seq + 1);
    for (let seq = previous.seq + 1; seq <= end; seq++) result.faults.push({ scopeId, seq, fault: 'missing' });
  }
}

/** The last row of a chain whose gateway, and so whose counter, is gone. */
const GATEWAY_DELETED = 'DeleteInstance';

interface Cursor {
  createdAt: number;
  scopeId: string;
  seq: number;
}

const encodeCursor = ({ createdAt, scopeId, seq }: Cursor) => Buffer.from(`${createdAt}.${seq}.${scopeId}`).toString('base64url');

function decodeCursor(cursor: string): Cursor {
  const [, createdAt, seq, scopeId] = /^(\d{1,15})\.(\d{1,15})\.(.{1,64})$/.exec(Buffer.from(cursor, 'base64url').toString('utf8')) ?? [];
  if (createdAt === undefined || seq === undefined || scopeId === undefined) throw invalid('cursor', { where: 'query' });
  return { createdAt: Number(createdAt), seq: Number(seq), scopeId };
}
