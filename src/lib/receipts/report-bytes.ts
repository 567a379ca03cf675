import { hash } from 'node:crypto';
import type { Tombstone } from './node.js';

/** What the Ed25519 signature of a session covers. The counter prevents replays. */
export interface SignedReport {
  gatewayId: string;
  epoch: string;
  sessionId: string;
  counter: number;
  revision: number;
  newestRevision: number;
  /** 64 hexadecimal digits (`digest.ts`). */
  digest: string;
  /** Null: unlimited. */
  leaseSeconds: number | null;
  leaving: boolean;
}

/** Returns a JSON array in UTF-8 without white space, in which the boundaries of the values are unambiguous. */
const bytes = (...values: (string | number | boolean | null)[]): Buffer => Buffer.from(JSON.stringify(values), 'utf8');

export const reportBytes = (report: SignedReport): Buffer =>
  bytes(
    'signet/report/1',
    report.gatewayId,
    report.epoch,
    report.sessionId,
    report.counter,
    report.revision,
    report.newestRevision,
    report.digest,
    report.leaseSeconds,
    report.leaving,
  );

/** Signed with the key of the **predecessor**: its process has ended, and this session has its state file. */
export const successionBytes = (succession: {
  gatewayId: string;
  predecessorId: string;
  successorId: string;
  successorPublicKey: string;
}): Buffer =>
  bytes('signet/succession/1', succession.gatewayId, succession.predecessorId, succession.successorId, succession.successorPublicKey);

/** What the signature of a registration covers. */
export interface SignedRegistration {
  gatewayId: string;
  sessionId: string;
  nodeId: string;
  /** Whether the process has a table from before a restore and signs with it. */
  withTable: boolean;
  /** Lease of that table in seconds; null: unlimited. */
  leaseSeconds?: number | null;
  /** The ended signatures, in the order in which they were sent. */
  tombstones?: readonly Tombstone[];
}

/**
 * Returns the bytes that a session signs with its **own** key at registration, so that nobody can register another process's key, or add or
 * remove tombstones. A process that has just started has no tombstones, and its statement is shorter.
 */
export function registrationBytes(registration: SignedRegistration): Buffer {
  const { gatewayId, sessionId, nodeId, withTable, leaseSeconds = 0, tombstones = [] } = registration;
  if (!withTable && tombstones.length === 0) return bytes('signet/registration/1', gatewayId, sessionId, nodeId, withTable);
  return bytes('signet/registration/2', gatewayId, sessionId, nodeId, withTable, leaseSeconds, tombstonesDigest(tombstones));
}

const tombstonesDigest = (tombstones: readonly Tombstone[]): string =>
  hash(
    'sha256',
    JSON.stringify(tombstones.map(({ signId, version, publishId, revision, epoch }) => [signId, version, publishId, revision, epoch])),
    'hex',
  );
