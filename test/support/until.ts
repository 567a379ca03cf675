import { overdue } from './slowness.js';

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * Resolves when the condition holds.
 * @param what description for the error; by default the condition's text @param withinMs limit on a quiet machine, which is longer on a
 * busy one
 * @throws Error when it does not hold in time
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string = condition.toString(),
  withinMs = 60_000,
): Promise<void> {
  for (const began = performance.now(); !(await condition()); await pause(10))
    if (overdue(began, withinMs)) throw new Error(`waited in vain for: ${what}`);
}
