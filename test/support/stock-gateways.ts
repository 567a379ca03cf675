import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { caddy } from '../../src/cli/gen/caddy.js';
import { haproxy, haproxyLua } from '../../src/cli/gen/haproxy.js';
import { nginx } from '../../src/cli/gen/nginx.js';
import type { GenOptions } from '../../src/cli/gen/options.js';

export const STOCK = ['nginx', 'haproxy', 'caddy'] as const;
export type Stock = (typeof STOCK)[number];

/** Where Debian puts them; undefined when it is not installed. */
export function binaryOf(name: Stock): string | undefined {
  const found = spawnSync('sh', ['-c', `command -v ${name}`], {
    env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` },
    encoding: 'utf8',
  });
  return found.status === 0 ? found.stdout.trim() : undefined;
}

/** A free port below the ones that the system hands out by itself, since those collide with connections under way. */
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
export function stockFolder(name: Stock): { folder: string; socket: string } {
  const folder = mkdtempSync(join(tmpdir(), `signet-${name}-`));
  for (const map of ['keys.map', 'exact.map', 'patterns.map', 'lease.map']) writeFileSync(join(folder, map), '');
  writeFileSync(join(folder, 'signet.lua'), haproxyLua);
  return { folder, socket: join(folder, 'admin.sock') };
}

/** One gateway as a process of its own, with the configuration that `signet gen` prints. */
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

  static async start(name: Stock, options: { folder: string; socket: string; signer: string; upstream: string }): Promise<StockGateway> {
    const binary = binaryOf(name);
    if (binary === undefined) throw new Error(`${name} is not installed`);
    const port = await stockPort();
    const { folder, socket } = options;
    const gen: GenOptions = {
      instance: 'instance1',
      signer: new URL(options.signer),
      upstream: new URL(options.upstream),
      listen: `127.0.0.1:${port}`,
      maps: folder,
      socket,
      largeBody: 'unsigned-payload',
    };
    const args = argumentsOf(name, folder, gen);
    const launch = () => spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { HOME: folder } });
    const gateway = new StockGateway(launch, port, folder);
    await gateway.#listening();
    return gateway;
  }

  async #listening(): Promise<void> {
    const end = performance.now() + 20_000;
    while (performance.now() < end && this.child.exitCode === null) {
      const open = await new Promise<boolean>((resolve) => {
        const socket = connect(this.port, '127.0.0.1', () => {
          socket.destroy();
          resolve(true);
        }).on('error', () => resolve(false));
      });
      if (open) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await this.stop();
    throw new Error(`the gateway does not listen:\n${this.output}`);
  }

  /** Another process, with the configuration and the map files as they are on the disk. */
  async restart(): Promise<void> {
    await this.#end();
    this.child = this.#spawn();
    await this.#listening();
  }

  /** It is there and does nothing. */
  async pause(): Promise<void> {
    this.child.kill('SIGSTOP');
  }

  async resume(): Promise<void> {
    this.child.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.#end();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #end(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGTERM');
      const cut = setTimeout(() => this.child.kill('SIGKILL'), 3000);
      await once(this.child, 'exit');
      clearTimeout(cut);
    }
  }
}

function argumentsOf(name: Stock, folder: string, gen: GenOptions): string[] {
  const file = join(folder, name === 'caddy' ? 'Caddyfile' : `${name}.conf`);
  if (name === 'nginx') {
    writeFileSync(join(folder, 'signet.conf'), nginx(gen));
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ');
    writeFileSync(
      file,
      `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; worker_processes 2; pid ${folder}/nginx.pid; error_log stderr warn;
events { worker_connections 512; }
http { access_log off; ${temporary} include ${folder}/signet.conf; }
`,
    );
    return ['-p', folder, '-c', file];
  }
  if (name === 'haproxy') {
    writeFileSync(file, haproxy(gen));
    return ['-db', '-f', file];
  }
  writeFileSync(file, `{\n  admin off\n  auto_https off\n}\n${caddy(gen)}`);
  return ['run', '--config', file, '--adapter', 'caddyfile'];
}
