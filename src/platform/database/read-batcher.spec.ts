import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ReadBatcher } from './read-batcher.js';

/** A value that changes. The test delays its reads. */
class Slow {
  value = 0;
  begun = 0;
  readonly #waiting: (() => void)[] = [];
  load = (): Promise<number> => {
    this.begun++;
    const { value } = this;
    return new Promise((resolve) => this.#waiting.push(() => resolve(value)));
  };
  finish(): void {
    this.#waiting.shift()?.();
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('shared reads', () => {
  it('never return data that was read before the call, in any order of calls, changes and answers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('ask', 'change', 'finish'), { maxLength: 40 }), async (steps) => {
        const slow = new Slow();
        const reads = new ReadBatcher<number>();
        const asked: Promise<[atLeast: number, got: number]>[] = [];
        for (const step of steps) {
          if (step === 'ask') {
            const atLeast = slow.value;
            asked.push(reads.read('key', slow.load).then((got) => [atLeast, got]));
          } else if (step === 'change') slow.value++;
          else slow.finish();
          await settled();
        }
        for (let i = 0; i < 3; i++) {
          slow.finish();
          await settled();
        }
        for (const [atLeast, got] of await Promise.all(asked)) expect(got).toBeGreaterThanOrEqual(atLeast);
      }),
      { numRuns: 200 },
    );
  });

  it('run one at a time per key, and the next one serves all waiting callers', async () => {
    const slow = new Slow();
    const reads = new ReadBatcher<number>();
    const asked = Array.from({ length: 100 }, () => reads.read('a', slow.load));
    expect(slow.begun).toBe(1);
    void reads.read('b', slow.load);
    expect(slow.begun).toBe(2);
    for (let i = 0; i < 3; i++) {
      slow.finish();
      await settled();
    }
    expect(await Promise.all(asked)).toHaveLength(100);
    expect(slow.begun).toBe(3);
  });

  it('are not cached if they fail: the next caller reads again', async () => {
    const reads = new ReadBatcher<number>();
    const answers = await Promise.allSettled([
      reads.read('a', () => Promise.reject(new Error('down'))),
      reads.read('a', () => Promise.resolve(1)),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(await reads.read('a', () => Promise.resolve(2))).toBe(2);
  });
});
