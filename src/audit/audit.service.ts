import { Injectable } from '@nestjs/common';
import type { Write } from '../changes/changes.service.js';
import type { Caller } from '../common/principal.js';
import { FORMAT, GENESIS, insertEvent } from './chain.js';

/** What a write says of itself. */
export interface AuditEntry {
  action: string;
  resourceType: string;
  resourceId: string;
  resourceName?: string;
  /** Small facts worth proving later. Never a secret. */
  detail?: Record<string, unknown>;
}

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
    await insertEvent(
      write,
      {
        scopeId: write.scopeId,
        seq: write.revision,
        format: FORMAT,
        projectId: write.projectId,
        action: entry.action,
        resourceType: entry.resourceType,
        resourceId: entry.resourceId,
        resourceName: entry.resourceName ?? null,
        detail: entry.detail ? JSON.stringify(entry.detail) : null,
        userId: principal.userId,
        userName: principal.userName,
        accessKeyId: principal.accessKeyId ?? null,
        credentialHash: principal.credentialHash,
        sourceAddress,
        requestId,
        createdAt: write.now,
      },
      previous?.hash ?? GENESIS,
    );
  }
}
