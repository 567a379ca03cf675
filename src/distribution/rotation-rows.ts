import type { Write } from '../changes/changes.service.js';
import type { InstanceScope } from '../common/scope.js';
import type { Database } from '../database/database.js';
import type { Param } from '../database/tx.js';
import type { SignAlgorithm, SignType } from '../lib/signing/algorithms.js';
import type { Promotion, RotationState } from './sign-rotation.entity.js';

/** A verifier that has not asked for this long is not waited for. */
export const VERIFIER_WINDOW_MS = 24 * 3_600_000;

/** A key and its rotation, if there is one; both secrets are sealed. */
export interface RotatingSign {
  name: string;
  signType: SignType;
  signAlgorithm: SignAlgorithm | null;
  signKey: string;
  sealedSecret: string;
  secretVersion: number;
  state: RotationState | null;
  otherVersion: number;
  otherKey: string;
  otherSecret: string;
  promotion: Promotion;
  overlapSeconds: number;
  dueAt: number | null;
  knownFrom: number;
}

/** One that has a rotation. */
export interface Rotating extends RotatingSign {
  state: RotationState;
}

const SELECT = `SELECT s.name, s.sign_type AS signType, s.sign_algorithm AS signAlgorithm, s.sign_key AS signKey, s.sign_secret AS sealedSecret,
  s.secret_version AS secretVersion, r.state, r.version AS otherVersion, r.sign_key AS otherKey, r.sign_secret AS otherSecret, r.promotion,
  r.overlap_seconds AS overlapSeconds, r.due_at AS dueAt, r.known_from AS knownFrom
  FROM signs s LEFT JOIN sign_rotations r ON r.sign_id = s.id WHERE s.id = ? AND s.instance_id = ? AND s.project_id = ?`;

type Reader = Pick<Database, 'rows'> | Pick<Write, 'rows'>;

export async function rotatingSign(reader: Reader, scope: InstanceScope, signId: string): Promise<RotatingSign | undefined> {
  return (await reader.rows<RotatingSign>(SELECT, [signId, scope.instanceId, scope.projectId]))[0];
}

export interface VerifierRow {
  tokenId: string;
  name: string;
  revision: number;
  lastSeen: number;
}

/** Verifiers of a gateway that were seen lately, those seen last first. */
export function verifiersOf(reader: Reader, instanceId: string, now: number): Promise<VerifierRow[]> {
  const sql = `SELECT token_id AS tokenId, name, revision, last_seen AS lastSeen FROM gateway_verifiers
    WHERE instance_id = ? AND last_seen > ? ORDER BY last_seen DESC`;
  return reader.rows<VerifierRow>(sql, [instanceId, now - VERIFIER_WINDOW_MS]);
}

/** Rotations whose next step is due, of every gateway. */
export function dueRotations(reader: Reader, now: number): Promise<(InstanceScope & { signId: string })[]> {
  const since: Param = now - VERIFIER_WINDOW_MS;
  const seen = 'SELECT 1 FROM gateway_verifiers v WHERE v.instance_id = r.instance_id AND v.last_seen > ?';
  return reader.rows(
    `SELECT r.sign_id AS signId, r.instance_id AS instanceId, r.project_id AS projectId FROM sign_rotations r
     WHERE r.due_at <= ? OR (r.state = 'staged' AND r.promotion = 'verified' AND EXISTS (${seen})
       AND NOT EXISTS (${seen} AND v.revision < r.known_from))
     ORDER BY r.sign_id LIMIT 100`,
    [now, since, since],
  );
}

/** The staged secret is held by every verifier seen lately, and there is one. */
export const isHeldByAll = (verifiers: readonly VerifierRow[], { knownFrom }: RotatingSign): boolean =>
  verifiers.length > 0 && verifiers.every(({ revision }) => revision >= knownFrom);
