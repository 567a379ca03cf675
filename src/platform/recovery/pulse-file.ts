import { readFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { ApiFault } from '../common/api-error.js';
import { newId } from '../common/ids.js';

/** What a control plane stores outside the database, so that a restore does not reset it (lib/receipts/restore.ts). */
export interface StoredPulse {
  /** Key of the control plane's row in the database. Processes with the same data folder share the file and the row. */
  readonly planeId: string;
  /** The database to which this state belongs. */
  readonly databaseId: string;
  readonly epoch: string;
  readonly number: number;
  /** The longest lease known to have been granted; null: an unlimited one. */
  readonly longestLeaseSeconds: number | null;
}

/** @returns undefined when there is no file @throws Error with advice for the operator when it cannot be read */
export function readPulseFile(path: string): StoredPulse | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new Error(`SIGNET_PULSE_FILE: ${path} cannot be read (${code ?? 'unknown'})`, { cause: error });
  }
  const stored = parsed(text);
  if (stored) return stored;
  // Without the file, a restore could not be detected, so the process does not start.
  throw new Error(
    `SIGNET_PULSE_FILE: ${path} is damaged. If the database was not restored to an earlier state, remove the file and start the process again`,
  );
}

function parsed(text: string): StoredPulse | undefined {
  try {
    const { planeId, databaseId, epoch, number, longestLeaseSeconds: longest } = JSON.parse(text) as StoredPulse;
    const strings = [planeId, databaseId, epoch].every((each) => typeof each === 'string' && each !== '');
    if (!strings || !Number.isSafeInteger(number) || !(longest === null || Number.isSafeInteger(longest))) return undefined;
    return { planeId, databaseId, epoch, number, longestLeaseSeconds: longest };
  } catch {
    return undefined;
  }
}

/** Replaces the file atomically. @throws ApiFault `unavailable` when there is no space; the old file stays */
export async function writePulseFile(path: string, stored: StoredPulse): Promise<void> {
  const draft = `${path}.${newId()}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(stored)}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    // Removes the temporary file: beats are tried again every second, and each would leave another one.
    await rm(draft, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    throw code === 'ENOSPC' || code === 'EDQUOT' ? new ApiFault('unavailable', {}, { cause: error }) : error;
  }
}
