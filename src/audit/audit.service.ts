import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Write } from '../changes/changes.service.js';
import type { Caller } from '../common/principal.js';
import type { AuditEvent } from './audit-event.entity.js';

/** What a write says of itself. */
export interface AuditEntry {
  action: string;
  resourceType: string;
  resourceId: string;
  resourceName?: string;
  /** Small facts worth proving later. Never a secret. */
  detail?: Record<string, unknown>;
}

/** The hash before the first row of a chain. */
export const GENESIS = '0'.repeat(64);

const COLUMNS =
  'scope_id, seq, project_id, action, resource_type, resource_id, resource_name, detail, user_id, user_name, credential_hash, source_address, request_id, created_at, hash';
const INSERT = `INSERT INTO audit_events (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

@Injectable()
export class AuditService {
  /**
   * Records a write in its own transaction: no change without its line, no line without its change. Exactly one a write,
   * numbered by the write's revision.
   */
  async record(write: Write, caller: Caller, entry: AuditEntry): Promise<void> {
    const [previous] = await write.rows<{ hash: string }>('SELECT hash FROM audit_events WHERE scope_id = ? AND seq = ?', [
      write.scopeId,
      write.revision - 1,
    ]);
    const { principal, requestId, sourceAddress } = caller;
    const event: Omit<AuditEvent, 'hash'> = {
      scopeId: write.scopeId,
      seq: write.revision,
      projectId: write.projectId,
      action: entry.action,
      resourceType: entry.resourceType,
      resourceId: entry.resourceId,
      resourceName: entry.resourceName ?? null,
      detail: entry.detail ? JSON.stringify(entry.detail) : null,
      userId: principal.userId,
      userName: principal.userName,
      credentialHash: principal.credentialHash,
      sourceAddress,
      requestId,
      createdAt: write.now,
    };
    await write.run(INSERT, [...columnsOf(event), chainHash(event, previous?.hash ?? GENESIS)]);
  }
}

/** A row's columns in the order in which they are hashed and stored. */
function columnsOf(event: Omit<AuditEvent, 'hash'>): (string | number | null)[] {
  return [
    event.scopeId,
    event.seq,
    event.projectId,
    event.action,
    event.resourceType,
    event.resourceId,
    event.resourceName,
    event.detail,
    event.userId,
    event.userName,
    event.credentialHash,
    event.sourceAddress,
    event.requestId,
    event.createdAt,
  ];
}

/** Hex SHA-256 over the previous row's hash and this row's columns as a JSON array. */
export function chainHash(event: Omit<AuditEvent, 'hash'>, previous: string): string {
  return hash('sha256', JSON.stringify([previous, ...columnsOf(event)]), 'hex');
}
