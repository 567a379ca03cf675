import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApplication } from '../../src/application.js';
import { STARTER_WAIT_MS } from '../../src/lib/receipts/restore.js';
import { Clock } from '../../src/platform/common/clock.js';
import { Config, readConfig } from '../../src/platform/config/config.js';
import { IamAdminService } from '../../src/identity/iam/iam-admin.service.js';
import { createLogger } from '../../src/platform/observability/logger.js';
import { Pulse } from '../../src/platform/recovery/pulse.js';
import { ProjectsService } from '../../src/identity/projects/projects.service.js';
import type { TestDatabase } from './databases.js';
import { overdue } from './slowness.js';

/** Bounds the wait, because a service never becomes ready if the disk is full. */
const LOOKS_MAX = 500;
const LOGIN_MS = 30_000;
export const FULL_ACCESS = 'APIG FullAccess';
export const READ_ONLY = 'APIG ReadOnlyAccess';

export interface Answer {
  status: number;
  headers: Headers;
  /** The parsed JSON, `undefined` when there is no body. */
  body: any;
  text: string;
}

/** Calls a service over a real socket as one user in one project. */
export class Client {
  constructor(
    readonly baseUrl: string,
    readonly projectId: string,
    readonly token: string,
  ) {}

  /**
   * @param path below the service's root; `{project}` stands for this client's project id
   * @param body sent as JSON; a string or a Buffer is sent as it is
   */
  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(this.baseUrl + path.replace('{project}', this.projectId), {
      method,
      headers: { 'x-auth-token': this.token, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      body:
        body === undefined ? undefined : typeof body === 'string' || body instanceof Uint8Array ? (body as never) : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: text === '' ? undefined : parse(text) };
  }

  /**
   * Replaces a password that the service has generated, which gives no token: the answer to the login names the user, as Keystone's does.
   * @returns the new password
   */
  static async replacePassword(baseUrl: string, name: string, generated: string): Promise<string> {
    const anyone = new Client(baseUrl, '', '');
    const identity = { methods: ['password'], password: { user: { name, password: generated, domain: { name: 'default' } } } };
    const { status, text, body } = await anyone.post('/v3/auth/tokens', { auth: { identity } });
    const [, id] = /^The password is expired and needs to be changed for user: (\w+)\.$/.exec(body.error.message as string) ?? [];
    if (status !== 401 || id === undefined) throw new Error(`the password of ${name} need not be changed: ${status} ${text}`);
    const user = { password: 'a-password-of-my-own', original_password: generated };
    const changed = await anyone.post(`/v3/users/${id}/password`, { user });
    if (changed.status !== 204) throw new Error(`the password of ${name} was not changed: ${changed.status} ${changed.text}`);
    return user.password;
  }

  /** The administrator of the project `default`, by password. A busy service answers when to try again. */
  static async admin(baseUrl: string): Promise<Client> {
    const user = { name: 'admin', password: ADMIN_PASSWORD, domain: { name: 'default' } };
    const auth = { identity: { methods: ['password'], password: { user } }, scope: { project: { name: 'default' } } };
    for (const began = performance.now(); ; ) {
      const { status, headers, body, text } = await new Client(baseUrl, '', '').post('/v3/auth/tokens', { auth });
      if (status === 201) return new Client(baseUrl, body.token.project.id as string, headers.get('x-subject-token')!);
      if (status !== 503 || overdue(began, LOGIN_MS)) throw new Error(`the administrator got no token: ${status} ${text}`);
      await delay(1000 * Number(headers.get('retry-after') ?? 1));
    }
  }

  get = (path: string) => this.call('GET', path);
  post = (path: string, body?: unknown) => this.call('POST', path, body);
  put = (path: string, body?: unknown) => this.call('PUT', path, body);
  delete = (path: string) => this.call('DELETE', path);

  /** Creates a gateway and returns its id; `overrides` are fields of the create body. */
  async gateway(overrides: Record<string, unknown> = {}): Promise<string> {
    const answer = await this.post('/v2/{project}/apigw/instances', {
      instance_name: `gw_${randomBytes(6).toString('hex')}`,
      spec_id: 'PLATINUM',
      vpc_id: 'vpc',
      subnet_id: 'subnet',
      security_group_id: 'group',
      available_zone_ids: ['local-a'],
      ...overrides,
    });
    if (answer.status !== 202) throw new Error(`the gateway was not created: ${answer.status} ${answer.text}`);
    return answer.body.instance_id as string;
  }

  readonly #groups = new Map<string, string>();

  /**
   * Creates a MOCK API and publishes it, by default in RELEASE. `publishIds` are in the order of `envIds`. All APIs of a gateway are in one
   * group, created at the first call.
   */
  async publishedApi(
    gatewayId: string,
    { groupId, envIds = ['DEFAULT_ENVIRONMENT_RELEASE_ID'] }: { groupId?: string; envIds?: string[] } = {},
  ): Promise<{ apiId: string; groupId: string; publishIds: string[] }> {
    const made = async (path: string, body: unknown) => {
      const answer = await this.post(`/v2/{project}/apigw/instances/${gatewayId}${path}`, body);
      if (answer.status !== 201) throw new Error(`POST ${path}: ${answer.status} ${answer.text}`);
      return answer.body;
    };
    const name = randomBytes(6).toString('hex');
    const group = groupId ?? this.#groups.get(gatewayId) ?? ((await made('/api-groups', { name: `group_${name}` })).id as string);
    if (!groupId) this.#groups.set(gatewayId, group);
    const api = await made('/apis', {
      name: `api_${name}`,
      type: 1,
      req_protocol: 'HTTPS',
      req_method: 'GET',
      req_uri: `/${name}`,
      auth_type: 'NONE',
      backend_type: 'MOCK',
      group_id: group,
    });
    const publishIds: string[] = [];
    for (const env_id of envIds) publishIds.push((await made('/apis/action', { action: 'online', env_id, api_id: api.id })).publish_id);
    return { apiId: api.id, groupId: group, publishIds };
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A whole service in this process, listening on a free loopback port. */
export class TestService {
  private constructor(
    readonly app: NestFastifyApplication,
    readonly baseUrl: string,
    /** All log lines so far. */
    readonly logs: string[],
  ) {}

  /** @param constants constants that the environment cannot change */
  static async start(database: TestDatabase, env: Record<string, string> = {}, constants: Partial<Config> = {}): Promise<TestService> {
    const logs: string[] = [];
    const sink = new Writable({
      write(chunk, _encoding, done) {
        logs.push(String(chunk));
        done();
      },
    });
    const read = readConfig({
      SIGNET_PORT: '0',
      SIGNET_LOG_LEVEL: 'debug',
      SIGNET_ADMIN_PASSWORD: ADMIN_PASSWORD,
      ...database.env,
      ...env,
    });
    // Refusals become rows only when a test asks for it, not when a window ends.
    const config = new Config({ ...read, auditDeniedWindowSeconds: 3600, ...constants });
    const app = await createApplication(config, createLogger(config.logLevel, sink));
    await app.listen(0, '127.0.0.1').catch(async (error: unknown) => {
      await app.close();
      throw error;
    });
    // On MariaDB nothing is completed or delivered for three seconds, until possible other control planes have checked (ADR 0047): they
    // pass at once on this service's monotonic clock.
    const pulse = app.get(Pulse, { strict: false });
    if (pulse.starting) {
      const clock = app.get(Clock, { strict: false });
      const monotonic = clock.monotonic.bind(clock);
      clock.monotonic = () => monotonic() + STARTER_WAIT_MS;
    }
    for (let looks = 0; pulse.starting && looks < LOOKS_MAX; looks++) await delay(20);
    return new TestService(app, await app.getUrl(), logs);
  }

  /** Creates a user with one role in a project, by default in a new project. */
  async client({
    project = `p${randomBytes(6).toString('hex')}`,
    role = FULL_ACCESS,
  }: {
    project?: string;
    role?: string;
  } = {}): Promise<Client> {
    const projects = this.app.get(ProjectsService);
    const { id } = await projects.ensureProject((await projects.ensureDomain('default')).id, project);
    const directory = this.app.get(IamAdminService, { strict: false });
    const user = `u${randomBytes(6).toString('hex')}`;
    await directory.addUser({ name: user });
    await directory.grant({ user, project, role });
    return new Client(this.baseUrl, id, (await directory.issueToken(user, project)).token);
  }

  async stop(): Promise<void> {
    await this.app.close();
  }
}

export const ADMIN_PASSWORD = 'correct-horse-battery-staple';
