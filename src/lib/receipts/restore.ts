import { type Faults, NO_FAULTS } from './faults.js';

/**
 * Detects that the database was restored to an earlier state: each control plane increments a number once a second, in its database row and
 * then in its own file, which a restore does not reset. A row behind the file means a restore.
 *
 * Rules:
 * - Row first, file after the commit: a crash in between leaves the row ahead, which is no restore.
 * - The row is checked in **every** transaction whose result leaves the process, and a result leaves only within a second of a beat. So a
 *   number is written to the file at most a second before or after every answer.
 * - A starting control plane checks at once, and serves when all running ones have checked since: {@link STARTER_WAIT_MS} after it began to
 *   read, in which each of them has beaten twice.
 * - Numbers are compared within one epoch. A file whose epoch the database has left is outdated: that restore was detected, or an operator
 *   decided about it. A file whose epoch the database does not know belongs to a replaced future: restored.
 *
 * Assumed: a restore loses more than a second ({@link BEAT_MS}); a control plane with a file with newer numbers checks before one without
 * a file has finished waiting (it is not stopped for longer than the wait; `signet admin restore` ensures it).
 */
export interface Pulse {
  /** The number in the file; 0: no file. */
  readonly file: number;
  /** The epoch in the file; empty: no file. */
  readonly epoch: string;
  /** When this process last wrote the file, monotonic milliseconds; undefined: not yet. */
  readonly writtenAtMs: number | undefined;
  /** When this process's first read of the database returned; undefined: not yet. */
  readonly startedAtMs: number | undefined;
}

export const BEAT_MS = 1000;
export const STARTER_WAIT_MS = 3000;

/** What a transaction reads of the database's state. */
export interface Standing {
  /** This control plane's number; undefined: no row. */
  readonly row: number | undefined;
  readonly epoch: string;
}

/** A starting process. @param file the number in its file; 0: no file */
export const newPulse = (file: number, epoch: string): Pulse => ({ file, epoch, writtenAtMs: undefined, startedAtMs: undefined });

/**
 * Decides in a beat's transaction.
 * @param row of this control plane, locked together with the epoch
 * @param left the database has been in the file's epoch and has left it
 * @returns the number for the row and, after the commit, the file; `restored`: the database was restored. Then the same transaction takes the
 * step `restored` and writes `file + 1` into the row, so that it is detected once.
 */
export function beat(pulse: Pulse, { row = 0, epoch }: Standing, left: boolean, faults: Faults = NO_FAULTS): number | 'restored' {
  const behind = pulse.file > 0 && (pulse.epoch === epoch ? row < pulse.file : !left || faults.leftEpochCompared);
  if (behind && !faults.pulseNotChecked) return 'restored';
  return Math.max(row, pulse.file) + 1;
}

/**
 * The epochs that end with a detected restore: the restored one, and the file's, a replaced future, so that other control planes with a file
 * of that future do not detect the restore again.
 */
export const leftByRestore = (pulse: Pulse, epoch: string, faults: Faults = NO_FAULTS): string[] =>
  faults.lostEpochForgotten || pulse.epoch === '' ? [epoch] : [epoch, pulse.epoch];

/**
 * The file was written.
 * @param committedAtMs taken before the beat's transaction began, so that the beat never appears younger than it is
 */
export const beaten = (pulse: Pulse, number: number, epoch: string, committedAtMs: number): Pulse => ({
  file: number,
  epoch,
  writtenAtMs: committedAtMs,
  startedAtMs: pulse.startedAtMs ?? committedAtMs,
});

/**
 * Whether the result of a transaction may leave the process.
 * @returns `beat`: no, beat first; `wait`: no, other control planes may not have checked yet
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
  // A beat decides which of the two epochs is the older.
  if (epoch !== pulse.epoch && !faults.pulseCheckedBySecondOnly) return 'beat';
  if (!faults.starterServesAtOnce && (pulse.startedAtMs === undefined || nowMs - pulse.startedAtMs < STARTER_WAIT_MS)) return 'wait';
  return 'release';
}
