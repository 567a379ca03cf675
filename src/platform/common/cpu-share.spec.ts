import { describe, expect, it } from '@jest/globals';
import { CpuShare } from './cpu-share.js';

/** Uses CPU time, whatever share of the processor this process gets. */
const busy = async (ms: number) => {
  const used = () => process.threadCpuUsage().user / 1000;
  const end = used() + ms;
  while (used() < end);
};

describe('a limited share of the CPU', () => {
  it('runs one step at a time, in the order of the calls, and continues after a step that fails', async () => {
    const share = new CpuShare(0.9);
    const told: string[] = [];
    const step = (name: string, fails = false) =>
      share.step(async () => {
        told.push(`${name} begins`);
        await busy(2);
        told.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      });
    const done = await Promise.allSettled([step('a'), step('b', true), step('c')]);
    expect(done.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(told).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  it('pauses after each step in proportion to the share for other work', async () => {
    const share = new CpuShare(0.25);
    const began = performance.now();
    await Promise.all(Array.from({ length: 4 }, () => share.step(() => busy(20))));
    // The time of four steps and of the three pauses between them.
    expect(performance.now() - began).toBeGreaterThanOrEqual(4 * 20 + 3 * 59);
  });
});
