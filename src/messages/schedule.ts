/** endpoints §1.13: after 429 the endpoint asks for a little time, after anything else it may be down for days. */
const DELAYS_SECONDS = {
  fast: [30, 60, 120, 240, 300],
  slow: [30 * 60, 2 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 48 * 3600, 72 * 3600],
} as const;

export type RetryType = keyof typeof DELAYS_SECONDS;

/** Attempts of one round; a replay begins another. The documents say "at most 8" and list 8 delays: the first 7 lie between 8 attempts. */
export const ATTEMPTS_MAX = 8;

/** A receiver can ask for more patience than the schedule has, but not for ever. */
export const RETRY_AFTER_MAX_SECONDS = 24 * 3600;

/** What one attempt came to: the endpoint's answer, or why there was none. */
export type Outcome = { status: number; retryAfter?: string | undefined } | { error: string };

/** What becomes of the message. */
export type Verdict =
  | { status: 'succeeded' }
  | { status: 'failed_permanent' }
  | { status: 'pending_retry'; retryType: RetryType; delayMs: number; retryAfterSeconds: number | undefined };

/**
 * Decides after an attempt (endpoints §1.13): 2xx is success; 408, 429, 5xx and no answer are tried again; every other answer
 * is final, redirects among them, because following one would send the payload where nobody has registered an endpoint.
 * @param attempt of this round, from 1
 * @param now milliseconds since the epoch, for a `Retry-After` that is a date
 */
export function judge(outcome: Outcome, attempt: number, now: number): Verdict {
  const status = 'status' in outcome ? outcome.status : undefined;
  if (status !== undefined && status >= 200 && status < 300) return { status: 'succeeded' };
  const again = status === undefined || status === 408 || status === 429 || status >= 500;
  if (!again || attempt >= ATTEMPTS_MAX) return { status: 'failed_permanent' };
  const retryType: RetryType = status === 429 ? 'fast' : 'slow';
  const delays = DELAYS_SECONDS[retryType];
  const scheduled = delays[Math.min(attempt, delays.length) - 1] as number;
  const retryAfterSeconds = 'status' in outcome ? parseRetryAfter(outcome.retryAfter, now) : undefined;
  // A lower bound: an endpoint can slow its retries down, not hurry them.
  const seconds = Math.max(scheduled, Math.min(retryAfterSeconds ?? 0, RETRY_AFTER_MAX_SECONDS));
  return { status: 'pending_retry', retryType, delayMs: seconds * 1000, retryAfterSeconds };
}

/** IMF-fixdate only: what senders of the last decades write (RFC 9110 §5.6.7). */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * Whole seconds that a `Retry-After` asks for (RFC 9110 §10.2.3), at most what an `int` holds; `undefined` when it says nothing
 * that can be understood.
 * @param now milliseconds since the epoch
 */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d{1,15}$/.test(text)) return Math.min(Number(text), INT_MAX);
  const date = HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.min(Math.max(0, Math.ceil((date - now) / 1000)), INT_MAX);
}

const INT_MAX = 2_147_483_647;
