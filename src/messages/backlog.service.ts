import { Injectable } from '@nestjs/common';
import type { Write } from '../changes/changes.service.js';
import { Backlog } from '../endpoints/backlog.js';
import { ASIDE, asideValues } from './delivery-queue.js';

/** An endpoint's unfinished messages, when it is paused, resumed or deleted. An attempt that is under way goes on, and is counted. */
@Injectable()
export class BacklogService extends Backlog {
  /** Those that are being attempted are put aside by whoever attempts them, if they fail. */
  async pause(write: Write, endpointId: string): Promise<void> {
    await write.run(
      `UPDATE messages SET ${ASIDE.paused}
       WHERE project_id = ? AND status IN ('queued', 'pending_retry') AND endpoint_id = ? AND due_at IS NOT NULL AND claim = 0`,
      [...asideValues('paused', write.now), write.projectId, endpointId],
    );
  }

  async resume(write: Write, endpointId: string): Promise<number> {
    const { affected } = await write.run(
      `UPDATE messages SET status = ${WAITING}, due_at = ?, updated_at = ? WHERE project_id = ? AND status = 'paused' AND endpoint_id = ?`,
      [write.now, write.now, write.projectId, endpointId],
    );
    return affected;
  }

  async abandon(write: Write, endpointId: string): Promise<void> {
    await write.run(
      `UPDATE messages SET ${ASIDE.deleted}
       WHERE project_id = ? AND status IN ('queued', 'pending_retry', 'paused') AND endpoint_id = ? AND deleted_at IS NULL`,
      [...asideValues('deleted', write.now), write.projectId, endpointId],
    );
  }
}

/** What a message that was put aside was before. */
export const WAITING = `CASE WHEN attempt_count > attempts_before THEN 'pending_retry' ELSE 'queued' END`;
