import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { createConnection } from 'mysql2/promise';
import type { TestDatabase } from './databases.js';
import type { LeftOut } from './left-out.js';
import { freePort, ServedProcess, signet } from './process.js';
import { type Answer, Client } from './service.js';
import { until } from './until.js';
import { WallClock } from './wall-clock.js';

export const READY_MS = 180_000;
const LEAVE_OUT = pathToFileURL(join(import.meta.dirname, 'leave-out.ts')).href;

/** Controls the rules that a running process leaves out. */
export class Rules {
  readonly #file = join(mkdtempSync(join(tmpdir(), 'signet-rules-')), 'left-out');

  constructor(names: readonly LeftOut[]) {
    writeFileSync(this.#file, JSON.stringify(names));
  }

  get env(): Record<string, string> {
    return { NODE_OPTIONS: `--import ${LEAVE_OUT}`, LEFT_OUT_FILE: this.#file };
  }

  async change(pid: number, names: readonly LeftOut[]): Promise<void> {
    const text = JSON.stringify(names);
    writeFileSync(this.#file, text);
    process.kill(pid, 'SIGUSR2');
    await until(() => readFileSync(`${this.#file}.taken`, 'utf8') === text, 'a rule to be left out');
  }
}

/** Logs in again when necessary: after a clock change, the token may be expired. */
class Operator extends Client {
  private constructor(
    private readonly served: ServedProcess,
    private client: Client,
  ) {
    super(client.baseUrl, client.projectId, client.token);
  }

  static async of(served: ServedProcess): Promise<Operator> {
    return new Operator(served, await served.admin());
  }

  override async call(...what: Parameters<Client['call']>): Promise<Answer> {
    const answer = await this.client.call(...what);
    if (answer.status !== 401) return answer;
    this.client = await this.served.admin();
    return this.client.call(...what);
  }
}

/** A control plane as a process at a fixed address, with its own wall clock. */
export class ControlPlane {
  readonly clock: WallClock;
  /** The pulse file. Each control plane has its own, even if two share a data folder. */
  readonly #pulse = join(mkdtempSync(join(tmpdir(), 'signet-pulse-')), 'pulse');
  readonly #rules: Rules | undefined;
  served!: ServedProcess;
  #admin!: Client;

  private constructor(
    private readonly env: Record<string, string>,
    readonly port: number,
    offset: number,
    leavesOut: boolean,
  ) {
    this.clock = new WallClock(offset);
    this.#rules = leavesOut ? new Rules([]) : undefined;
  }

  /** @param leavesOut whether it can leave out rules */
  static async start({ env }: Pick<TestDatabase, 'env'>, offset: number, leavesOut: boolean): Promise<ControlPlane> {
    const plane = new ControlPlane(env, await freePort(), offset, leavesOut);
    await plane.serve();
    return plane;
  }

  async serve(): Promise<void> {
    const own = { SIGNET_PORT: String(this.port), SIGNET_LOG_LEVEL: 'error', SIGNET_PULSE_FILE: this.#pulse };
    const env = { ...this.env, ...this.clock.env, ...this.#rules?.env, ...own };
    this.served = await ServedProcess.start({ ...env, SIGNET_LIMITS: 'instances=100000' }, READY_MS);
    this.#admin = await Operator.of(this.served);
  }

  get projectId(): string {
    return this.#admin.projectId;
  }

  async leaveOut(...names: LeftOut[]): Promise<void> {
    await this.#rules?.change(this.served.child.pid!, names);
  }

  /** Logs in as its operator. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    return this.#admin.call(method, path, body, headers);
  }

  /** @throws Error for any answer but 2xx */
  async done(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await this.call(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  }

  get admin(): Client {
    return this.#admin;
  }

  /** Waits until the control plane answers, also after a restart. */
  async up(): Promise<void> {
    await until(
      () =>
        fetch(`http://127.0.0.1:${this.port}/readyz`).then(
          ({ status }) => status === 200,
          () => false,
        ),
      'a control plane to be ready',
    );
  }

  /** Waits for a beat of the control plane, so that a restore to an earlier state is detected. */
  async beats(times: number): Promise<void> {
    const number = () => (JSON.parse(readFileSync(this.#pulse, 'utf8')) as { number: number }).number;
    const wanted = number() + times;
    await until(() => number() >= wanted, 'a control plane to beat');
  }

  /** Runs an operator's command on its database. @throws Error when it fails */
  async command(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await signet(args, { ...this.env, ...this.clock.env });
    if (code !== 0) throw new Error(`signet ${args.join(' ')}: ${stderr}`);
    return stdout;
  }
}

/** Reads rows of the database directly. */
async function rowsOf({ env, name, dataDir }: TestDatabase, sql: string, params: readonly (string | number)[]): Promise<unknown[]> {
  if (name === 'sqlite') {
    const file = new DatabaseSync(join(dataDir, 'signet.db'));
    file.exec('PRAGMA busy_timeout = 10000');
    const rows = file.prepare(sql).all(...params);
    file.close();
    return rows;
  }
  const connection = await createConnection({ uri: env['DATABASE_URL']! });
  const [rows] = await connection.execute(sql, [...params]);
  await connection.end();
  return Array.isArray(rows) ? rows : [];
}

/** Sets a lease below the operator's minimum, because runs are short. */
export async function shortLease(database: TestDatabase, gateway: string, seconds: number): Promise<void> {
  await rowsOf(database, 'UPDATE gateway_settings SET lease_seconds = ? WHERE instance_id = ?', [seconds, gateway]);
}

/** Whether nodes have reported tombstones since the restore. */
export async function hasNamed(database: TestDatabase, gateway: string): Promise<boolean> {
  return (await rowsOf(database, 'SELECT 1 FROM named_tombstones WHERE scope_id = ?', [gateway])).length > 0;
}

/** Whether control planes have stored silence of a process of the gateway. */
export async function isSilenceStored(database: TestDatabase, gateway: string): Promise<boolean> {
  const sql = 'SELECT 1 FROM signing_sessions WHERE scope_id = ? AND (silence_ms > 0 OR ending IS NOT NULL)';
  return (await rowsOf(database, sql, [gateway])).length > 0;
}
