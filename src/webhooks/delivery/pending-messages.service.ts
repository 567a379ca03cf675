import { Injectable } from '@nestjs/common';
import type { Write } from '../../platform/changes/changes.service.js';
import { PendingMessages } from '../endpoints/pending-messages.js';
import { FAILURE_CLEARED } from './delivery-results.js';
import { PARKED, parkedValues } from './message-row.js';
import { makeDue } from './due-endpoints.js';
import { EndpointQueue } from './delivery-queue.entity.js';
import { columnsOf } from '../../platform/database/columns.js';

const NEW_QUEUE = columnsOf(EndpointQueue).pick('endpointId', 'projectId', 'limitedUntil', 'theoreticalArrival');

/** Updates the queue row and the unfinished messages of an endpoint. An attempt in flight continues, and its result is recorded. */
@Injectable()
export class PendingMessagesService extends PendingMessages {
  async createQueue(write: Write, endpointId: string): Promise<void> {
    const row = { endpointId, projectId: write.projectId, limitedUntil: 0, theoreticalArrival: 0 };
    await write.run(NEW_QUEUE.insert(), NEW_QUEUE.values(row));
  }

  /** Skips claimed messages: the process that has claimed them parks them if their attempt fails. */
  async pause(write: Write, endpointId: string): Promise<void> {
    await write.run(
      `UPDATE messages SET ${PARKED.paused}
       WHERE project_id = ? AND status IN ('queued', 'pending_retry') AND endpoint_id = ? AND due_at IS NOT NULL AND claim = 0`,
      [...parkedValues('paused', write.now), write.projectId, endpointId],
    );
  }

  async resume(write: Write, endpointId: string): Promise<number> {
    const { affected } = await write.run(
      `UPDATE messages SET status = ${STATUS_BEFORE_PARKING}, due_at = ?, updated_at = ? WHERE project_id = ? AND status = 'paused' AND endpoint_id = ?`,
      [write.now, write.now, write.projectId, endpointId],
    );
    // The failure period begins again.
    await write.run(`UPDATE delivery_queues SET ${FAILURE_CLEARED} WHERE endpoint_id = ?`, [endpointId]);
    if (affected > 0) await makeDue(write, [endpointId], write.now);
    return affected;
  }

  async fail(write: Write, endpointId: string): Promise<void> {
    await write.run(
      `UPDATE messages SET ${PARKED.deleted}
       WHERE project_id = ? AND status IN ('queued', 'pending_retry', 'paused') AND endpoint_id = ? AND deleted_at IS NULL`,
      [...parkedValues('deleted', write.now), write.projectId, endpointId],
    );
  }
}

/** The status to which a parked message returns. */
export const STATUS_BEFORE_PARKING = `CASE WHEN attempt_count > attempts_before THEN 'pending_retry' ELSE 'queued' END`;
