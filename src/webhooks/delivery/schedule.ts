/**
 * Delays between attempts: short ones after 429, and long ones after any other failure, which may last for days
 * (docs/contracts/endpoints.md §1.13).
 */
const DELAYS_SECONDS = {
  fast: [30, 60, 120, 240, 300],
  slow: [30 * 60, 2 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 48 * 3600, 72 * 3600],
} as const;

export type RetryType = keyof typeof DELAYS_SECONDS;

/**
 * Maximum number of attempts per schedule; a replay begins a new schedule. The contract states "at most 8" attempts and lists 8 delays, so
 * the last delay is never used.
 */
export const ATTEMPTS_MAX = 8;

/** Maximum of a receiver's `Retry-After`. */
export const RETRY_AFTER_MAX_SECONDS = 24 * 3600;

/** The outcome of an attempt: the status of the response, or the reason why there was no response. */
export type Outcome = { status: number; retryAfter?: readonly string[] | undefined } | { error: string };

/** The next state of the message. */
export type RetryDecision =
  | { status: 'succeeded' }
  | { status: 'failed_permanent' }
  | { status: 'pending_retry'; retryType: RetryType; delayMs: number; retryAfterSeconds: number | undefined };

/**
 * Decides what follows an attempt (docs/contracts/endpoints.md §1.13). 2xx is a success. 408, 429, 5xx and no response are retried. Any
 * other status fails for good. This includes redirects: to follow one would send the payload to a URL that was never registered.
 * @param attempt number of the attempt in this schedule, from 1
 * @param now Unix time in milliseconds, for a `Retry-After` that is a date
 */
export function decideRetry(outcome: Outcome, attempt: number, now: number): RetryDecision {
  const status = 'status' in outcome ? outcome.status : undefined;
  if (status !== undefined && status >= 200 && status < 300) return { status: 'succeeded' };
  const retryable = status === undefined || status === 408 || status === 429 || status >= 500;
  if (!retryable || attempt >= ATTEMPTS_MAX) return { status: 'failed_permanent' };
  const retryType: RetryType = status === 429 ? 'fast' : 'slow';
  const delays = DELAYS_SECONDS[retryType];
  const scheduled = delays[Math.min(attempt, delays.length) - 1] as number;
  const retryAfterSeconds = 'status' in outcome ? parseRetryAfter(outcome.retryAfter, now) : undefined;
  // Retry-After can only make the delay longer.
  const seconds = Math.max(scheduled, Math.min(retryAfterSeconds ?? 0, RETRY_AFTER_MAX_SECONDS));
  return { status: 'pending_retry', retryType, delayMs: seconds * 1000, retryAfterSeconds };
}

/** The three formats of a date (RFC 9110 §5.6.7): IMF-fixdate, RFC 850, asctime. */
const IMF_DATE = /^[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}:\d{2}:\d{2}) GMT$/;
const RFC850_DATE = /^[A-Z][a-z]{5,8}, (\d{2})-([A-Z][a-z]{2})-(\d{2}) (\d{2}:\d{2}:\d{2}) GMT$/;
const ASCTIME_DATE = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}:\d{2}:\d{2}) (\d{4})$/;
const SECONDS = /^\d{1,15}$/;

/**
 * Parses `Retry-After` (RFC 9110 §10.2.3). If there are several values, the longest counts.
 * @param values one value for each header in the response
 * @param now Unix time in milliseconds
 * @returns whole seconds, limited to what an `int` column can store; undefined if no value is valid
 */
export function parseRetryAfter(values: readonly string[] | undefined, now: number): number | undefined {
  // A proxy may have joined several headers with commas. The comma after a weekday belongs to a date.
  const all = (values ?? []).flatMap((value) => value.split(/,(?!\s*\d{2}[ -][A-Z])/)).map((value) => secondsOf(value.trim(), now));
  const understood = all.filter((seconds) => seconds !== undefined);
  return understood.length === 0 ? undefined : Math.min(Math.max(...understood), INT_MAX);
}

function secondsOf(text: string, now: number): number | undefined {
  if (SECONDS.test(text)) return Number(text);
  const date = dateOf(text, now);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000));
}

/** @returns Unix time in milliseconds; NaN for an invalid HTTP date */
function dateOf(text: string, now: number): number {
  const imf = IMF_DATE.exec(text);
  if (imf) return Date.parse(text);
  const asctime = ASCTIME_DATE.exec(text);
  if (asctime) return Date.parse(`${asctime[2]?.trim()} ${asctime[1]} ${asctime[4]} ${asctime[3]} GMT`);
  const [, day, month, year, time] = RFC850_DATE.exec(text) ?? [];
  if (year === undefined) return Number.NaN;
  // A two-digit year more than 50 years in the future belongs to the previous century (RFC 9110 §5.6.7).
  const thisYear = new Date(now).getUTCFullYear();
  const inCentury = thisYear - (thisYear % 100) + Number(year);
  return Date.parse(`${day} ${month} ${inCentury > thisYear + 50 ? inCentury - 100 : inCentury} ${time} GMT`);
}

const INT_MAX = 2_147_483_647;
