import { type RawAnswer, raw } from './raw-http.js';
import { type Pair, signRaw } from './raw-signer.js';

/** How a provider proves itself. */
export type Proof = { key: Pair } | { token: string };

export interface Shape {
  form: 'Access' | 'Credential';
  /** Signed on every request of its kind, next to the date. */
  headers: (request: { method: string; body: boolean; host: string }) => Record<string, string>;
  /** Sent and never signed. */
  unsigned?: Record<string, string>;
  /** Statuses taken for success, by method. */
  accepts: Record<string, readonly number[]>;
}

/** golangsdk of the provider `huaweicloud` (apig §6.6): never the host. */
export const GOLANGSDK: Shape = {
  form: 'Access',
  headers: ({ body }) => ({
    Accept: 'application/json',
    ...(body && { 'Content-Type': 'application/json' }),
    'User-Agent': 'golangsdk/2.0.0',
  }),
  accepts: { GET: [200], POST: [200, 201, 202], PUT: [200, 201, 202], DELETE: [200, 202, 204] },
};

/** gophertelekomcloud of the provider `opentelekomcloud` (apig §6.7): a connection for each request. */
export const GOPHERTELEKOMCLOUD: Shape = {
  form: 'Credential',
  headers: ({ body, host }) => ({
    Accept: 'application/json',
    ...(body && { 'Content-Type': 'application/json' }),
    host,
    'User-Agent': 'golangsdk/2.0.0',
  }),
  unsigned: { Connection: 'close' },
  accepts: { GET: [200], POST: [201], PUT: [200], DELETE: [202, 204] },
};

export interface Call {
  body?: unknown;
  /** Signed, beyond the shape's. */
  headers?: Record<string, string>;
  /** Not signed, beyond the shape's. */
  unsigned?: Record<string, string>;
  accepts?: readonly number[];
}

/** Sends what a Terraform provider was seen to send, byte for byte where it matters, and takes only the statuses that it takes. */
export class Provider {
  /** Method and target of every request. */
  readonly sent: string[] = [];

  constructor(
    private readonly shape: Shape,
    private readonly proof: Proof | undefined,
    /** Ids that it has found: sent as hints. */
    readonly ids: { project?: string; domain?: string } = {},
  ) {}

  /** @throws Error for a status that the provider does not take */
  async request(method: string, url: string, { body, headers, unsigned, accepts }: Call = {}): Promise<RawAnswer> {
    const { host, port, pathname, search } = new URL(url);
    const target = pathname + search;
    this.sent.push(`${method} ${target}`);
    // Go's encoder ends a document with a line break and leaves <, > and & alone; both are part of the hash.
    const text = body === undefined ? undefined : `${JSON.stringify(body)}\n`;
    const own = { ...this.shape.headers({ method, body: text !== undefined, host }), ...headers };
    const proved =
      this.proof === undefined
        ? own
        : 'token' in this.proof
          ? { ...own, 'X-Auth-Token': this.proof.token }
          : signRaw(this.shape.form, this.proof.key, { method, target, headers: own, ...(text !== undefined && { body: text }) });
    const hints = {
      ...(this.ids.project !== undefined && { 'X-Project-Id': this.ids.project }),
      ...(this.ids.domain !== undefined && { 'X-Domain-Id': this.ids.domain }),
    };
    const wire = { host, ...proved, ...hints, ...this.shape.unsigned, ...unsigned };
    const answer = await raw(Number(port), method, target, {
      headers: wire,
      ...(text !== undefined && { body: text }),
    });
    const taken = accepts ?? this.shape.accepts[method] ?? [];
    if (!taken.includes(answer.status)) throw new Error(`${method} ${target}: ${answer.status} ${answer.text}`);
    return answer;
  }

  get = async (url: string): Promise<any> => (await this.request('GET', url)).body;
  post = async (url: string, body: unknown, call: Call = {}): Promise<any> => (await this.request('POST', url, { body, ...call })).body;
}
