import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** The CPU time of all threads of a process so far in milliseconds, which is independent of the elapsed time. */
export function cpuMsOf(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      // A thread has ended, and its CPU time is ignored.
    }
  }
  return nanoseconds / 1e6;
}

/** Resets the peak memory of a process. */
export const forgetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5');

/** Peak memory of a process since the reset, and its current memory, MiB. */
export function memoryOf(pid: number): { peakMib: number; nowMib: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
  return { peakMib: mib('VmHWM'), nowMib: mib('VmRSS') };
}
