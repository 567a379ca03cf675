import { toMicroseconds } from '../common/clock.js';
import { LEASE_GRACE_SECONDS, NODE_UNREACHABLE_SECONDS, type ReceiptNode } from '../lib/protocol/protocol.js';
import type { NodeRow } from './node-rows.js';

const isLeaseOver = ({ leaseUntil }: NodeRow, now: number) => leaseUntil !== null && now > leaseUntil + LEASE_GRACE_SECONDS * 1000;

/** Nothing older than the revision is signed with by this node. */
export const isSettled = (node: NodeRow, revision: number, now: number): boolean =>
  node.appliedRevision >= revision || isLeaseOver(node, now);

function stateOf(node: NodeRow, revision: number, now: number): ReceiptNode['state'] {
  if (node.appliedRevision >= revision) return 'acknowledged';
  if (isLeaseOver(node, now)) return 'lease_over';
  if (now - node.lastSeen <= NODE_UNREACHABLE_SECONDS * 1000) return 'pending';
  return node.leaseUntil === null ? 'unreachable' : 'lease_running';
}

/** A node in a receipt. An acknowledgement that is no longer kept is told by the next one: later, never earlier. */
export function receiptNode(node: NodeRow & { ackedAt: number | null }, revision: number, now: number): ReceiptNode {
  const state = stateOf(node, revision, now);
  return {
    node_id: node.nodeId,
    state,
    acknowledged_at: state === 'acknowledged' ? toMicroseconds(node.ackedAt ?? node.appliedAt) : null,
    last_seen_at: toMicroseconds(node.lastSeen),
    lease_until: node.leaseUntil === null ? null : toMicroseconds(node.leaseUntil),
  };
}
