// Measures the overhead of signing on the request path: bench/README.md.
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { createDatabase } from './lib/databases.ts';
import { startNginx } from './lib/nginx.ts';
import { Plane } from './lib/plane.ts';
import { type Served, startBackend, startGatewayNode, startService } from './lib/processes.ts';
import { share } from './lib/samples.ts';

const CONNECTIONS = 32;
const BODY_BYTES = 1024;
const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '2' } } });
const within = (name: 'rounds' | 'seconds', most: number) => Math.max(1, Math.min(most, Math.ceil(Number(options[name]) || 1)));
const [rounds, seconds] = [within('rounds', 20), within('seconds', 10)];

for (const program of ['nginx', 'wrk'])
  if (spawnSync(program, ['-v']).error) {
    console.error(`${program} is not installed: apt-get install nginx wrk`);
    process.exit(2);
  }
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'signet-bench-gateway-'));
const post = join(folder, 'post.lua');
writeFileSync(post, `wrk.method = "POST"\nwrk.body = string.rep("x", ${BODY_BYTES})\nwrk.headers["Content-Type"] = "text/plain"\n`);

/** Processor time that a process has had, in µs; the kernel counts in hundredths of a second. */
function cpuMicros(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

/** Requests per second, with wrk: a load generator in Node would use more CPU than the service under test. */
async function load(url: string, method: 'GET' | 'POST', forSeconds: number): Promise<number> {
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${forSeconds}s`, ...(method === 'POST' ? ['-s', post] : []), url];
  const { stdout } = await run('wrk', args);
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  if (!(perSecond > 0) || /Non-2xx|Socket errors/.test(stdout)) throw new Error(`${method} ${url} was refused:\n${stdout}`);
  return perSecond;
}

const SIDES = ['nginx', 'nginx + auth_request', 'proxy, unsigned', 'proxy, signed'] as const;
type Side = (typeof SIDES)[number];
/** What the backend must receive: proves that the measured requests were signed. */
const SENT: Record<Side, string> = { nginx: '--', 'nginx + auth_request': 'SD', 'proxy, unsigned': 'un', 'proxy, signed': 'SD' };
/** Medians over the rounds, each round compared with itself. */
const RATIOS: readonly { of: Side; to: Side; target?: number }[] = [
  { of: 'proxy, signed', to: 'proxy, unsigned', target: 0.8 },
  { of: 'proxy, signed', to: 'nginx', target: 0.3 },
  { of: 'proxy, unsigned', to: 'nginx' },
  { of: 'nginx + auth_request', to: 'nginx' },
];

const running: Served[] = [];
const started = async <T extends Served>(starting: Promise<T>): Promise<T> => {
  const served = await starting;
  running.push(served);
  return served;
};
const database = await createDatabase('sqlite');
try {
  const plane = await Plane.of(await started(startService(database)));
  await plane.key('bound', await plane.api('signed'));
  await plane.api('unsigned');
  const backend = await started(startBackend());
  const node = await started(startGatewayNode(plane, backend.url));
  const nginx = await started(startNginx(plane.instanceId, node.url, backend.url));
  const urls: Record<Side, string> = {
    nginx: `${nginx.plainUrl}/signed/orders?limit=20`,
    'nginx + auth_request': `${nginx.url}/signed/orders?limit=20`,
    'proxy, unsigned': `${node.proxyUrl}/unsigned/orders?limit=20`,
    'proxy, signed': `${node.proxyUrl}/signed/orders?limit=20`,
  };
  for (const method of ['GET', 'POST'] as const) await measure(method, urls, node.pid);
} finally {
  for (const served of running.reverse()) await served.stop();
  await database.drop();
  rmSync(folder, { recursive: true });
}

async function measure(method: 'GET' | 'POST', urls: Record<Side, string>, nodePid: number): Promise<void> {
  for (const side of SIDES) {
    const sent = await (await fetch(urls[side], { method, ...(method === 'POST' && { body: 'x' }) })).text();
    if (sent !== SENT[side]) throw new Error(`${method} through ${side}: the backend was sent ${sent}`);
    await load(urls[side], method, 1);
  }
  const measured: Record<Side, number>[] = [];
  const micros: Record<Side, number[]> = { nginx: [], 'nginx + auth_request': [], 'proxy, unsigned': [], 'proxy, signed': [] };
  while (measured.length < rounds) {
    const round: Partial<Record<Side, number>> = {};
    for (const side of SIDES) {
      const before = cpuMicros(nodePid);
      round[side] = await load(urls[side], method, seconds);
      micros[side].push((cpuMicros(nodePid) - before) / (round[side] * seconds));
    }
    measured.push(round as Record<Side, number>);
  }
  const median = (values: number[]) => share(values, 0.5);
  console.log(`${method}${method === 'POST' ? ` ${BODY_BYTES} bytes` : ''}, ${CONNECTIONS} connections`);
  for (const side of SIDES)
    console.log(
      `  ${side.padEnd(22)} ${median(measured.map((round) => round[side]))
        .toFixed(0)
        .padStart(6)}/s   ${median(micros[side]).toFixed(0).padStart(4)} µs of the node's processor time each`,
    );
  for (const { of, to, target } of RATIOS) {
    const ratio = median(measured.map((round) => round[of] / round[to]));
    const missed = target !== undefined && ratio < target;
    if (missed) process.exitCode = 1;
    const verdict = target === undefined ? '' : `   target ${target.toFixed(2)}: ${missed ? 'MISSED' : 'met'}`;
    console.log(`  ${of} / ${to}: ${ratio.toFixed(2)}${verdict}`);
  }
}
