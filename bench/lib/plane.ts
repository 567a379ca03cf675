import { logIn, type Served } from './processes.ts';

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, string>;
}

/** A gateway of a service that runs, its administrator, and a credential for nodes and watchers. */
export class Plane {
  readonly service: Served;
  readonly #projectId: string;
  readonly #token: string;
  instanceId = '';
  gatewayToken = '';

  private constructor(service: Served, { projectId, token }: { projectId: string; token: string }) {
    this.service = service;
    this.#projectId = projectId;
    this.#token = token;
  }

  static async of(service: Served): Promise<Plane> {
    const plane = new Plane(service, await logIn(service.url));
    const { instances } = (await plane.call('GET', `/v2/${plane.#projectId}/apigw/instances`)).body as unknown as {
      instances: { id: string }[];
    };
    plane.instanceId = instances[0]?.id ?? '';
    const { body } = await plane.call('POST', plane.atSignet('/gateway-tokens'), { role: 'gateway', name: 'bench' });
    plane.gatewayToken = body['token'] ?? '';
    return plane;
  }

  at = (path: string) => `/v2/${this.#projectId}/apigw/instances/${this.instanceId}${path}`;
  atSignet = (path: string) => `/signet/v1/instances/${this.instanceId}${path}`;

  /** @throws Error for any answer but 2xx */
  async call(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> {
    const answer = await fetch(this.service.url + path, {
      method,
      headers: { 'x-auth-token': this.#token, ...(body && { 'content-type': 'application/json' }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return { status: answer.status, headers: answer.headers, body: text === '' ? {} : (JSON.parse(text) as Record<string, string>) };
  }

  /** A published API for any method below a path. @returns what to bind keys to */
  async api(name: string): Promise<string> {
    const { body: group } = await this.call('POST', this.at('/api-groups'), { name: `group_${name}` });
    const { body: api } = await this.call('POST', this.at('/apis'), {
      name,
      type: 1,
      req_protocol: 'HTTPS',
      req_method: 'ANY',
      req_uri: `/${name}`,
      match_mode: 'SWA',
      auth_type: 'NONE',
      backend_type: 'MOCK',
      group_id: group['id'],
    });
    const env_id = 'DEFAULT_ENVIRONMENT_RELEASE_ID';
    const { body } = await this.call('POST', this.at('/apis/action'), { action: 'online', env_id, api_id: api['id'] });
    return body['publish_id'] ?? '';
  }

  /** A key, bound if told to. @returns its id */
  async key(name: string, publishId?: string): Promise<string> {
    const { body } = await this.call('POST', this.at('/signs'), { name, sign_type: 'hmac' });
    const sign_id = body['id'] ?? '';
    if (publishId !== undefined) await this.call('POST', this.at('/sign-bindings'), { sign_id, publish_ids: [publishId] });
    return sign_id;
  }
}
