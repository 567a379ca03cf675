import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { BenchDatabase } from './databases.ts';

const ROOT = join(import.meta.dirname, '../..');
const READY_MS = 30_000;
const STOP_MS = 10_000;
const PASSWORD = 'correct-horse-battery-staple';

/** A server in a process of its own, stopped by its own handle. */
export interface Served {
  url: string;
  stop(): Promise<void>;
}

/** The service as it runs in production, but for the local mode's own key ring and a log level of `warn`. */
export function startService({ engine, dataDir, location }: BenchDatabase): Promise<Served> {
  return start(['dist/cli.js', 'serve'], '/readyz', (port) => ({
    SIGNET_MODE: 'local',
    SIGNET_LOG_LEVEL: 'warn',
    SIGNET_EMBEDDED_GATEWAY: 'off',
    SIGNET_PORT: port,
    SIGNET_DATA_DIR: dataDir,
    SIGNET_ADMIN_PASSWORD: PASSWORD,
    SIGNET_INSTANCE_NUM_LIMIT: '100',
    ...(engine === 'mariadb' && { DATABASE_URL: location }),
  }));
}

/** The hand-written floor: bench/lib/floor.ts. */
export function startFloor({ engine, location }: BenchDatabase): Promise<Served> {
  return start(['bench/lib/floor.ts'], '/', (port) => ({ FLOOR_PORT: port, FLOOR_ENGINE: engine, FLOOR_LOCATION: location }));
}

async function start(args: readonly string[], readyPath: string, env: (port: string) => Record<string, string>): Promise<Served> {
  const port = await freePort();
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], ...env(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output = (output + String(chunk)).slice(-10_000)));
  const url = `http://127.0.0.1:${port}`;
  const end = performance.now() + READY_MS;
  while (performance.now() < end && child.exitCode === null) {
    if (
      await fetch(url + readyPath).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return { url, stop: () => stop(child) };
    await delay(25);
  }
  await stop(child);
  throw new Error(`${args.join(' ')} was not ready:\n${output}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  child.kill('SIGTERM');
  await exit;
  clearTimeout(impatience);
}

async function freePort(): Promise<string> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return String(port);
}

/** A token of the administrator for the project `default`, by password. */
export async function logIn(url: string): Promise<{ projectId: string; token: string }> {
  const user = { name: 'admin', password: PASSWORD, domain: { name: 'default' } };
  const response = await fetch(`${url}/v3/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      auth: { identity: { methods: ['password'], password: { user } }, scope: { project: { name: 'default' } } },
    }),
  });
  const { token } = (await response.json()) as { token: { project: { id: string } } };
  return { projectId: token.project.id, token: response.headers.get('x-subject-token') ?? '' };
}
