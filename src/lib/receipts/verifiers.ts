import { leaseEndMs } from './protocol.js';

/**
 * Decides whether the known verifiers refuse what a revision ended: the verifiers' part of a receipt, as pure functions. `protocol.ts`
 * decides about signers. Even if nobody signs with a key any more, verifiers may still accept it.
 */
export interface VerifierRow {
  /** A random id that the process chose at its start; empty: none, so several processes may share the row. */
  readonly processId: string;
  /** The newest revision whose keys the verifier has shown to have, by its ETag. */
  readonly shownRevision: number;
  /** The revision of the first keys that the verifier got; 0: it already had keys when it first asked. */
  readonly firstRevision: number;
  /** Maximum age of its keys in seconds, after which the verifier refuses everything; null: not declared. */
  readonly maxAgeSeconds: number | null;
  /** Why the verifier does not count any more; null: it counts. */
  readonly ending: VerifierEnding | null;
}

/**
 * `left`: it has reported its end. `keys_too_old`: it was silent for longer than its declared maximum age. `vouched`: an operator vouched
 * for it.
 */
export type VerifierEnding = 'left' | 'keys_too_old' | 'vouched';

/**
 * `refuses`: it refuses everything that ended at or before the revision. `behind`: it may still accept it. `unknown`: it has no process id,
 * so this cannot be decided.
 */
export type VerifierState = 'refuses' | 'behind' | 'unknown';

/** `none_known`: no verifier has ever asked for this gateway's keys, so it is unknown who accepts them. */
export type VerifiersState = 'complete' | 'behind' | 'none_known';

export function verifierState(row: VerifierRow, revision: number): VerifierState {
  if (row.ending !== null) return 'refuses';
  if (row.processId === '') return 'unknown';
  return row.shownRevision >= revision || row.firstRevision >= revision ? 'refuses' : 'behind';
}

/** @param rows all stored verifiers of the gateway */
export function verifiersState(rows: readonly VerifierRow[], revision: number): VerifiersState {
  if (rows.length === 0) return 'none_known';
  return rows.every((row) => verifierState(row, revision) === 'refuses') ? 'complete' : 'behind';
}

/**
 * The time without contact, observed on one monotonic clock, after which a verifier refuses everything because of its declared maximum age:
 * the age, its margin, and the interval in which contacts are not stored. Infinite if no age is declared.
 */
export const refusesAfterMs = ({ maxAgeSeconds }: Pick<VerifierRow, 'maxAgeSeconds'>): number =>
  maxAgeSeconds === null ? Number.POSITIVE_INFINITY : leaseEndMs(maxAgeSeconds) + contactIntervalMs(maxAgeSeconds);

const CONTACT_INTERVAL_MS = 60_000;

/** The interval in which an unchanged contact is stored: a minute, or a quarter of the declared age if that is shorter. */
export const contactIntervalMs = (maxAgeSeconds: number | null): number =>
  maxAgeSeconds === null ? CONTACT_INTERVAL_MS : Math.min(CONTACT_INTERVAL_MS, maxAgeSeconds * 250);
