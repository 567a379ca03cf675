/** The processor time of one measurement in milliseconds, which is several turns of the operating system's scheduler. */
const MEASURED_MS = 20;

/**
 * The factor, at least 1, by which work takes longer on this machine now than it would alone: the wall time of some work divided by its
 * processor time. Tests stretch their time limits by it, so that they pass on a machine with four times as much load.
 */
function slowness(): number {
  const wall = performance.now();
  const used = () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  const before = used();
  let cpuMs: number;
  do cpuMs = used() - before;
  while (cpuMs < MEASURED_MS);
  return Math.max(1, (performance.now() - wall) / cpuMs);
}

/** Stretches a time limit for a quiet machine to the limit for this machine now. */
export const stretched = (ms: number): number => ms * slowness();

/**
 * Whether a wait has taken too long. Measures the machine only if the wait is too long for a quiet machine.
 * @param began by `performance.now()`
 */
export function overdue(began: number, withinMs: number): boolean {
  const waitedMs = performance.now() - began;
  return waitedMs > withinMs && waitedMs > stretched(withinMs);
}
