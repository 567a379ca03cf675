import type { InstanceScope, Scope } from '../../platform/common/scope.js';
import type { Reads } from '../../platform/database/database.js';
import { waitsFor } from '../../lib/receipts/protocol.js';
import { candidates, shownGateway } from '../../platform/receipts/protocol-rows.js';
import { completeThrough } from '../../platform/receipts/receipts.service.js';
import { BEHIND } from './rotation-rows.js';

/** A session or a verifier that may still use the secret to be retired, or that may not have its replacement yet. */
interface Awaited {
  kind: 'session' | 'verifier';
  id: string;
  name: string;
  /** For display only. Unix time in milliseconds. */
  lastSeen: number;
}

/**
 * Whether the secret that does not sign may be retired, which is the case when every signer and every verifier has acknowledged the
 * promotion.
 */
export interface Retirement {
  /** `complete`: the receipt of the promotion is complete. `behind`: it is not. */
  signers: 'complete' | 'behind';
  verifiers: 'complete' | 'behind' | 'none_known';
  /** Sessions first. */
  awaited: readonly Awaited[];
}

export const isAcknowledged = ({ signers, verifiers }: Retirement): boolean => signers === 'complete' && verifiers !== 'behind';

/**
 * Returns whether a promotion is acknowledged, in one snapshot. Does not wait for a verifier that sends neither a process id nor an ETag,
 * because it can never prove which keys it has. Does not wait for a verifier whose credential has ended, because it gets no secrets any
 * more.
 */
export async function retirementOf(
  reads: Reads,
  { instanceId }: InstanceScope,
  promotedRevision: number,
  now: number,
): Promise<Retirement> {
  const scope: Scope = { kind: 'instance', id: instanceId };
  const complete = (await completeThrough(reads, scope)) >= promotedRevision;
  const known = await reads.rows('SELECT 1 AS one FROM verifiers WHERE instance_id = ? LIMIT 1', [instanceId]);
  const verifiers = await reads.rows<Omit<Awaited, 'kind'>>(
    `SELECT v.id, v.name, v.last_seen AS lastSeen FROM verifiers v WHERE v.instance_id = ? AND ${BEHIND('?')} ORDER BY v.name, v.id`,
    [instanceId, now, promotedRevision, promotedRevision],
  );
  return {
    signers: complete ? 'complete' : 'behind',
    verifiers: known.length === 0 ? 'none_known' : verifiers.length > 0 ? 'behind' : 'complete',
    awaited: [
      ...(complete ? [] : await signersBehind(reads, scope, promotedRevision)),
      ...verifiers.map((verifier) => ({ kind: 'verifier' as const, ...verifier })),
    ],
  };
}

/** For display only. Whether the receipt is complete is stored with the receipt. */
async function signersBehind(reads: Reads, scope: Scope, revision: number): Promise<Awaited[]> {
  const gateway = await shownGateway(reads, scope);
  if (!gateway) return [];
  const sessions = await candidates(reads, scope);
  return sessions
    .filter((session) => waitsFor({ revision, epoch: gateway.epoch }, session))
    .map(({ sessionId, nodeId, lastSeen }) => ({ kind: 'session', id: sessionId, name: nodeId, lastSeen }));
}
