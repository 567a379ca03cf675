import { leaseEndMs } from './protocol.js';

/**
 * Whether the known verifiers refuse what a revision ended: the verifiers' part of a receipt, as pure functions. Signers are the subject of
 * `protocol.ts`; that nobody signs with a key does not show who still accepts it.
 */
export interface VerifierRow {
  /** Random id that a process chose at its start; empty: not given, and possibly several processes. */
  readonly processId: string;
  /** The newest revision whose keys it has shown to hold, by its ETag. */
  readonly shownRevision: number;
  /** Revision of the first keys it was given; 0: it came with earlier keys. */
  readonly firstRevision: number;
  /** It refuses everything once its keys are older than this; null: not declared. */
  readonly maxAgeSeconds: number | null;
  /** Why it no longer counts; null: it counts. */
  readonly ending: VerifierEnding | null;
}

/** `left`: it signed off. `keys_too_old`: silent for longer than its declared maximum age. `vouched`: an operator's word. */
export type VerifierEnding = 'left' | 'keys_too_old' | 'vouched';

/** `refuses`: refuses what ended at or before the revision. `behind`: may accept it. `unknown`: without a process id, so undecidable. */
export type VerifierState = 'refuses' | 'behind' | 'unknown';

/** `none_known`: no verifier has asked for this gateway's keys, so nothing is known about who accepts them. */
export type VerifiersState = 'complete' | 'behind' | 'none_known';

export function verifierState(row: VerifierRow, revision: number): VerifierState {
  if (row.ending !== null) return 'refuses';
  if (row.processId === '') return 'unknown';
  return row.shownRevision >= revision || row.firstRevision >= revision ? 'refuses' : 'behind';
}

/** @param rows every stored verifier of the gateway */
export function verifiersState(rows: readonly VerifierRow[], revision: number): VerifiersState {
  if (rows.length === 0) return 'none_known';
  return rows.every((row) => verifierState(row, revision) === 'refuses') ? 'complete' : 'behind';
}

/**
 * Time without contact, observed on one monotonic clock, after which a verifier refuses by its declared maximum age: the age, its margin, and
 * the interval within which contacts are not stored. Without a declared age: never.
 */
export const refusesAfterMs = ({ maxAgeSeconds }: Pick<VerifierRow, 'maxAgeSeconds'>): number =>
  maxAgeSeconds === null ? Number.POSITIVE_INFINITY : leaseEndMs(maxAgeSeconds) + contactIntervalMs(maxAgeSeconds);

const CONTACT_INTERVAL_MS = 60_000;

/** Interval in which an unchanged contact is stored: each minute, or four times within the age. */
export const contactIntervalMs = (maxAgeSeconds: number | null): number =>
  maxAgeSeconds === null ? CONTACT_INTERVAL_MS : Math.min(CONTACT_INTERVAL_MS, maxAgeSeconds * 250);
