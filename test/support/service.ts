import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApplication } from '../../src/application.js';
import { readConfig } from '../../src/config/config.js';
import { IamAdminService } from '../../src/iam/iam-admin.service.js';
import { createLogger } from '../../src/observability/logger.js';
import { ProjectsService } from '../../src/projects/projects.service.js';
import type { TestDatabase } from './databases.js';

export const FULL_ACCESS = 'APIG FullAccess';
export const READ_ONLY = 'APIG ReadOnlyAccess';

export interface Answer {
  status: number;
  headers: Headers;
  /** The parsed JSON, `undefined` when there is no body. */
  body: any;
  text: string;
}

/** Calls a service over a real socket, as one user in one project. */
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

  get = (path: string) => this.call('GET', path);
  post = (path: string, body?: unknown) => this.call('POST', path, body);
  put = (path: string, body?: unknown) => this.call('PUT', path, body);
  delete = (path: string) => this.call('DELETE', path);

  /** Creates a gateway and answers its id; `overrides` are fields of the create body. */
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
   * Creates a MOCK API and publishes it, in RELEASE unless told otherwise; `publishIds` are in the order of `envIds`.
   * APIs of one gateway go into one group, made at the first call.
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
    /** Every log line so far. */
    readonly logs: string[],
  ) {}

  static async start(database: TestDatabase, env: Record<string, string> = {}): Promise<TestService> {
    const logs: string[] = [];
    const sink = new Writable({
      write(chunk, _encoding, done) {
        logs.push(String(chunk));
        done();
      },
    });
    const config = readConfig({
      SIGNET_PORT: '0',
      SIGNET_LOG_LEVEL: 'debug',
      SIGNET_ADMIN_PASSWORD: ADMIN_PASSWORD,
      // Refusals become rows when a test says so, and not also when a window happens to end.
      SIGNET_AUDIT_DENIED_WINDOW_SECONDS: '3600',
      ...database.env,
      ...env,
    });
    const app = await createApplication(config, createLogger(config.logLevel, sink));
    await app.listen(0, '127.0.0.1').catch(async (error: unknown) => {
      await app.close();
      throw error;
    });
    return new TestService(app, await app.getUrl(), logs);
  }

  /** A user of a project of its own, new unless named, that holds one role there. */
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
