import { Pool } from 'undici';
import { Difference, type Expected, mismatch, show } from './expect.ts';

/** What is to be answered: a status and the whole body; without `body` the answer must be empty. */
export interface Answer {
  status: number;
  body?: Expected;
}

export interface Received {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** The parsed JSON; `undefined` when the text is none. */
  body: any;
}

interface Sending {
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it stands, instead of `body`. */
  text?: string;
  headers?: Record<string, string>;
}

const CONNECTIONS = 8;
const TIMEOUT_MS = 60_000;

/** One connection pool, one count of requests, for every caller of a server. */
export class Wire {
  readonly baseUrl: string;
  readonly #pool: Pool;
  requests = 0;
  /** Told after each request. */
  onRequest: () => void = () => {};
  /** Set from outside: nothing more is sent. */
  interrupted = false;

  constructor(baseUrl: string) {
    this.baseUrl = baseUrl;
    this.#pool = new Pool(baseUrl, { connections: CONNECTIONS, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  }

  async send(method: string, path: string, headers: Record<string, string>, body?: string): Promise<Received> {
    if (this.interrupted) throw new Error('interrupted');
    const answer = await this.#pool.request({ method, path, headers, body: body ?? null });
    const text = await answer.body.text();
    this.requests++;
    this.onRequest();
    return { status: answer.statusCode, headers: answer.headers, text, body: parse(text) };
  }

  /** May be called again. */
  async close(): Promise<void> {
    if (!this.#pool.closed) await this.#pool.close();
  }
}

/** Calls a server as one user in one project, and compares what comes back. */
export class Client {
  readonly wire: Wire;
  readonly projectId: string;
  readonly #token: string | undefined;

  /** @param token left out: no `X-Auth-Token` is sent */
  constructor(wire: Wire, projectId: string, token?: string) {
    this.wire = wire;
    this.projectId = projectId;
    this.#token = token;
  }

  as(token: string | undefined): Client {
    return new Client(this.wire, this.projectId, token);
  }

  /**
   * Sends a request and compares the answer with what the contract says.
   * @returns the body
   * @throws Difference
   */
  async expect(method: string, path: string, expected: Answer, { body, text, headers }: Sending = {}): Promise<any> {
    const content = text ?? (body === undefined ? undefined : JSON.stringify(body));
    const received = await this.send(method, path, content, headers);
    const whole =
      expected.body === undefined
        ? { status: expected.status, body: '' }
        : { status: expected.status, type: /^application\/json(;|$)/, body: expected.body };
    const found = mismatch(whole, {
      status: received.status,
      ...(expected.body !== undefined && { type: received.headers['content-type'] }),
      body: expected.body === undefined ? received.text : (received.body ?? received.text),
    });
    if (!found) return received.body;
    throw new Difference(
      content === undefined ? `${method} ${path}` : `${method} ${path}\n            ${content.trim().slice(0, 500)}`,
      `${expected.status} ${expected.body === undefined ? 'without a body' : show(expected.body)}`,
      `${received.status} ${received.text === '' ? 'without a body' : show(received.body ?? received.text)}`,
      found,
    );
  }

  /** Sends a request and compares nothing. @param content JSON */
  send(method: string, path: string, content?: string, headers: Record<string, string> = {}): Promise<Received> {
    const own = {
      ...(this.#token !== undefined && { 'x-auth-token': this.#token }),
      ...(content !== undefined && { 'content-type': 'application/json' }),
    };
    return this.wire.send(method, path, { ...own, ...headers }, content);
  }

  get = (path: string, expected: Answer) => this.expect('GET', path, expected);
  post = (path: string, body: unknown, expected: Answer) => this.expect('POST', path, expected, { body });
  put = (path: string, body: unknown, expected: Answer) => this.expect('PUT', path, expected, { body });
  delete = (path: string, expected: Answer) => this.expect('DELETE', path, expected);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Works through all of `items`, `limit` at a time; the first failure ends it. */
export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>, limit = CONNECTIONS): Promise<void> {
  const queue = items.values();
  let failed = false;
  const worker = async () => {
    for (const item of queue) {
      if (failed) return;
      await work(item).catch((error: unknown) => {
        failed = true;
        throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
}
