import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { SecureContextOptions } from 'node:tls';

/** Where the service is, and the credential of this verifier. */
export interface ServiceOptions {
  /** `https://host[:port][/path]`. */
  url: string;
  /** The gateway whose keys are accepted. */
  instanceId: string;
  /** A token of the role `verifier`; or `tokenFile`, which is read before each request, so that a renewed token needs no restart. */
  token?: string;
  tokenFile?: string;
  /** An authority of your own, a client certificate. */
  tls?: Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'passphrase' | 'pfx'>;
  /** Permits plain HTTP to another host than this one, which shows the keys to the network. Default false. */
  allowPlaintext?: boolean;
}

export interface ServiceAnswer {
  status: number;
  headers: IncomingMessage['headers'];
  text: string;
}

/** The service did not answer with keys. The text has no secret. */
export class Unanswered extends Error {
  /** @param retryAfterSeconds what the answer asks for */
  constructor(
    message: string,
    readonly retryAfterSeconds = 0,
  ) {
    super(message);
  }
}

const ANSWER_SECONDS = 5;
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const IDLE_MS = 60_000;

const isLoopback = (hostname: string): boolean => hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);

/** Calls `verification-keys` of one gateway. Follows no redirect: the token is for this service only. */
export class ServiceClient {
  readonly #agent: HttpAgent;
  readonly #request: typeof httpsRequest;
  readonly #url: URL;

  /** @throws TypeError for wrong options */
  constructor(private readonly options: ServiceOptions) {
    const { url, instanceId, token, tokenFile, tls = {}, allowPlaintext = false } = options;
    const base = URL.canParse(url) ? new URL(url) : undefined;
    if (!base || !/^https?:$/.test(base.protocol) || base.search || base.hash || base.username || base.password)
      throw new TypeError('url is https://host[:port][/path]');
    if (base.protocol === 'http:' && !allowPlaintext && !isLoopback(base.hostname))
      throw new TypeError('plain HTTP shows the keys to the network: use https, or allowPlaintext where you trust it');
    if (typeof instanceId !== 'string' || instanceId === '') throw new TypeError('instanceId names a gateway');
    if (!token === !tokenFile) throw new TypeError('pass token or tokenFile');
    const path = `${base.pathname.replace(/\/$/, '')}/signet/v1/instances/${encodeURIComponent(instanceId)}/verification-keys`;
    this.#url = new URL(path, base);
    const kept = { keepAlive: true, timeout: IDLE_MS };
    const { ca, cert, key, passphrase, pfx } = tls;
    const secure = this.#url.protocol === 'https:';
    this.#agent = secure ? new HttpsAgent({ ...kept, ca, cert, key, passphrase, pfx }) : new HttpAgent(kept);
    this.#request = secure ? httpsRequest : httpRequest;
  }

  /**
   * @param waitSeconds for how long the service may wait before it answers
   * @param signal cancels the call
   * @throws Unanswered or an error of the connection
   */
  async call(method: 'GET' | 'DELETE', headers: Record<string, string>, waitSeconds: number, signal?: AbortSignal): Promise<ServiceAnswer> {
    const authorization = `Bearer ${await this.#token()}`;
    const timeout = new AbortController();
    // Of the whole call: an answer that comes byte by byte would not end otherwise.
    const timer = setTimeout(() => timeout.abort(), (waitSeconds + ANSWER_SECONDS) * 1000).unref();
    try {
      return await new Promise<ServiceAnswer>((resolve, reject) => {
        const request = this.#request(this.#url, {
          method,
          agent: this.#agent,
          headers: { ...headers, authorization, accept: 'application/json' },
          signal: signal ? AbortSignal.any([signal, timeout.signal]) : timeout.signal,
        });
        // A program that has ended otherwise ends although it waits for keys.
        if (method === 'GET') request.once('socket', (socket) => socket.unref());
        request.once('error', (error) => reject(timeout.signal.aborted ? new Unanswered('the service did not answer in time') : error));
        request.once('response', (response) => {
          received(response).then(resolve, reject);
        });
        request.end();
      });
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #token(): Promise<string> {
    const { token = '', tokenFile } = this.options;
    if (tokenFile === undefined) return token;
    const text = await readFile(tokenFile, 'utf8').catch(() => {
      throw new Unanswered('the token file cannot be read');
    });
    return text.trim();
  }
}

async function received(response: IncomingMessage): Promise<ServiceAnswer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > ANSWER_BYTES_MAX) throw new Unanswered('the answer is too long');
    parts.push(part);
  }
  return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(parts).toString() };
}
