import { Injectable } from '@nestjs/common';
import type { Write } from '../changes/changes.service.js';
import type { AuditAction } from './actions.js';
import type { Caller } from '../common/principal.js';
import { FORMAT, GENESIS, insertEvent } from './chain.js';
import { detailText } from './detail.js';

/** What an audit row records about a write. */
export interface AuditEntry {
  action: AuditAction;
  resourceType: string;
  resourceId: string;
  resourceName?: string;
  /** A few facts as evidence. Never contains a secret. */
  detail?: Record<string, unknown>;
}

@Injectable()
export class AuditService {
  /** Records a write in the write's own transaction, exactly once per write. The row has the number of the write's revision. */
  async record(write: Write, caller: Caller, entry: AuditEntry): Promise<void> {
    await this.append(write, caller, entry);
  }

  /** As {@link record}. @returns the hash of the row */
  async append(write: Write, caller: Caller, entry: AuditEntry): Promise<string> {
    const [previous] = await write.rows<{ hash: string }>('SELECT hash FROM audit_events WHERE scope_id = ? AND seq = ?', [
      write.scope.id,
      write.revision - 1,
    ]);
    const { principal, requestId, sourceAddress } = caller;
    return insertEvent(
      write,
      {
        scopeId: write.scope.id,
        seq: write.revision,
        format: FORMAT,
        projectId: write.projectId,
        action: entry.action,
        resourceType: entry.resourceType,
        resourceId: entry.resourceId,
        resourceName: entry.resourceName ?? null,
        detail: entry.detail ? detailText(entry.detail) : null,
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
