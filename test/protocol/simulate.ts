// Runs the code of a node under a simulated clock and network, with other seeds: npm run simulate -- --from 1001 --seeds 20000 To leave out
// rules: npm run simulate -- --seeds 1 --without leaseCountsFromAnswer,wallClockLease
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { from: { type: 'string', default: '1' }, seeds: { type: 'string', default: '1000' }, without: { type: 'string' } },
});
for (const name of ['from', 'seeds'] as const)
  if (!/^[1-9]\d{0,8}$/.test(values[name])) throw new Error(`--${name} must be a whole number above 0`);

const env = {
  ...process.env,
  SIMULATE_FROM: values.from,
  SIMULATE_SEEDS: values.seeds,
  ...(values.without && { SIMULATE_FAULTS: values.without, SIMULATE_FAULT_SEEDS: '1000' }),
};
const jest = ['run', '--silent', 'jest', '--', 'test/protocol/simulation.spec.ts', '--testTimeout', '86400000'];
process.exitCode = spawnSync('npm', jest, { env, stdio: 'inherit' }).status ?? 1;
