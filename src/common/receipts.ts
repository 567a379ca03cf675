/** Whoever knows which gateways have applied a revision. Injected by this class. */
export abstract class Receipts {
  /**
   * Waits until every gateway has applied a revision, or the time is over, or nobody waits any more. Holds neither a transaction
   * nor a connection meanwhile.
   */
  abstract settled(instanceId: string, revision: number, waitMs: number, abandoned: AbortSignal): Promise<void>;
}

/** Where the receipt of a revision is. */
export const receiptPath = (instanceId: string, revision: number) => `/signet/v1/instances/${instanceId}/receipts/${revision}`;

/** A caller never waits for longer, whatever it prefers. */
export const WAIT_MAX_SECONDS = 30;

/**
 * Seconds of the preference `wait` (RFC 7240); the first one counts, one that is malformed is no preference.
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
