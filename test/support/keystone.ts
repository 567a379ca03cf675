import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './process.js';
import { overdue } from './slowness.js';

const run = promisify(execFile);
const MANAGE = '/usr/bin/keystone-manage';
const WSGI = '/usr/bin/keystone-wsgi-public';
const READY_MS = 60_000;
const PASSWORD = 'pw-of-everyone';
/** Syncs are off, because creating the database takes hundreds of small transactions, and the data need not be durable. */
const MEMORY = '/dev/shm';
/** The packages need Debian's Python, whichever Python is first on the path. */
const ENV = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', HOME: '/root', LANG: 'C.UTF-8' };

/** Whether Debian's `keystone` is installed. CI installs it (.ci/run). */
export const keystoneInstalled = existsSync(MANAGE) && existsSync(WSGI);
if (!keystoneInstalled && process.env['CI']) throw new Error('no Keystone: CI runs against the Debian package');

type Provider = 'fernet' | 'jws';

interface KeystoneAnswer {
  status: number;
  token: string;
  body: any;
  text: string;
}

/**
 * A real OpenStack Keystone in a folder of its own: SQLite, and one server for each kind of token over the same database. Users: `alice`
 * (member of proj-a), `rita` (reader of proj-a), `ada` (admin of proj-a), `bob` (member of proj-b), `nora` (a role in proj-a that Signet
 * does not map) and the service user `signet` (role service in the project service).
 */
export class Keystone {
  readonly #servers = new Map<Provider, ChildProcess>();
  readonly #ports = new Map<Provider, number>();
  #admin = '';
  /** By kind and name: each request costs Keystone a tenth of a second of processor time. */
  readonly #ids = new Map<string, string>();

  private constructor(private readonly dir: string) {}

  /** Start-up time in milliseconds, reported because CI waits for it. */
  startedMs = 0;

  readonly password = PASSWORD;

  get publicKeys(): string {
    return join(this.dir, 'jws-public');
  }

  /** The key with which Keystone currently signs JWS tokens. */
  get jwsKeys(): { privateKey: KeyObject; publicKey: KeyObject } {
    const privateKey = createPrivateKey(readFileSync(join(this.dir, 'jws-private', 'private.pem')));
    return { privateKey, publicKey: createPublicKey(privateKey) };
  }

  url(provider: Provider = 'fernet'): string {
    return `http://127.0.0.1:${this.#ports.get(provider)!}/v3`;
  }

