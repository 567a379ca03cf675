import { describe, expect, it } from '@jest/globals';
import { ATTEMPTS_MAX, decideRetry, parseRetryAfter, RETRY_AFTER_MAX_SECONDS } from './schedule.js';

const NOW = Date.UTC(2026, 10, 25, 12);
const delays = (status: number) => {
  const seconds: number[] = [];
  for (let attempt = 1; ; attempt++) {
    const verdict = decideRetry({ status }, attempt, NOW);
    if (verdict.status !== 'pending_retry') return [...seconds, verdict.status];
    seconds.push(verdict.delayMs / 1000);
  }
};

describe('after an attempt', () => {
  it('an answer of 2xx is a success', () => {
    for (const status of [200, 201, 204, 299]) expect(decideRetry({ status }, 1, NOW)).toEqual({ status: 'succeeded' });
  });

  it('any other answer is final at once', () => {
    for (const status of [100, 199, 300, 301, 302, 307, 308, 400, 401, 403, 404, 405, 409, 410, 413, 422, 451, 499])
      expect(decideRetry({ status }, 1, NOW)).toEqual({ status: 'failed_permanent' });
  });

  it('retries after 503, 408 or no answer follow the slow schedule, with eight attempts and the first seven delays of the contract', () => {
    const slow = [1800, 7200, 21_600, 43_200, 86_400, 172_800, 259_200, 'failed_permanent'];
    for (const status of [500, 502, 503, 504, 599, 408]) expect(delays(status)).toEqual(slow);
    expect(decideRetry({ error: 'ECONNRESET' }, 1, NOW)).toMatchObject({ status: 'pending_retry', retryType: 'slow', delayMs: 1_800_000 });
    expect(decideRetry({ error: 'ECONNRESET' }, ATTEMPTS_MAX, NOW)).toEqual({ status: 'failed_permanent' });
  });

  it('retries after 429 follow the fast schedule, whose last delay repeats', () => {
    expect(delays(429)).toEqual([30, 60, 120, 240, 300, 300, 300, 'failed_permanent']);
  });

  it('Retry-After lengthens the delay, up to a day, and never shortens it', () => {
    const delay = (retryAfter: string, status = 429) => {
      const verdict = decideRetry({ status, retryAfter: [retryAfter] }, 1, NOW);
      return verdict.status === 'pending_retry' ? [verdict.delayMs / 1000, verdict.retryAfterSeconds] : undefined;
    };
    expect(delay('1')).toEqual([30, 1]);
    expect(delay('90')).toEqual([90, 90]);
    expect(delay('90', 503)).toEqual([1800, 90]);
    expect(delay('7200', 503)).toEqual([7200, 7200]);
    expect(delay('999999999999999')).toEqual([RETRY_AFTER_MAX_SECONDS, 2_147_483_647]);
    expect(delay('soon')).toEqual([30, undefined]);
  });
});

describe('Retry-After', () => {
  it.each([
    ['0', 0],
    ['120', 120],
    [' 120 ', 120],
    ['Wed, 25 Nov 2026 12:01:30 GMT', 90],
    ['Wed, 25 Nov 2026 11:00:00 GMT', 0],
    ['Wed, 31 Dec 9999 23:59:59 GMT', 2_147_483_647],
    ['Wednesday, 25-Nov-26 12:01:30 GMT', 90],
    ['Wednesday, 25-Nov-75 12:00:00 GMT', 1_546_300_800],
    ['Monday, 25-Nov-77 12:00:00 GMT', 0],
    ['Wed Nov 25 12:01:30 2026', 90],
    ['Sun Nov  1 12:00:00 2026', 0],
    ['Tue Dec  1 12:00:00 2026', 518_400],
    ['60, 90', 90],
    ['Wed, 25 Nov 2026 12:01:30 GMT, 30', 90],
    ['soon, 30', 30],
    ['Wednesday, 99-Nov-26 12:01:30 GMT', undefined],
    ['Wed Nov 99 12:01:30 2026', undefined],
    ['', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    ['9999999999999999999999', undefined],
    ['2026-11-25T12:01:30Z', undefined],
    ['Wed, 99 Nov 2026 12:01:30 GMT', undefined],
    ['next week', undefined],
  ])('of %j asks for %s seconds', (value, seconds) => {
    expect(parseRetryAfter([value], NOW)).toBe(seconds);
  });

  it('that occurs twice asks for the longer delay', () => {
    expect(parseRetryAfter(['30', 'Wednesday, 25-Nov-26 12:01:30 GMT'], NOW)).toBe(90);
    expect(parseRetryAfter(['120', 'soon'], NOW)).toBe(120);
  });

  it('asks for no delay if it is absent', () => {
    expect(parseRetryAfter(undefined, NOW)).toBeUndefined();
    expect(parseRetryAfter([], NOW)).toBeUndefined();
  });
});
