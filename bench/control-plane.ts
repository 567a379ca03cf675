// Measures the control plane against a hand-written floor: bench/README.md.
import { parseArgs } from 'node:util';
import { type Case, CASES } from './lib/cases.ts';
import { type BenchDatabase, createDatabase, type Engine, openSql } from './lib/databases.ts';
import { createEnvironment, type Side } from './lib/environment.ts';
import { CONNECTIONS, load, type Measured } from './lib/load.ts';
import { logIn, type Served, startFloor, startService } from './lib/processes.ts';

const ENGINES: readonly Engine[] = ['sqlite', 'mariadb'];
const LIMITS = { rounds: 50, seconds: 10 };

const { values: options } = parseArgs({
  options: { only: { type: 'string' }, rounds: { type: 'string', default: '7' }, seconds: { type: 'string', default: '1.2' } },
});
const number = (name: 'rounds' | 'seconds') => {
  const value = Number(options[name]);
  if (!(value > 0 && value <= LIMITS[name])) throw new Error(`--${name} must be above 0 and at most ${LIMITS[name]}`);
  return value;
};
const rounds = Math.ceil(number('rounds'));
const seconds = number('seconds');
/** `sqlite`, `mariadb/post`, `get`: whichever of a case's two names is in the list. */
const wanted = (engine: Engine, { name }: Case) =>
  options.only === undefined || options.only.split(',').some((only) => [engine, name, `${engine}/${name}`].includes(only));

let interrupted = false;
// A run that is interrupted still stops its processes and drops its database.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => (interrupted = true));

for (const engine of ENGINES) {
  const cases = CASES.filter((each) => wanted(engine, each));
  if (cases.length === 0) continue;
  const database = await createDatabase(engine);
  try {
    await measure(database, cases);
  } finally {
    await database.drop();
  }
}

async function measure(database: BenchDatabase, cases: readonly Case[]): Promise<void> {
  const running: Served[] = [];
  const started = async (starting: Promise<Served>) => {
    const served = await starting;
    running.push(served);
    return served;
  };
  try {
    const servers = { ours: await started(startService(database)), floor: await started(startFloor(database)) };
    const sql = await openSql(database);
    const admin = await logIn(servers.ours.url);
    const sides = await createEnvironment(sql, servers.ours, admin);
    for (const each of cases) {
      const round = async (who: 'ours' | 'floor', amount: number) => {
        if (interrupted) throw new Error('interrupted');
        const side: Side = sides[who];
        const requests = await each.prepare(sql, side, amount);
        const measured = await load(servers[who].url, admin.token, requests, amount);
        await each.clear?.(sql, side);
        return measured;
      };
      print(database.engine, each, await compare(each, round));
    }
    await sql.close();
  } finally {
    for (const served of running) await served.stop();
  }
}

interface Pair {
  ours: Measured;
  floor: Measured;
}

/** Warms up both sides, then interleaves them, so that fluctuations of the machine affect both. */
async function compare(each: Case, round: (who: 'ours' | 'floor', amount: number) => Promise<Measured>): Promise<Pair[]> {
  await round('floor', CONNECTIONS * 10);
  const { perSecond } = await round('floor', CONNECTIONS * 40);
  const perConnection = Math.ceil(Math.min(each.most, perSecond * seconds) / CONNECTIONS);
  const amount = Math.min(each.most, perConnection * CONNECTIONS);
  await round('ours', amount);
  const pairs: Pair[] = [];
  while (pairs.length < rounds) pairs.push({ ours: await round('ours', amount), floor: await round('floor', amount) });
  return pairs;
}

function print(engine: Engine, { title, target }: Case, pairs: readonly Pair[]): void {
  const ratio = median(pairs.map(({ ours, floor }) => ours.perSecond / floor.perSecond));
  const column = (who: keyof Pair) => {
    const of = (name: keyof Measured) => median(pairs.map((pair) => pair[who][name]));
    return `${who} ${of('perSecond').toFixed(0).padStart(6)}/s  p50 ${of('p50').toFixed(1).padStart(5)}  p99 ${of('p99').toFixed(1).padStart(5)} ms`;
  };
  const verdict = `ratio ${ratio.toFixed(2)}  target ${target.toFixed(2)}  ${ratio >= target ? 'met' : 'MISSED'}`;
  console.log(`${engine.padEnd(7)}  ${title.padEnd(30)}  ${column('ours')}   ${column('floor')}   ${verdict}`);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
