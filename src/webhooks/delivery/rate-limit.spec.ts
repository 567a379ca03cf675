import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { gcra } from './rate-limit.js';

const NOW = 1_763_800_000_000;

describe('a rate limit', () => {
  it('allows a burst at once, and then one delivery after the other', () => {
    const rate = { perSecond: 10, burst: 5 };
    const first = gcra(rate, 0, 8, NOW);
    expect(first).toMatchObject({ count: 5, nextAtMs: NOW + 100 });
    expect(gcra(rate, first.theoreticalArrival, 3, NOW).count).toBe(0);
    expect(gcra(rate, first.theoreticalArrival, 3, NOW + 99).count).toBe(0);
    expect(gcra(rate, first.theoreticalArrival, 3, NOW + 100)).toMatchObject({ count: 1, nextAtMs: NOW + 200 });
    expect(gcra(rate, first.theoreticalArrival, 9, NOW + 60_000).count).toBe(5);
  });

  it('never allows more than burst plus rate, and is not slower than its rate', () => {
    fc.assert(
      fc.property(
        fc.record({ perSecond: fc.integer({ min: 1, max: 1000 }), burst: fc.integer({ min: 1, max: 100 }) }),
        fc.array(fc.record({ wait: fc.integer({ min: 0, max: 500 }), wanted: fc.integer({ min: 1, max: 200 }) }), { maxLength: 50 }),
        (rate, steps) => {
          let [theoreticalArrival, now, total] = [0, NOW, 0];
          for (const { wait, wanted } of steps) {
            now += wait;
            const step = gcra(rate, theoreticalArrival, wanted, now);
            theoreticalArrival = step.theoreticalArrival;
            total += step.count;
            expect(total).toBeLessThanOrEqual(rate.burst + (rate.perSecond * (now - NOW)) / 1000 + 1e-3);
            // A sender that returns at the given time gets at least one delivery.
            if (step.nextAtMs !== undefined) {
              expect(step.nextAtMs).toBeGreaterThan(now);
              expect(gcra(rate, theoreticalArrival, 1, step.nextAtMs).count).toBe(1);
            }
          }
        },
      ),
    );
  });
});
