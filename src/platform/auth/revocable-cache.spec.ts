import { beforeEach, describe, expect, it } from '@jest/globals';
import { Clock } from '../common/clock.js';
import { RevocableCache } from './revocable-cache.js';

class SetClock extends Clock {
  time = 1_000_000;
  override now = () => this.time;
}

describe('a revocable cache', () => {
  let clock: SetClock;
  let cache: RevocableCache<string, string>;
  /** The look-ups that wait for an answer, in order. */
  let asked: { context: string; answer: (value: string) => void; fail: (error: Error) => void }[];
  beforeEach(() => {
    clock = new SetClock();
    asked = [];
    cache = new RevocableCache<string, string>({
      max: 10,
      clock,
      freshMs: () => 1000,
      endsAt: (value) => (value === 'short' ? 1_000_100 : Infinity),
      lookUp: (context) => new Promise((answer, fail) => asked.push({ context, answer, fail })),
    });
  });
  const turns = async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  const known = async (key: string, value: string) => {
    const found = cache.get(key, key);
    await turns();
    asked.at(-1)!.answer(value);
    expect(await found).toBe(value);
  };

  it('shares one look-up among concurrent callers, and then answers from the cache', async () => {
    const found = [cache.get('a', 'context'), cache.get('a', 'context')];
    await turns();
    expect(asked.map(({ context }) => context)).toEqual(['context']);
    asked[0]!.answer('alice');
    expect([await found[0], await found[1]]).toEqual(['alice', 'alice']);
    expect(cache.get('a', 'context')).toBe('alice');
  });

  it.each(['forget', 'forgetAll'] as const)(
    'neither uses nor caches the result of a look-up that runs during a revocation: %s',
    async (how) => {
      const found = cache.get('a', 'a');
      await turns();
      cache[how]('a');
      const late = cache.get('a', 'a');
      asked[0]!.answer('before');
      await turns();
      for (const { answer } of asked.slice(1)) answer('after');
      expect([await found, await late]).toEqual(['after', 'after']);
      await turns();
      expect(await cache.get('a', 'a')).toBe('after');
    },
  );

  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])('answers a call after a revocation with a later read, %d turns after an answer', async (after) => {
    const answer = Promise.withResolvers<string>();
    let looks = 0;
    const racing = new RevocableCache<string, string>({
      max: 10,
      clock,
      freshMs: () => 1000,
      lookUp: () => (looks++ === 0 ? answer.promise : Promise.resolve('after')),
    });
    const found = racing.get('a', 'a');
    await turns();
    answer.resolve('before');
    for (let i = 0; i < after; i++) await Promise.resolve();
    racing.forgetAll();
    expect(await racing.get('a', 'a')).toBe('after');
    await found;
    expect(await racing.get('a', 'a')).toBe('after');
  });

  it('keeps all other entries and look-ups when one entry is forgotten', async () => {
    await known('b', 'bob');
    const found = cache.get('a', 'a');
    await turns();
    cache.forget('c');
    asked.at(-1)!.answer('alice');
    expect([await found, cache.get('b', 'b')]).toEqual(['alice', 'bob']);
    expect(asked).toHaveLength(2);
  });

  it('forgets the values that were revoked, and repeats what is being looked up', async () => {
    await known('a', 'alice');
    await known('b', 'bob');
    const found = cache.get('c', 'c');
    await turns();
    cache.forgetValues((value) => value === 'alice');
    asked.at(-1)!.answer('before');
    await turns();
    asked.at(-1)!.answer('after');
    expect([await found, cache.get('b', 'b')]).toEqual(['after', 'bob']);
    await known('a', 'again');
  });

  it('passes a refusal to every waiting caller, does not cache the refusal, and affects no other look-up', async () => {
    const [bad, good] = [cache.get('bad', 'bad') as Promise<string>, cache.get('a', 'a')];
    await turns();
    asked[0]!.fail(new Error('refused'));
    await expect(bad).rejects.toThrow('refused');
    asked[1]!.answer('alice');
    expect(await good).toBe('alice');
    void Promise.resolve(cache.get('bad', 'bad')).catch(() => undefined);
    await turns();
    expect(asked).toHaveLength(3);
  });

  it.each([
    ['an entry is too old', 1000, 'alice'],
    ['the value has expired', 100, 'short'],
    ['the clock was set back', -1, 'alice'],
  ])('looks up again when %s', async (_, byMs, value) => {
    await known('a', value);
    clock.time += byMs;
    await known('a', 'again');
    expect(asked).toHaveLength(2);
  });

  it('is bypassed if the caller asks for that, without joining a running look-up', async () => {
    await known('a', 'before');
    const found = cache.lookUp('a', 'a');
    expect(cache.get('a', 'a')).toBe('before');
    asked.at(-1)!.answer('after');
    expect([await found, cache.get('a', 'a')]).toEqual(['after', 'after']);
  });

  it('fails if the revocations do not stop', async () => {
    const found = Promise.resolve(cache.get('a', 'a')).catch((error: Error & { kind?: string }) => error.kind);
    for (let i = 0; i < 10; i++) {
      await turns();
      cache.forgetAll();
      asked.at(-1)!.answer('never');
    }
    expect(await found).toBe('unavailable');
  });
});
