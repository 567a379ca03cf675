import { type RawAnswer, raw } from './raw-http.js';
import { type Pair, signRaw } from './raw-signer.js';

/** The credentials of a provider. */
export type Proof = { key: Pair } | { token: string };

export interface Shape {
  form: 'Access' | 'Credential';
  /** Headers that it signs on every request, in addition to the date. */
  headers: (request: { method: string; body: boolean; host: string }) => Record<string, string>;
  /** Headers that are sent and never signed. */
  unsigned?: Record<string, string>;
  /** The success statuses by method. */
  accepts: Record<string, readonly number[]>;
}

/** golangsdk of the provider `huaweicloud`, which never signs the host (docs/contracts/apig.md §6.6). */
export const GOLANGSDK: Shape = {
  form: 'Access',
  headers: ({ body }) => ({
    Accept: 'application/json',
    ...(body && { 'Content-Type': 'application/json' }),
    'User-Agent': 'golangsdk/2.0.0',
  }),
  accepts: { GET: [200], POST: [200, 201, 202], PUT: [200, 201, 202], DELETE: [200, 202, 204] },
};

/** gophertelekomcloud of the provider `opentelekomcloud`, which opens one connection per request (docs/contracts/apig.md §6.7). */
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
  /** Signed headers in addition to those of the client. */
  headers?: Record<string, string>;
  /** Unsigned headers, in addition to those of the client. */
  unsigned?: Record<string, string>;
  accepts?: readonly number[];
}

/**
 * Sends recorded requests of a Terraform provider, with exact bytes where they matter, and accepts only the provider's success statuses.
 */
export class Provider {
  /** The method and target of every request. */
  readonly sent: string[] = [];

  constructor(
    private readonly shape: Shape,
    private readonly proof: Proof | undefined,
    /** Known ids, which are sent as hints. */
    readonly ids: { project?: string; domain?: string } = {},
  ) {}

  /** @throws Error for a status that the provider does not accept */
  async request(method: string, url: string, { body, headers, unsigned, accepts }: Call = {}): Promise<RawAnswer> {
    const { host, port, pathname, search } = new URL(url);
    const target = pathname + search;
    this.sent.push(`${method} ${target}`);
    // Go's encoder appends a line feed and does not escape <, > and &; the hash covers both.
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
