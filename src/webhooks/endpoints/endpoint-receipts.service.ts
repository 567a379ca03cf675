import { Injectable } from '@nestjs/common';
import { ApiFault } from '../../platform/common/api-error.js';
import { ReceiptsService, revisionIn } from '../../platform/receipts/receipts.service.js';
import { DELIVERIES, loggedThrough } from '../delivery-log/delivery-log.js';
import { ENDPOINT_ID, EndpointNotFound, type EndpointScope } from '../delivery-log/endpoint-scope.js';
import { type EndpointReceiptView, toReceiptView } from './endpoint-receipts.dto.js';

/**
 * Receipts of endpoints: they show which processes may still deliver with the state before a write. Deleted endpoints have receipts too.
 */
@Injectable()
export class EndpointReceipts {
  constructor(private readonly receipts: ReceiptsService) {}

  /**
   * @param revision the revision of the endpoint, as text in the path
   * @param epoch the epoch of the revision; default: the current one
   * @throws EndpointNotFound; ApiFault `not_found` for a revision that has no receipt or is in the future; ReceiptExpired;
   * ReceiptSuperseded
   */
  async get({ projectId, endpointId }: EndpointScope, revision: string, epoch?: string): Promise<EndpointReceiptView> {
    const wanted = revisionIn(revision);
    const shown = { scope: { kind: 'endpoint', id: endpointId }, revision: wanted } as const;
    const sql = `SELECT c.revision FROM webhook_endpoints e JOIN change_counters c ON c.scope_kind = 'endpoint' AND c.scope_id = e.id
      WHERE e.id = ? AND e.project_id = ?`;
    return toReceiptView(
      await this.receipts.show(DELIVERIES, epoch, async (reads) => {
        const [endpoint] = ENDPOINT_ID.test(endpointId) ? await reads.rows<{ revision: number }>(sql, [endpointId, projectId]) : [];
        if (!endpoint) return { notFound: new EndpointNotFound(), ahead: false };
        const ahead = wanted > endpoint.revision;
        const logged = ahead ? undefined : await loggedThrough(reads, endpointId, wanted);
        if (!logged) return { notFound: new ApiFault('not_found'), ahead };
        return { target: { scope: DELIVERIES, revision: logged.revision }, shown, createdAt: logged.createdAt };
      }),
    );
  }
}
