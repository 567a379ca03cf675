import { type Faults, NO_FAULTS } from './faults.js';

/**
 * Detects that the database was restored to an earlier state. Each control plane increments a number once a second, first in its row in the
 * database and then in its own file, which a restore does not reset. If the number in the row is lower than the one in the file, the
 * database was restored.
 *
 * Rules:
 * - The row is written first, the file after the commit. A crash in between leaves the row ahead, which does not indicate a restore.
 * - The row is checked in **every** transaction whose result leaves the process, and a result leaves only within a second of a beat. So the
 *   file is written at most a second before or after every response.
 * - A control plane that starts checks at once. It serves only when all running control planes have checked since then, which is {@link
 *   STARTER_WAIT_MS} after its first read: within this time each of them makes two beats.
 * - Numbers are compared within one epoch only. If the database has left the epoch in the file, the file is outdated: that restore was
 *   detected, or an operator has decided about it. If the database does not know the epoch in the file, the database was restored, because
 *   the file belongs to a later state that was replaced.
 *
 * Assumptions: a restore loses more than a second ({@link BEAT_MS}). A control plane whose file has newer numbers checks before a control
 * plane without a file has finished its wait, because it is not stopped for longer than that wait (`signet admin restore` ensures this).
 */
export interface Pulse {
  /** The number in the file; 0: there is no file. */
  readonly file: number;
  /** The epoch in the file; empty: there is no file. */
  readonly epoch: string;
  /** When this process last wrote the file, in monotonic milliseconds; undefined: not yet. */
  readonly writtenAtMs: number | undefined;
  /** When this process's first read of the database returned, in monotonic milliseconds; undefined: not yet. */
  readonly startedAtMs: number | undefined;
}

export const BEAT_MS = 1000;
export const STARTER_WAIT_MS = 3000;

/** What a transaction reads about the state of the database. */
export interface Standing {
  /** The number of this control plane; undefined: it has no row. */
  readonly row: number | undefined;
  readonly epoch: string;
}

/** The state of a process that starts. @param file the number in its file; 0: there is no file */
export const newPulse = (file: number, epoch: string): Pulse => ({ file, epoch, writtenAtMs: undefined, startedAtMs: undefined });

/**
 * Decides in the transaction of a beat.
 * @param row the number in the row of this control plane, which is locked together with the epoch
 * @param left whether the database was in the file's epoch and has left it
 * @returns the number for the row and, after the commit, for the file; `restored`: the database was restored. Then the same transaction
 * takes the step `restored` and writes `file + 1` to the row, so that the restore is detected only once.
 */
export function beat(pulse: Pulse, { row = 0, epoch }: Standing, left: boolean, faults: Faults = NO_FAULTS): number | 'restored' {
  const behind = pulse.file > 0 && (pulse.epoch === epoch ? row < pulse.file : !left || faults.leftEpochCompared);
  if (behind && !faults.pulseNotChecked) return 'restored';
  return Math.max(row, pulse.file) + 1;
}

/**
 * The epochs that end with a detected restore: the restored one, and the epoch in the file, which belongs to a replaced state. So other
 * control planes whose files have that epoch do not detect the restore again.
 */
export const leftByRestore = (pulse: Pulse, epoch: string, faults: Faults = NO_FAULTS): string[] =>
  faults.lostEpochForgotten || pulse.epoch === '' ? [epoch] : [epoch, pulse.epoch];

/**
 * Records that the file was written.
 * @param committedAtMs a time before the transaction of the beat began, so that the beat never appears to be newer than it is
 */
export const beaten = (pulse: Pulse, number: number, epoch: string, committedAtMs: number): Pulse => ({
  file: number,
  epoch,
  writtenAtMs: committedAtMs,
  startedAtMs: pulse.startedAtMs ?? committedAtMs,
});

/**
 * Whether the result of a transaction may leave the process.
 * @returns `beat`: not before another beat; `wait`: not yet, because other control planes may not have checked
 */
export function mayRelease(
  pulse: Pulse,
  { row = 0, epoch }: Standing,
  nowMs: number,
  faults: Faults = NO_FAULTS,
): 'release' | 'beat' | 'wait' | 'restored' {
  if (faults.pulseNotChecked) return 'release';
  if (epoch === pulse.epoch && row < pulse.file && !faults.pulseCheckedBySecondOnly) return 'restored';
  if (pulse.writtenAtMs === undefined || nowMs - pulse.writtenAtMs > BEAT_MS) return 'beat';
  // A beat decides which of the two epochs is the older one.
  if (epoch !== pulse.epoch && !faults.pulseCheckedBySecondOnly) return 'beat';
  if (!faults.starterServesAtOnce && (pulse.startedAtMs === undefined || nowMs - pulse.startedAtMs < STARTER_WAIT_MS)) return 'wait';
  return 'release';
}
