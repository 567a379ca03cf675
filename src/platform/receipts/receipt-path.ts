import type { Scope } from '../common/scope.js';

/**
 * URL path of a receipt.
 * @param epoch of the revision, since a restore reuses revision numbers; absent: the current one at the time of the request
 */
export const receiptPath = ({ kind, id }: Scope, revision: number, epoch?: string) =>
  `/signet/v1/${kind === 'endpoint' ? 'endpoints' : 'instances'}/${id}/receipts/${revision}${epoch === undefined ? '' : `?epoch=${epoch}`}`;

/** Upper limit of the preference `wait`. */
export const WAIT_MAX_SECONDS = 30;

/**
 * Seconds of the preference `wait` (RFC 7240); the first one counts, and a malformed one is ignored.
 * @param header `Prefer`, one line or several
 */
export function preferredWait(header: string | readonly string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  for (const preference of [header].flat().join(',').split(',')) {
    const [, seconds] = /^\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?$/i.exec(preference) ?? [];
    if (seconds !== undefined) return Math.min(Number(seconds), WAIT_MAX_SECONDS);
  }
  return undefined;
}
