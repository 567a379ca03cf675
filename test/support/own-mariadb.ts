import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { freePort } from './process.js';

const PATH = `${process.env['PATH']}:/usr/sbin`;
const READY_MS = 30_000;

/** Whether this machine has the server's own programs. */
export const hasMariadbServer = spawnSync('mariadbd', ['--version'], { env: { PATH } }).status === 0;

/** A MariaDB of a test's own, which it may kill. */
export class OwnMariadb {
  #child: ChildProcess | undefined;
  private constructor(
    private readonly folder: string,
    private readonly port: number,
  ) {}

  static async start(): Promise<OwnMariadb> {
    const folder = mkdtempSync(join(tmpdir(), 'signet-mariadb-'));
    const user = process.getuid?.() === 0 ? ['--user=mysql'] : [];
    if (user.length > 0) {
      const id = (flag: string) => Number(spawnSync('id', [flag, 'mysql'], { encoding: 'utf8' }).stdout);
      chownSync(folder, id('-u'), id('-g'));
    }
    const install = ['--no-defaults', ...user, `--datadir=${folder}`, '--auth-root-authentication-method=normal', '--skip-test-db'];
    const made = spawnSync('mariadb-install-db', install, { env: { PATH }, encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`mariadb-install-db: ${made.stderr}`);
    const server = new OwnMariadb(folder, await freePort());
    await server.run(user);
    const connection = await createConnection({ uri: `mysql://root@127.0.0.1:${server.port}` });
    await connection.query('CREATE DATABASE signet');
    await connection.end();
    return server;
  }

  get url(): string {
    return `mysql://root@127.0.0.1:${this.port}/signet`;
  }

  async kill(): Promise<void> {
    if (!this.#child || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  async run(user = process.getuid?.() === 0 ? ['--user=mysql'] : []): Promise<void> {
    const files = [`--datadir=${this.folder}`, `--socket=${this.folder}/my.sock`, `--pid-file=${this.folder}/my.pid`];
    const network = ['--bind-address=127.0.0.1', `--port=${this.port}`, '--skip-name-resolve'];
    this.#child = spawn('mariadbd', ['--no-defaults', ...user, ...files, ...network], { env: { PATH }, stdio: 'ignore' });
    for (const end = performance.now() + READY_MS; ; ) {
      const up = await createConnection({ uri: `mysql://root@127.0.0.1:${this.port}`, connectTimeout: 1000 }).then(
        (connection) => connection.end().then(() => true),
        () => false,
      );
      if (up) return;
      if (performance.now() > end) throw new Error('the MariaDB of the test does not answer');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
