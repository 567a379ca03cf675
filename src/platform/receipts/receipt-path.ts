import type { Scope } from '../common/scope.js';

/**
 * Returns the URL path of a receipt.
 * @param epoch the epoch of the revision, because a restore reuses revision numbers. Absent: the epoch that is current when the path is
 * requested
 */
export const receiptPath = ({ kind, id }: Scope, revision: number, epoch?: string) =>
  `/signet/v1/${kind === 'endpoint' ? 'endpoints' : 'instances'}/${id}/receipts/${revision}${epoch === undefined ? '' : `?epoch=${epoch}`}`;

/** Maximum of the preference `wait`. */
export const WAIT_MAX_SECONDS = 30;

/**
 * Returns the seconds of the preference `wait` (RFC 7240). If there are several, the first one counts. A malformed one is ignored.
 * @param header the header `Prefer`, on one line or several
 */
export function preferredWait(header: string | readonly string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  for (const preference of [header].flat().join(',').split(',')) {
    const [, seconds] = /^\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?$/i.exec(preference) ?? [];
    if (seconds !== undefined) return Math.min(Number(seconds), WAIT_MAX_SECONDS);
  }
  return undefined;
}
