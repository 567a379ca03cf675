// Explores the protocol of receipts further than continuous integration does: npm run explore -- --states 2000000 Shows what fails without
// one of its rules: npm run explore -- --without nameIsIdentity
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    states: { type: 'string', default: '500000' },
    depth: { type: 'string', default: '200' },
    without: { type: 'string' },
  },
});
for (const name of ['states', 'depth'] as const)
  if (!/^[1-9]\d{0,8}$/.test(values[name])) throw new Error(`--${name} must be a whole number above 0`);

const env = { ...process.env, EXPLORE_STATES: values.states, EXPLORE_DEPTH: values.depth, EXPLORE_WITHOUT: values.without ?? '' };
const only = values.without ? ['-t', 'a rule is left out'] : [];
const jest = ['run', '--silent', 'jest', '--', '--selectProjects', 'protocol', '--testTimeout', '86400000', ...only];
process.exitCode = spawnSync('npm', jest, { env, stdio: 'inherit' }).status ?? 1;
