import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { BenchDatabase } from './databases.ts';
import type { Plane } from './plane.ts';

const ROOT = join(import.meta.dirname, '../..');
const READY_MS = 30_000;
const STOP_MS = 10_000;
const PASSWORD = 'correct-horse-battery-staple';

/** A server in a process of its own, stopped by its own handle. */
export interface Served {
  url: string;
  pid: number;
  stop(): Promise<void>;
}

/** The service as it runs in production, but for the local mode's own key ring and a log level of `warn`. */
export function startService({ engine, dataDir, location }: BenchDatabase, more: Record<string, string> = {}): Promise<Served> {
  return startNode(['dist/cli.js', 'serve'], '/readyz', (port) => ({
    SIGNET_MODE: 'local',
    SIGNET_LOG_LEVEL: 'warn',
    SIGNET_EMBEDDED_GATEWAY: 'off',
    SIGNET_PORT: port,
    SIGNET_DATA_DIR: dataDir,
    SIGNET_ADMIN_PASSWORD: PASSWORD,
    SIGNET_LIMITS: 'instances=100',
    ...(engine === 'mariadb' && { DATABASE_URL: location }),
    ...more,
  }));
}

/** The hand-written floor: bench/lib/floor.ts. */
export function startFloor({ engine, location }: BenchDatabase): Promise<Served> {
  return startNode(['bench/lib/floor.ts'], '/', (port) => ({ FLOOR_PORT: port, FLOOR_ENGINE: engine, FLOOR_LOCATION: location }));
}

/** The floor of accepting webhooks, which writes into the service's own table: bench/lib/floor-webhooks.ts. */
export function startWebhookFloor({ engine, location }: BenchDatabase, projectId: string): Promise<Served> {
  return startNode(['bench/lib/floor-webhooks.ts'], '/', (port) => ({
    FLOOR_PORT: port,
    FLOOR_ENGINE: engine,
    FLOOR_LOCATION: location,
    FLOOR_PROJECT: projectId,
  }));
}

/** The floor of delivering webhooks: bench/lib/floor-sender.ts. */
export function startFloorSender(target: string, body: string): Promise<Served> {
  return startNode(['bench/lib/floor-sender.ts'], '/', (port) => ({ SENDER_PORT: port, SENDER_TARGET: target, SENDER_BODY: body }));
}

/** bench/lib/webhook-receiver.ts. */
export function startWebhookReceiver(): Promise<Served> {
  return startNode(['bench/lib/webhook-receiver.ts'], '/', (port) => ({ RECEIVER_PORT: port }));
}

/** What telling many watchers costs at least: bench/lib/floor-stream.ts. */
export function startStreamFloor(): Promise<Served> {
  return startNode(['bench/lib/floor-stream.ts'], '/', (port) => ({ FLOOR_PORT: port }));
}

type Followed = Pick<Plane, 'service' | 'instanceId' | 'gatewayToken'>;

/** Gateway nodes, all in one process: bench/lib/nodes.ts. */
export function startNodes(amount: number, plane: Followed): Promise<Served> {
  return startNode(['bench/lib/nodes.ts'], '/', (port) => ({ ...followed(plane), NODES: String(amount), READY_PORT: port }));
}

/** `signet gateway` with its signing proxy; APIs without a key are let through. `url` is that of `/sign`. */
export async function startGatewayNode(plane: Followed, upstream: string): Promise<Served & { proxyUrl: string }> {
  const proxyPort = await freePort();
  const served = await startNode(['dist/main.gateway.js'], '/readyz', (port) => ({
    ...followed(plane),
    SIGNET_NODE_ID: 'bench',
    SIGNET_GATEWAY_LISTEN: `sign=${port},proxy=${proxyPort}`,
    SIGNET_GATEWAY_UPSTREAM: upstream,
    SIGNET_GATEWAY_RULES: 'unbound=unsigned',
  }));
  return { ...served, proxyUrl: `http://127.0.0.1:${proxyPort}` };
}

/** bench/lib/backend.ts. */
export function startBackend(): Promise<Served> {
  return startNode(['bench/lib/backend.ts'], '/', (port) => ({ BACKEND_PORT: port }));
}

const followed = ({ service, instanceId, gatewayToken }: Followed) => ({
  SIGNET_CONTROL_PLANE_URL: service.url,
  SIGNET_GATEWAY_TOKEN: gatewayToken,
  SIGNET_INSTANCE_ID: instanceId,
  SIGNET_LOG_LEVEL: 'warn',
});

export const portOf = (url: string) => Number(new URL(url).port);

const startNode = (args: readonly string[], readyPath: string, env: (port: string) => Record<string, string>) =>
  start(process.execPath, args, readyPath, env, (status) => status >= 200 && status < 300);

/** @param env is given the port to listen on, before the process starts */
export async function start(
  command: string,
  args: readonly string[],
  readyPath: string,
  env: (port: string) => Record<string, string>,
  isReady: (status: number) => boolean,
): Promise<Served> {
  const port = await freePort();
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], ...env(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.on('error', (error) => (output += error.message));
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output = (output + String(chunk)).slice(-10_000)));
  const url = `http://127.0.0.1:${port}`;
  const end = performance.now() + READY_MS;
  while (performance.now() < end && child.exitCode === null && child.pid !== undefined) {
    const status = await fetch(url + readyPath).then(
      (answer) => answer.status,
      () => 0,
    );
    if (isReady(status)) return { url, pid: child.pid, stop: () => stop(child) };
    await delay(25);
  }
  await stop(child);
  throw new Error(`${command} ${args.join(' ')} was not ready:\n${output}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  child.kill('SIGTERM');
  await exit;
  clearTimeout(impatience);
}

export async function freePort(): Promise<string> {
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
