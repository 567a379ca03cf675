import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApplication } from '../../src/application.js';
import { readConfig } from '../../src/config/config.js';
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
      body: body === undefined ? undefined : typeof body === 'string' || body instanceof Uint8Array ? (body as never) : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: text === '' ? undefined : parse(text) };
  }

  get = (path: string) => this.call('GET', path);
  post = (path: string, body?: unknown) => this.call('POST', path, body);
  put = (path: string, body?: unknown) => this.call('PUT', path, body);
  delete = (path: string) => this.call('DELETE', path);
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
    const config = readConfig({ SIGNET_PORT: '0', SIGNET_LOG_LEVEL: 'debug', SIGNET_ADMIN_PASSWORD: ADMIN_PASSWORD, ...database.env, ...env });
    const app = await createApplication(config, createLogger(config.logLevel, sink));
    await app.listen(0, '127.0.0.1');
    return new TestService(app, await app.getUrl(), logs);
  }

  /** A user of a project of its own, new unless named, that holds one role there. */
  async client({ project = `p${randomBytes(6).toString('hex')}`, role = FULL_ACCESS }: { project?: string; role?: string } = {}): Promise<Client> {
    const projects = this.app.get(ProjectsService);
    const { id } = await projects.ensureProject((await projects.ensureDomain('default')).id, project);
    return new Client(this.baseUrl, id, `stub:${id}:${role}`);
  }

  async stop(): Promise<void> {
    await this.app.close();
  }
}

export const ADMIN_PASSWORD = 'correct-horse-battery-staple';
