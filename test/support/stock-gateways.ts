import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { caddy } from '../../src/cli/gen/caddy.js';
import { haproxy } from '../../src/cli/gen/haproxy.js';
import { haproxyLua } from '../../src/cli/gen/haproxy-lua.js';
import { nginx } from '../../src/cli/gen/nginx.js';
import type { GenOptions } from '../../src/cli/gen/options.js';
import { overdue } from './slowness.js';

const LISTENING_MS = 20_000;

export const STOCK = ['nginx', 'haproxy', 'caddy'] as const;
export type Stock = (typeof STOCK)[number];

/** The paths on Debian; undefined if not installed. */
export function binaryOf(name: Stock): string | undefined {
  const found = spawnSync('sh', ['-c', `command -v ${name}`], {
    env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
    encoding: 'utf8',
  });
  return found.status === 0 ? found.stdout.trim() : undefined;
}

/** A free port below the ephemeral range, whose ports collide with outgoing connections. */
export async function stockPort(): Promise<number> {
  for (;;) {
    const port = randomInt(12_000, 32_000);
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    probe.close();
    await once(probe, 'close');
    return port;
  }
}

/** A folder for one gateway: its configuration, its maps, its socket. */
export function stockFolder(name: Stock): { folder: string; socket: string; master: string } {
  const folder = mkdtempSync(join(tmpdir(), `signet-${name}-`));
  for (const map of ['keys.map', 'exact.map', 'patterns.map', 'lease.map', 'settings.map']) writeFileSync(join(folder, map), '');
  writeFileSync(join(folder, 'signet.lua'), haproxyLua);
  return { folder, socket: join(folder, 'admin.sock'), master: join(folder, 'master.sock') };
}

export interface StockOptions {
  folder: string;
  socket: string;
  signer: string;
  upstream: string;
  gen?: Partial<GenOptions>;
  /** For HAProxy, the socket of its master process; absent if the master has no socket. */
  master?: string | undefined;
  /** For HAProxy, `hard-stop-after` in its configuration. */
  hardStop?: string | undefined;
  /** For HAProxy, the time limit of an idle connection. A stopping worker can still answer until then. */
  requestTimeout?: string | undefined;
  env?: Record<string, string>;
}

/** A gateway process with the configuration that `signet gen` prints. */
export class StockGateway {
  output = '';
  child: ChildProcess;
  private constructor(
    private readonly launch: () => ChildProcess,
    readonly port: number,
    readonly folder: string,
  ) {
    this.child = this.#spawn();
  }

