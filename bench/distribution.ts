// Measures the latency from a write to watchers and nodes: bench/README.md.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createDatabase, type Engine } from './lib/databases.ts';
import { Plane } from './lib/plane.ts';
import { portOf, startNodes, startService, startStreamFloor } from './lib/processes.ts';
import { share } from './lib/samples.ts';
import { Watchers } from './lib/watchers.ts';

interface Level {
  watchers: number;
  changes: number;
  /** Milliseconds; absent where none is set. */
  targetP99?: number;
}
const LEVELS: readonly Level[] = [
  { watchers: 1, changes: 200 },
  { watchers: 100, changes: 200, targetP99: 20 },
  { watchers: 2000, changes: 60, targetP99: 60 },
  { watchers: 5000, changes: 40, targetP99: 150 },
];
const NODES = 10;
const RECEIPTS = 200;
const TARGET_RECEIPT_P95 = 50;
const WARM_UP = 20;
/** Pause between changes, so that each is measured alone. */
const GAP_MS = 20;

const { values: options } = parseArgs({ options: { engine: { type: 'string', default: 'sqlite' }, only: { type: 'string' } } });
const engine: Engine = options.engine === 'mariadb' ? 'mariadb' : 'sqlite';
/** `watchers`, `receipts`, or a number of watchers. */
const wanted = (...names: string[]) => options.only === undefined || options.only.split(',').some((only) => names.includes(only));

let missed = false;
const verdict = (value: number, target: number | undefined) => {
  if (target === undefined) return '';
  missed ||= value > target;
  return `   target ${target} ms: ${value > target ? 'MISSED' : 'met'}`;
};
const ms = (value: number) => value.toFixed(1).padStart(6);

const database = await createDatabase(engine);
const service = await startService(database);
try {
  const plane = await Plane.of(service);
  const levels = LEVELS.filter(({ watchers }) => wanted('watchers', String(watchers)));
  if (levels.length > 0) await watchers(plane, levels);
  if (wanted('receipts')) await receipts(plane);
} finally {
  await service.stop();
  await database.drop();
}
process.exitCode = missed ? 1 : 0;

/** From the request, the commit included, until a watcher has read the change. */
async function watchers(plane: Plane, levels: readonly Level[]): Promise<void> {
  const floor = await startStreamFloor();
  const [ours, bare] = [new Watchers(), new Watchers()];
  const watch = `GET ${plane.atSignet('/watch')} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${plane.gatewayToken}\r\n\r\n`;
  const signId = await plane.key('renamed');
  let renamed = 0;
  const rename = () => plane.call('PUT', plane.at(`/signs/${signId}`), { name: `renamed_${++renamed}` });
  const tell = () => fetch(`${floor.url}/tell/${++renamed}`);
  try {
    console.log(`Change asked for → read by a watcher, on ${engine}. Floor: a bare socket server that stores nothing.`);
    for (const { watchers: size, changes, targetP99 } of levels) {
      await ours.open(portOf(plane.service.url), watch, size - ours.size);
      await bare.open(portOf(floor.url), 'GET /watch HTTP/1.1\r\nHost: bench\r\n\r\n', size - bare.size);
      const written: number[] = [];
      const times: Record<'ours' | 'floor', number[]> = { ours: [], floor: [] };
      for (let i = -WARM_UP; i < changes; i++) {
        const one = await measured(ours, rename);
        const least = await measured(bare, tell);
        if (i < 0) continue;
        written.push(one.answered);
        times.ours.push(...one.told);
        times.floor.push(...least.told);
      }
      const p99 = share(times.ours, 0.99);
      const own = `p50 ${ms(share(times.ours, 0.5))}  p99 ${ms(p99)} ms`;
      const least = `floor p50 ${ms(share(times.floor, 0.5))}  p99 ${ms(share(times.floor, 0.99))} ms`;
      const write = `the write itself ${ms(share(written, 0.5))} ms`;
      console.log(`${String(size).padStart(5)} watchers  ${own}   ${least}   ${write}${verdict(p99, targetP99)}`);
    }
  } finally {
    ours.close();
    bare.close();
    await floor.stop();
  }
}

async function measured(watching: Watchers, change: () => Promise<unknown>): Promise<{ told: number[]; answered: number }> {
  await delay(GAP_MS);
  const told = watching.told();
  const began = performance.now();
  await change();
  const answered = performance.now() - began;
  return { told: (await told).map((time) => time - began), answered };
}

/** A deletion that answers when all of ten gateway nodes have acknowledged it. */
async function receipts(plane: Plane): Promise<void> {
  const publishId = await plane.api('bench');
  const nodes = await startNodes(NODES, plane);
  try {
    const times: number[] = [];
    for (let i = -WARM_UP; i < RECEIPTS; i++) {
      const signId = await plane.key(`doomed_${i + WARM_UP}`, publishId);
      await delay(GAP_MS);
      const began = performance.now();
      const gone = await plane.call('DELETE', plane.at(`/signs/${signId}`), undefined, { prefer: 'wait=10' });
      if (i >= 0) times.push(performance.now() - began);
      const receipt = (await plane.call('GET', gone.headers.get('signet-receipt') ?? '')).body as unknown as {
        complete: boolean;
        sessions: object[];
      };
      if (!receipt.complete || receipt.sessions.length !== NODES) throw new Error(`an incomplete receipt: ${JSON.stringify(receipt)}`);
    }
    const p95 = share(times, 0.95);
    console.log(
      `DELETE of a bound key → complete receipt of ${NODES} nodes: p50 ${ms(share(times, 0.5))}  p95 ${ms(p95)} ms${verdict(p95, TARGET_RECEIPT_P95)}`,
    );
  } finally {
    await nodes.stop();
  }
}
