import { describe, expect, it } from '@jest/globals';
import { ATTEMPTS_MAX, judge, parseRetryAfter, RETRY_AFTER_MAX_SECONDS } from './schedule.js';

const NOW = Date.UTC(2026, 10, 25, 12);
const delays = (status: number) => {
  const seconds: number[] = [];
  for (let attempt = 1; ; attempt++) {
    const verdict = judge({ status }, attempt, NOW);
    if (verdict.status !== 'pending_retry') return [...seconds, verdict.status];
    seconds.push(verdict.delayMs / 1000);
  }
};

describe('after an attempt', () => {
  it('2xx is a success', () => {
    for (const status of [200, 201, 204, 299]) expect(judge({ status }, 1, NOW)).toEqual({ status: 'succeeded' });
  });

  it('an answer that is neither success nor a reason to wait is final at once', () => {
    for (const status of [100, 199, 300, 301, 302, 307, 308, 400, 401, 403, 404, 405, 409, 410, 413, 422, 451, 499])
      expect(judge({ status }, 1, NOW)).toEqual({ status: 'failed_permanent' });
  });

  it('503, 408 and no answer follow the slow schedule: eight attempts, the seven first delays of the contract', () => {
    const slow = [1800, 7200, 21_600, 43_200, 86_400, 172_800, 259_200, 'failed_permanent'];
    for (const status of [500, 502, 503, 504, 599, 408]) expect(delays(status)).toEqual(slow);
    expect(judge({ error: 'ECONNRESET' }, 1, NOW)).toMatchObject({ status: 'pending_retry', retryType: 'slow', delayMs: 1_800_000 });
    expect(judge({ error: 'ECONNRESET' }, ATTEMPTS_MAX, NOW)).toEqual({ status: 'failed_permanent' });
  });

  it('429 follows the fast schedule, whose last delay repeats', () => {
    expect(delays(429)).toEqual([30, 60, 120, 240, 300, 300, 300, 'failed_permanent']);
  });

  it('Retry-After lengthens the delay, up to a day, and never shortens it', () => {
    const delay = (retryAfter: string, status = 429) => {
      const verdict = judge({ status, retryAfter }, 1, NOW);
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
    ['', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    ['9999999999999999999999', undefined],
    ['2026-11-25T12:01:30Z', undefined],
    ['Wed, 99 Nov 2026 12:01:30 GMT', undefined],
    ['next week', undefined],
  ])('%j asks for %s seconds', (value, seconds) => {
    expect(parseRetryAfter(value, NOW)).toBe(seconds);
  });

  it('is nothing when there is none', () => {
    expect(parseRetryAfter(undefined, NOW)).toBeUndefined();
  });
});