  #spawn(): ChildProcess {
    const child = this.launch();
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (this.output += String(chunk)));
    return child;
  }

  static async start(name: Stock, options: StockOptions): Promise<StockGateway> {
    const binary = binaryOf(name);
    if (binary === undefined) throw new Error(`${name} is not installed`);
    const port = await stockPort();
    const { folder, socket } = options;
    const gen: GenOptions = {
      instance: 'instance1',
      signers: [new URL(options.signer)],
      upstream: new URL(options.upstream),
      listen: `127.0.0.1:${port}`,
      maps: folder,
      socket,
      largeBody: 'unsigned-payload',
      ...options.gen,
    };
    const args = argumentsOf(name, folder, gen, options);
    const env = { HOME: folder, ...options.env };
    const launch = () => spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    const gateway = new StockGateway(launch, port, folder);
    await gateway.#listening();
    return gateway;
  }

  async #listening(): Promise<void> {
    try {
      await listening(this.port, this.child, () => this.output);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Restarts it with the configuration and the map files on disk. */
  async restart(): Promise<void> {
    await this.end();
    this.child = this.#spawn();
    await this.#listening();
  }

  /** For HAProxy, reloads it with the configuration and the map files on disk. The old worker finishes its connections. */
  async reload(): Promise<void> {
    const before = this.#workers();
    const began = performance.now();
    let signalled = Number.NEGATIVE_INFINITY;
    while (!this.#workers().some((pid) => !before.includes(pid))) {
      if (overdue(began, 90_000)) throw new Error(`no new worker:\n${this.output}`);
      // A master that is still processing the previous reload loses a signal.
      if (overdue(signalled, 10_000)) {
        this.child.kill('SIGUSR2');
        signalled = performance.now();
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  #workers(): number[] {
    const { pid } = this.child;
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  }

  /** Stops the process with SIGSTOP. */
  async pause(): Promise<void> {
    for (const pid of [...this.#workers(), this.child.pid!]) process.kill(pid, 'SIGSTOP');
  }

  async resume(): Promise<void> {
    for (const pid of [...this.#workers(), this.child.pid!]) process.kill(pid, 'SIGCONT');
  }

  async stop(): Promise<void> {
    await this.end();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Ends the process, and keeps its folder. */
  async end(): Promise<void> {
    await ended(this.child);
  }
}

function argumentsOf(name: Stock, folder: string, gen: GenOptions, { master, hardStop, requestTimeout }: StockOptions): string[] {
  const file = join(folder, name === 'caddy' ? 'Caddyfile' : `${name}.conf`);
  if (name === 'nginx') {
    writeFileSync(join(folder, 'signet.conf'), nginx(gen));
    writeFileSync(file, nginxProgram(folder, `include ${folder}/signet.conf;`));
    return ['-p', folder, '-c', file];
  }
  if (name === 'haproxy') {
    let text = haproxy(gen);
    if (hardStop !== undefined) text = text.replace(/hard-stop-after \S+/, `hard-stop-after ${hardStop}`);
    if (requestTimeout !== undefined) text = text.replace(/timeout http-request \S+/, `timeout http-request ${requestTimeout}`);
    writeFileSync(file, text);
    return ['-W', '-db', ...(master === undefined ? [] : ['-S', `${master},mode,600`]), '-f', file];
  }
  writeFileSync(file, `{\n  admin off\n  auto_https off\n}\n${caddy(gen)}`);
  return ['run', '--config', file, '--adapter', 'caddyfile'];
}

/** A stock program with a configuration of somebody else's. */
export class StockProgram {
  #output = '';
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (this.#output += String(chunk)));
  }

  /** @param text for nginx: what is in its http block @param port where it listens then */
  static async start(name: 'haproxy' | 'nginx', text: string, port: number): Promise<StockProgram> {
    const binary = binaryOf(name);
    if (binary === undefined) throw new Error(`${name} is not installed`);
    const folder = mkdtempSync(join(tmpdir(), `signet-${name}-`));
    const file = join(folder, `${name}.conf`);
    writeFileSync(file, name === 'nginx' ? nginxProgram(folder, text) : text);
    const args = name === 'nginx' ? ['-p', folder, '-c', file] : ['-db', '-f', file];
    const program = new StockProgram(spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { HOME: folder } }), folder);
    try {
      await listening(port, program.child, () => program.#output);
    } catch (error) {
      await program.stop();
      throw error;
    }
    return program;
  }

  async stop(): Promise<void> {
    await ended(this.child);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A whole configuration of nginx that runs in its folder. @param http what is in its http block */
function nginxProgram(folder: string, http: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ');
  return `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; worker_processes 2; pid ${folder}/nginx.pid; error_log stderr warn;
events { worker_connections 512; }
http { access_log off; ${temporary} ${http} }
`;
}

/** Resolves when the port takes connections. @throws Error with the output when the process ends before, or takes too long */
async function listening(port: number, child: ChildProcess, output: () => string): Promise<void> {
  const began = performance.now();
  while (!overdue(began, LISTENING_MS) && child.exitCode === null) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      }).on('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`the program does not listen:\n${output()}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const cut = setTimeout(() => child.kill('SIGKILL'), 3000);
  await once(child, 'exit');
  clearTimeout(cut);
}
