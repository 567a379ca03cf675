// Checks receipts under random faults for any number of minutes: npm run soak:receipts -- --minutes 30 To repeat the same order of faults:
// --seed 42. Exits with 1 when a probe was signed with what a complete receipt had ended.
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string' } } });
const seed = values.seed ?? String(randomInt(1, 1_000_000_000));
for (const [name, value] of Object.entries({ minutes: values.minutes, seed }))
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new Error(`--${name} must be a whole number above 0`);

const env = { ...process.env, SOAK_MINUTES: values.minutes, SOAK_SEED: seed };
const jest = ['run', '--silent', 'jest', '--', 'test/system/receipts.soak.spec.ts', '--testTimeout', '86400000'];
process.exitCode = spawnSync('npm', jest, { env, stdio: 'inherit' }).status ?? 1;
