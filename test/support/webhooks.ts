import { randomBytes } from 'node:crypto';
import { type Answer, Client } from './service.js';

/** Host names are not resolved, because endpoints of tests may have names that do not exist. */
export const WEBHOOK_ENV = { SIGNET_WEBHOOKS: 'check-dns=off' };

export const newUrl = () => `https://example.com/${randomBytes(8).toString('hex')}`;

/** Calls the webhook contract with a project's API key and, like its clients, with both JSON headers on every request. */
export class WebhookClient {
  constructor(
    readonly baseUrl: string,
    readonly key: string,
  ) {}

  /** Creates a client with a new API key of the project of `client`. */
  static async of(client: Client, input: Record<string, unknown> = {}): Promise<WebhookClient> {
    const answer = await client.post('/v1/api-keys', input);
    if (answer.status !== 201) throw new Error(`the API key was not made: ${answer.status} ${answer.text}`);
    return new WebhookClient(client.baseUrl, answer.body.data.key as string);
  }

  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return new Client(this.baseUrl, '', '').call(method, path, body, {
      authorization: `Bearer ${this.key}`,
      'content-type': 'application/json',
      accept: 'application/json',
      ...headers,
    });
  }

  get = (path: string) => this.call('GET', path);
  post = (path: string, body?: unknown) => this.call('POST', path, body);
  patch = (path: string, body?: unknown) => this.call('PATCH', path, body);
  put = (path: string, body?: unknown) => this.call('PUT', path, body);
  delete = (path: string) => this.call('DELETE', path);

  /** Creates an endpoint with one signing key, and returns the response. */
  async endpoint(input: Record<string, unknown> = {}): Promise<NewEndpoint> {
    const answer = await this.post('/v1/endpoints', { url: newUrl(), ...input });
    if (answer.status !== 201) throw new Error(`the endpoint was not created: ${answer.status} ${answer.text}`);
    return answer.body.data as NewEndpoint;
  }
}

export interface NewEndpoint {
  id: string;
  url: string;
  signing_key_id: string;
  signing_secret: string;
  key_hint: string;
  created_at: string;
}
