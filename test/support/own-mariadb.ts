import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { freePort } from './process.js';
import { overdue } from './slowness.js';

const PATH = `${process.env['PATH']}:/usr/sbin`;
const READY_MS = 30_000;

/** Whether the MariaDB server programs are installed. */
export const hasMariadbServer = spawnSync('mariadbd', ['--version'], { env: { PATH } }).status === 0;

/** A separate MariaDB server for one test, which may kill the server. */
export class OwnMariadb {
  #child: ChildProcess | undefined;
  private constructor(
    private readonly folder: string,
    readonly port: number,
    private options: readonly string[],
    private readonly env: Readonly<Record<string, string>> = {},
  ) {}

  /** @param options further server options */
  static start(...options: string[]): Promise<OwnMariadb> {
    return OwnMariadb.startWith({}, ...options);
  }

  /** @param env variables of the server's process */
  static async startWith(env: Readonly<Record<string, string>>, ...options: string[]): Promise<OwnMariadb> {
    const folder = mkdtempSync(join(tmpdir(), 'signet-mariadb-'));
    const user = process.getuid?.() === 0 ? ['--user=mysql'] : [];
    if (user.length > 0) {
      const id = (flag: string) => Number(spawnSync('id', [flag, 'mysql'], { encoding: 'utf8' }).stdout);
      chownSync(folder, id('-u'), id('-g'));
    }
    const install = ['--no-defaults', ...user, `--datadir=${folder}`, '--auth-root-authentication-method=normal', '--skip-test-db'];
    const made = spawnSync('mariadb-install-db', install, { env: { PATH }, encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`mariadb-install-db: ${made.stderr}`);
    const server = new OwnMariadb(folder, await freePort(), options, env);
    await server.run(user);
    const connection = await createConnection({ uri: `mysql://root@127.0.0.1:${server.port}` });
    await connection.query('CREATE DATABASE signet');
    await connection.end();
    return server;
  }

  get url(): string {
    return `mysql://root@127.0.0.1:${this.port}/signet`;
  }

  async restart(...options: string[]): Promise<void> {
    await this.kill();
    this.options = options;
    await this.run();
  }

  async kill(): Promise<void> {
    if (!this.#child || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  /** Stops the server with SIGSTOP: it does not answer, but the kernel still accepts connections. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Runs a statement as root, on a separate connection. */
  async query(sql: string): Promise<void> {
    const connection = await createConnection({ uri: this.url, connectTimeout: 5000 });
    try {
      await connection.query(sql);
    } finally {
      await connection.end();
    }
  }

  async run(user = process.getuid?.() === 0 ? ['--user=mysql'] : []): Promise<void> {
    const files = [`--datadir=${this.folder}`, `--socket=${this.folder}/my.sock`, `--pid-file=${this.folder}/my.pid`];
    const network = ['--bind-address=127.0.0.1', `--port=${this.port}`, '--skip-name-resolve'];
    this.#child = spawn('mariadbd', ['--no-defaults', ...user, ...files, ...network, ...this.options], {
      env: { PATH, ...this.env },
      stdio: 'ignore',
    });
    for (const began = performance.now(); ; ) {
      const up = await createConnection({ uri: `mysql://root@127.0.0.1:${this.port}`, connectTimeout: 1000 }).then(
        (connection) => connection.end().then(() => true),
        () => false,
      );
      if (up) return;
      if (overdue(began, READY_MS)) throw new Error('the MariaDB of the test does not answer');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
