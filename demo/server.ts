import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';

export const CLI = join(import.meta.dirname, '..', 'dist', 'cli.js');
const READY_MS = 30_000;
const STOP_MS = 15_000;
const newPassword = () => randomBytes(24).toString('base64url');

export interface User {
  name: string;
  password: string;
}

/** A `signet serve` of the demo's own, with a data folder and, on MariaDB, a database that go with it. */
export class Server {
  readonly baseUrl: string;
  readonly admin: User = { name: 'admin', password: newPassword() };
  readonly reader: User = { name: 'reader', password: newPassword() };
  readonly #folder = mkdtempSync(join(tmpdir(), 'signet-demo-'));
  readonly #port: number;
  readonly #database: Database | undefined;
  readonly #more: Record<string, string>;
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(port: number, database: Database | undefined, more: Record<string, string>) {
    this.#port = port;
    this.#more = more;
    this.#database = database;
    this.baseUrl = `http://127.0.0.1:${port}`;
  }

  /**
   * @param mariadb where to keep the data instead of in SQLite: with a database in its path that database, which must be empty;
   * without one, a new database that is dropped at the end
   * @param more of its environment
   */
  static async start(mariadb: string | undefined, more: Record<string, string> = {}): Promise<Server> {
    const server = new Server(await freePort(), mariadb === undefined ? undefined : await openDatabase(mariadb), more);
    try {
      await server.serve();
      return server;
    } catch (error) {
      await server.remove();
      throw error;
    }
  }

  private get environment(): Record<string, string> {
    return {
      ...(process.env['PATH'] !== undefined && { PATH: process.env['PATH'] }),
      SIGNET_HOST: '127.0.0.1',
      SIGNET_PORT: String(this.#port),
      SIGNET_DATA_DIR: this.#folder,
      SIGNET_LOG_LEVEL: 'warn',
      SIGNET_EMBEDDED_GATEWAY: 'off',
      SIGNET_ADMIN_PASSWORD: this.admin.password,
      SIGNET_IAM_FILE: join(this.#folder, 'iam.json'),
      ...(this.#database && { DATABASE_URL: this.#database.url }),
      ...this.#more,
    };
  }

  private async serve(): Promise<void> {
    const roles = [{ project: 'default', role: 'APIG ReadOnlyAccess' }];
    writeFileSync(join(this.#folder, 'iam.json'), JSON.stringify({ users: [{ ...this.reader, roles }] }), { mode: 0o600 });
    this.#child = spawn(process.execPath, [CLI, 'serve'], { env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.on('data', (chunk) => (this.#output += String(chunk)));
    for (const end = performance.now() + READY_MS; performance.now() < end && this.#child.exitCode === null; ) {
      const ready = await fetch(`${this.baseUrl}/readyz`).then(
        ({ status }) => status === 200,
        () => false,
      );
      if (ready) return;
      await delay(25);
    }
    throw new Error(`signet serve was not ready:\n${this.#output}`);
  }

  /** Stops the server. @returns its exit code, null after it had to be killed */
  async stop(): Promise<number | null> {
    const child = this.#child;
    if (!child) return 0;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const ended = once(child, 'exit') as Promise<[number | null]>;
    child.kill('SIGTERM');
    const patience = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    const [code] = await ended;
    clearTimeout(patience);
    return code;
  }

  /** Runs another command of the command line on the same data. */
  async run(...args: string[]): Promise<{ code: number | null; output: string }> {
    const child = spawn(process.execPath, [CLI, ...args], { env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, output: output.trim() };
  }

  /** Stops the server and removes all it had. May be called again. */
  async remove(): Promise<void> {
    await this.stop();
    await this.#database?.drop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

interface Database {
  url: string;
  drop(): Promise<void>;
}

async function openDatabase(url: string): Promise<Database> {
  const given = new URL(url);
  if (given.pathname.length > 1) return { url, drop: async () => {} };
  const name = `signet_demo_${randomBytes(6).toString('hex')}`;
  const query = async (sql: string) => {
    const connection = await createConnection({ uri: url, connectTimeout: 5000 });
    await connection.query(sql).finally(() => connection.end());
  };
  await query(`CREATE DATABASE ${name}`);
  given.pathname = `/${name}`;
  return { url: given.href, drop: () => query(`DROP DATABASE IF EXISTS ${name}`) };
}

/** A loopback port that is free now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
