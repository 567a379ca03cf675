import { DAY_MS } from '../../platform/common/clock.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import type { Param, Rows } from '../../platform/database/tx.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { type RotationState, SignRotation } from './sign-rotation.entity.js';
import { Sign } from '../../apig/signs/sign.entity.js';

/** A promotion does not wait for a verifier that has not asked for keys in this time. */
const VERIFIER_WINDOW_MS = DAY_MS;

const SIGN = columnsOf(Sign, 's').pick('name', 'signType', 'signAlgorithm', 'signKey', { sealedSecret: 'signSecret' }, 'secretVersion');
const ROTATION = columnsOf(SignRotation, 'r').pick(
  'state',
  { otherVersion: 'version', otherKey: 'signKey', otherSecret: 'signSecret' },
  'promotion',
  'overlapSeconds',
  'dueAt',
  'knownFrom',
  'promotedRevision',
);
const DUE = columnsOf(SignRotation, 'r').pick('signId', 'instanceId', 'projectId');

/** A key, and its rotation if it has one. Both secrets are encrypted. */
export interface RotatingSign extends RowOf<typeof SIGN>, Omit<RowOf<typeof ROTATION>, 'state'> {
  state: RotationState | null;
}

/** A key that has a rotation. */
export interface Rotating extends RotatingSign {
  state: RotationState;
}

const SELECT = `SELECT ${SIGN.select}, ${ROTATION.select}
  FROM signs s LEFT JOIN sign_rotations r ON r.sign_id = s.id WHERE s.id = ? AND s.instance_id = ? AND s.project_id = ?`;

export async function rotatingSign(reader: Rows, scope: InstanceScope, signId: string): Promise<RotatingSign | undefined> {
  return (await reader.rows<RotatingSign>(SELECT, [signId, scope.instanceId, scope.projectId]))[0];
}

/**
 * Excludes verifiers whose credential was revoked or has expired, because they get no secrets any more. The parameter is the current time.
 */
const COUNTS = `v.ending IS NULL
  AND EXISTS (SELECT 1 FROM gateway_tokens t WHERE (t.id = v.token_id OR t.renewal_of = v.token_id)
    AND (t.expires_at IS NULL OR t.expires_at > ?))`;

/**
 * Condition for a verifier that has not shown that it has the keys of a revision or of a later one. The first parameter is the current
 * time. Excludes verifiers that send no process id and have never sent an ETag, because they can never show anything.
 * @param revision an SQL expression, which is inserted twice
 */
export const BEHIND = (revision: string): string =>
  `${COUNTS} AND (v.process_id <> '' OR v.shown_revision > 0) AND v.shown_revision < ${revision} AND v.first_revision < ${revision}`;

export interface RotationVerifier {
  tokenId: string;
  name: string;
  processId: string;
  revision: number;
  lastSeen: number;
}

/** Returns the verifiers of a gateway that were seen recently, most recent first. */
export function verifiersOf(reader: Rows, instanceId: string, now: number): Promise<RotationVerifier[]> {
  const sql = `SELECT v.token_id AS tokenId, v.name, v.process_id AS processId, v.shown_revision AS revision, v.last_seen AS lastSeen
    FROM verifiers v WHERE v.instance_id = ? AND v.last_seen > ? AND ${COUNTS} ORDER BY v.last_seen DESC`;
  return reader.rows<RotationVerifier>(sql, [instanceId, now - VERIFIER_WINDOW_MS, now]);
}

/**
 * Returns the rotations of all gateways whose next step is due. The step itself checks this again. A secret is retired when its time has
 * come, the receipt of the promotion is complete, and no verifier is behind.
 */
export function dueRotations(reader: Rows, now: number): Promise<(InstanceScope & { signId: string })[]> {
  const since: Param = now - VERIFIER_WINDOW_MS;
  const seen = `SELECT 1 FROM verifiers v WHERE v.instance_id = r.instance_id AND v.last_seen > ? AND ${COUNTS}`;
  return reader.rows(
    `SELECT ${DUE.select} FROM sign_rotations r
     WHERE (r.state = 'staged' AND r.due_at <= ?)
       OR (r.state <> 'staged' AND r.due_at <= ?
         AND EXISTS (SELECT 1 FROM receipts c WHERE c.scope_kind = 'instance' AND c.scope_id = r.instance_id AND c.revision >= r.promoted_revision)
         AND NOT EXISTS (SELECT 1 FROM verifiers v WHERE v.instance_id = r.instance_id AND ${BEHIND('r.promoted_revision')}))
       OR (r.state = 'staged' AND r.promotion = 'verified' AND EXISTS (${seen}) AND NOT EXISTS (${seen} AND v.shown_revision < r.known_from))
     ORDER BY r.sign_id LIMIT 100`,
    [now, now, now, since, now, since, now],
  );
}

/** Whether at least one verifier was seen recently, and all of these have the staged secret. */
export const isHeldByAll = (verifiers: readonly RotationVerifier[], { knownFrom }: RotatingSign): boolean =>
  verifiers.length > 0 && verifiers.every(({ revision }) => revision >= knownFrom);