  static async start(): Promise<Keystone> {
    const began = performance.now();
    const keystone = new Keystone(mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'signet-keystone-')));
    try {
      await keystone.#prepare();
      await Promise.all([keystone.serve('fernet'), keystone.serve('jws')]);
      await keystone.#populate();
    } catch (error) {
      await keystone.stop();
      throw error;
    }
    keystone.startedMs = Math.round(performance.now() - began);
    return keystone;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#servers.keys()].map((provider) => this.halt(provider)));
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Starts the server of one kind of token, on its earlier port. */
  async serve(provider: Provider): Promise<void> {
    const port = this.#ports.get(provider) ?? (await freePort());
    this.#ports.set(provider, port);
    const args = ['--plugin', 'python3', '--master', '--die-on-term', '--lazy-apps', '--buffer-size', '65535'];
    const child = spawn(
      '/usr/bin/uwsgi',
      [...args, '--processes', PROCESSES[provider], '--http-socket', `127.0.0.1:${port}`, '--wsgi-file', WSGI],
      {
        env: { ...ENV, OS_KEYSTONE_CONFIG_DIR: join(this.dir, provider) },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    let output = '';
    child.stderr.on('data', (chunk) => (output = (output + String(chunk)).slice(-4000)));
    this.#servers.set(provider, child);
    const began = performance.now();
    while (!overdue(began, READY_MS) && child.exitCode === null) {
      const ready = await fetch(this.url(provider)).then(
        ({ status }) => status === 200,
        () => false,
      );
      if (ready) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`keystone (${provider}) did not start:\n${output}`);
  }

  async halt(provider: Provider): Promise<void> {
    const child = this.#servers.get(provider);
    this.#servers.delete(provider);
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }

  /** A token of a user for a project, by password. */
  async token(user: string, project: string | undefined, provider: Provider = 'fernet'): Promise<string> {
    const scope = project === undefined ? {} : { scope: { project: { name: project, domain: { id: 'default' } } } };
    const { status, token, text } = await this.#login(user, PASSWORD, scope, provider);
    if (status !== 201) throw new Error(`no token for ${user} in ${project}: ${status} ${text}`);
    return token;
  }

  /** Revokes a token. */
  async revoke(token: string, provider: Provider = 'fernet'): Promise<void> {
    const { status } = await this.#call('DELETE', '/auth/tokens', { token, headers: { 'x-subject-token': token }, provider });
    if (status !== 204) throw new Error(`the token was not revoked: ${status}`);
  }

  /** Calls Keystone as the administrator. */
  async api(method: string, path: string, body?: object): Promise<any> {
    const answer = await this.#call(method, path, { token: this.#admin, body });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  }

  async id(kind: 'users' | 'projects' | 'roles', name: string): Promise<string> {
    const known = this.#ids.get(`${kind}/${name}`);
    if (known !== undefined) return known;
    const id = (await this.api('GET', `/${kind}?name=${name}`))[kind][0].id as string;
    this.#ids.set(`${kind}/${name}`, id);
    return id;
  }

  async grant(method: 'PUT' | 'DELETE', user: string, project: string, role: string): Promise<void> {
    const [u, p, r] = await Promise.all([this.id('users', user), this.id('projects', project), this.id('roles', role)]);
    await this.api(method, `/projects/${p}/users/${u}/roles/${r}`);
  }

  async enable(user: string, enabled: boolean): Promise<void> {
    await this.api('PATCH', `/users/${await this.id('users', user)}`, { user: { enabled } });
  }

  /** Adds a new JWS key that signs from now on; every public key in the folder still verifies. */
  async rotateJws(): Promise<void> {
    this.#jwsKey(`rotated-${Math.round(performance.now())}`);
    await this.halt('jws');
    await this.serve('jws');
  }

  #jwsKey(name: string): void {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(join(this.dir, 'jws-private', 'private.pem'), privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
    writeFileSync(join(this.publicKeys, `${name}.pem`), publicKey.export({ type: 'spki', format: 'pem' }));
  }

  async #prepare(): Promise<void> {
    for (const folder of ['fernet-keys', 'credential-keys', 'jws-public', 'jws-private', 'fernet', 'jws'])
      mkdirSync(join(this.dir, folder), { mode: 0o700 });
    for (const provider of ['fernet', 'jws'] as const)
      writeFileSync(join(this.dir, provider, 'keystone.conf'), configuration(this.dir, provider));
    this.#jwsKey('first');
    await this.#manage('db_sync');
    // Without this setting, the second connection of a request finds the database locked.
    await run('/usr/bin/python3', ['-c', `import sqlite3; sqlite3.connect('${this.dir}/keystone.db').execute('PRAGMA journal_mode=WAL')`]);
    await Promise.all([this.#manage('fernet_setup', ...OWNER), this.#manage('credential_setup', ...OWNER)]);
    await this.#manage('bootstrap', '--bootstrap-password', PASSWORD);
  }

  async #manage(...args: string[]): Promise<void> {
    await run(MANAGE, ['--config-file', join(this.dir, 'fernet', 'keystone.conf'), ...args], { env: ENV });
  }

  async #populate(): Promise<void> {
    this.#admin = await this.token('admin', 'admin');
    const create = async (kind: 'user' | 'project' | 'role', fields: object) =>
      (await this.api('POST', `/${kind}s`, { [kind]: fields }))[kind].id as string;
    const projects = new Map<string, string>();
    for (const name of ['proj-a', 'proj-b', 'service']) projects.set(name, await create('project', { name, domain_id: 'default' }));
    const roles = new Map<string, string>();
    for (const { name, id } of (await this.api('GET', '/roles')).roles) roles.set(name, id);
    for (const name of ['service', 'dancer']) if (!roles.has(name)) roles.set(name, await create('role', { name }));
    for (const [name, project, role] of USERS) {
      const id = await create('user', { name, password: PASSWORD, domain_id: 'default' });
      await this.api('PUT', `/projects/${projects.get(project)}/users/${id}/roles/${roles.get(role)}`);
    }
  }

  async #login(user: string, password: string, scope: object, provider: Provider): Promise<KeystoneAnswer> {
    const identity = { methods: ['password'], password: { user: { name: user, domain: { id: 'default' }, password } } };
    return this.#call('POST', '/auth/tokens', { body: { auth: { identity, ...scope } }, provider });
  }

  async #call(
    method: string,
    path: string,
    { token, body, headers, provider }: { token?: string; body?: object; headers?: Record<string, string>; provider?: Provider },
  ): Promise<KeystoneAnswer> {
    const send = () =>
      fetch(this.url(provider) + path, {
        method,
        headers: { ...headers, ...(token && { 'x-auth-token': token }), ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
      });
    // uWSGI closes idle connections without notice, and fetch would reuse them.
    const response = await send().catch(send);
    const text = await response.text();
    return {
      status: response.status,
      token: response.headers.get('x-subject-token') ?? '',
      text,
      body: text.startsWith('{') ? JSON.parse(text) : undefined,
    };
  }
}

/** Each process loads Keystone separately, which takes seconds of CPU time. */
const PROCESSES = { fernet: '2', jws: '1' };
const OWNER = ['--keystone-user', 'root', '--keystone-group', 'root'];

const USERS = [
  ['alice', 'proj-a', 'member'],
  ['rita', 'proj-a', 'reader'],
  ['ada', 'proj-a', 'admin'],
  ['bob', 'proj-b', 'member'],
  ['nora', 'proj-a', 'dancer'],
  ['signet', 'service', 'service'],
] as const;

const configuration = (dir: string, provider: Provider) => `[DEFAULT]
log_dir = ${dir}/${provider}
[database]
connection = sqlite:///${dir}/keystone.db
[cache]
enabled = false
[token]
provider = ${provider}
[fernet_tokens]
key_repository = ${dir}/fernet-keys
[fernet_receipts]
key_repository = ${dir}/fernet-keys
[credential]
key_repository = ${dir}/credential-keys
[jwt_tokens]
jws_public_key_repository = ${dir}/jws-public
jws_private_key_repository = ${dir}/jws-private
[identity]
password_hash_algorithm = bcrypt
password_hash_rounds = 4
`;
