import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CLI, freePort } from './server.ts';

const READY_MS = 20_000;
const STOP_MS = 15_000;
/** Debian puts nginx where only the administrator's PATH looks. */
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin`;

/** A child that answers something on `url` once it is ready. */
class Process {
  readonly #child: ChildProcess;
  #output = '';

  constructor(command: string, args: readonly string[], env: Record<string, string>) {
    this.#child = spawn(command, args, { env: { PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.on('data', (chunk) => (this.#output += String(chunk)));
  }

  /** @throws Error with what it printed when it is not ready in time */
  async ready(url: string, isReady: (status: number) => boolean): Promise<void> {
    for (const end = performance.now() + READY_MS; performance.now() < end && this.#child.exitCode === null; await delay(20)) {
      const status = await fetch(url).then(
        (answer) => answer.status,
        () => 0,
      );
      if (isReady(status)) return;
    }
    await this.stop();
    throw new Error(`a process of the demo's own was not ready:\n${this.#output}`);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(patience);
  }
}

/** `signet gateway` as a process of its own, with a signing proxy in front of a backend. */
export class GatewayNode {
  readonly proxyPort: number;
  readonly signPort: number;
  readonly #process: Process;

  private constructor(process: Process, proxyPort: number, signPort: number) {
    this.#process = process;
    this.proxyPort = proxyPort;
    this.signPort = signPort;
  }

  static async start(controlPlaneUrl: string, instanceId: string, token: string, backendPort: number): Promise<GatewayNode> {
    const [proxyPort, signPort] = [await freePort(), await freePort()];
    const child = new Process(process.execPath, [CLI, 'gateway'], {
      SIGNET_CONTROL_PLANE_URL: controlPlaneUrl,
      SIGNET_INSTANCE_ID: instanceId,
      SIGNET_GATEWAY_TOKEN: token,
      SIGNET_NODE_ID: 'demo',
      SIGNET_GATEWAY_LISTEN: `proxy=${proxyPort},sign=${signPort}`,
      SIGNET_GATEWAY_UPSTREAM: `http://127.0.0.1:${backendPort}`,
      SIGNET_LOG_LEVEL: 'warn',
    });
    await child.ready(`http://127.0.0.1:${signPort}/readyz`, (status) => status === 200);
    return new GatewayNode(child, proxyPort, signPort);
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}

/** Stock nginx with the configuration that `signet gen nginx` prints. */
export class Nginx {
  readonly port: number;
  readonly #process: Process;
  readonly #folder: string;

  private constructor(process: Process, port: number, folder: string) {
    this.#process = process;
    this.port = port;
    this.#folder = folder;
  }

  /** @returns undefined when it is not installed */
  static async start(instanceId: string, signPort: number, backendPort: number): Promise<Nginx | undefined> {
    if (spawnSync('nginx', ['-v'], { env: { PATH } }).status !== 0) return undefined;
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'signet-demo-nginx-'));
    const gen = ['gen', 'nginx', '--instance', instanceId, '--listen', `127.0.0.1:${port}`];
    const urls = ['--signer', `http://127.0.0.1:${signPort}`, '--upstream', `http://127.0.0.1:${backendPort}`];
    const { stdout } = spawnSync(process.execPath, [CLI, ...gen, ...urls], { env: { PATH }, encoding: 'utf8' });
    writeFileSync(join(folder, 'signet.conf'), stdout);
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ');
    const user = process.getuid?.() === 0 ? 'user root;' : '';
    const main = `${user} daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr error;
events { worker_connections 1024; }
http { access_log off; ${temporary} include ${folder}/signet.conf; }
`;
    writeFileSync(join(folder, 'nginx.conf'), main);
    const child = new Process('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], {});
    // Any answer of its own will do.
    await child.ready(`http://127.0.0.1:${port}/`, (status) => status > 0);
    return new Nginx(child, port, folder);
  }

  async stop(): Promise<void> {
    await this.#process.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
