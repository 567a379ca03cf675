import type { Credentials } from './credentials.js';
import { type ClientErrorCode, errorOf, retryAfterSeconds, SignetError } from './errors.js';

/** The service that a client calls, and what every call has. */
export interface Service {
  /** Ends without a slash. */
  baseUrl: URL;
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  credentials: Credentials | undefined;
  maxAnswerBytes: number;
  onUnauthorized: ((error: SignetError) => void) | undefined;
}

/** How one call is sent. */
export interface Call {
  operation: string;
  timeoutSeconds: number;
  retrySeconds: number;
  /** Passes the body on as it arrives: neither its length nor its time is limited. */
  stream: boolean;
  /** Whether the answer's body is JSON. */
  json: boolean;
  signal: AbortSignal | undefined;
}

/** A repetition of these changes nothing, and its answer says as much as the first one would have. A second DELETE may answer 404. */
const REPEATABLE = new Set(['GET', 'HEAD']);
const BUSY = new Set([429, 503]);

/**
 * Sends one request: with credentials, to the configured service only, within the time limit, repeated where that is safe.
 * @throws SignetError for every answer that is not a success, and for none; the reason of the caller's signal when that aborts
 */
export async function exchange(request: Request, service: Service, call: Call): Promise<Response> {
  const url = new URL(request.url);
  if (url.origin !== service.baseUrl.origin || !url.pathname.startsWith(`${service.baseUrl.pathname.replace(/\/$/, '')}/`))
    throw new TypeError('a path begins with / and stays below the base URL');
  const { method } = request;
  const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer());
  let patienceSeconds = call.retrySeconds;
  for (;;) {
    const response = await once({ method, url, body, headers: request.headers }, service, call);
    const askedSeconds = retryAfterSeconds(response.headers);
    if (!BUSY.has(response.status) || !REPEATABLE.has(method) || askedSeconds === undefined) return checked(response, service, call);
    const waitSeconds = Math.max(askedSeconds, MIN_WAIT_SECONDS);
    if (waitSeconds > patienceSeconds) return checked(response, service, call);
    patienceSeconds -= waitSeconds;
    await pause(waitSeconds, call.signal);
  }
}

/** Between two attempts, also when the service asks for none. */
const MIN_WAIT_SECONDS = 0.1;

interface Sent {
  method: string;
  url: URL;
  body: Uint8Array<ArrayBuffer> | undefined;
  headers: Headers;
}

/** One attempt. The answer's body is read, unless it is a stream, so that the time limit covers it. */
async function once({ method, url, body, headers }: Sent, { fetch, credentials, maxAnswerBytes }: Service, call: Call): Promise<Response> {
  const { signal, timeoutSeconds, operation, stream } = call;
  signal?.throwIfAborted();
  const sent = new Headers(headers);
  const proof = await credentials?.headersFor({ method, url, body });
  for (const [name, value] of Object.entries(proof ?? {})) {
    try {
      sent.set(name, value);
    } catch {
      // The platform's own error quotes the value.
      throw new TypeError(`the credentials gave a header ${name} that cannot be sent`);
    }
  }
  const ended = new AbortController();
  const abort = () => ended.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    ended.abort();
  }, timeoutSeconds * 1000);
  const failed = (code: ClientErrorCode, message: string, cause?: unknown) =>
    new SignetError({ status: 0, code, message, operation, cause });
  try {
    const response = await fetch(url.href, {
      method,
      headers: sent,
      ...(body !== undefined && { body }),
      redirect: 'manual',
      // Credentials are in headers: no cookies, and no copy in a browser's cache.
      credentials: 'omit',
      cache: 'no-store',
      signal: ended.signal,
    });
    if (stream && response.ok) return response;
    const bytes = await readAll(response, maxAnswerBytes);
    if (bytes === undefined) throw failed('client.too_large', `the answer is longer than ${maxAnswerBytes} bytes`);
    return rebuilt(response, bytes);
  } catch (error) {
    if (error instanceof SignetError) throw error;
    if (late) throw failed('client.timed_out', `no complete answer within ${timeoutSeconds} s`);
    signal?.throwIfAborted();
    throw failed('client.unreachable', `the service could not be reached, or the connection ended early${reasonOf(error)}`);
  } finally {
    clearTimeout(timer);
    // A stream goes on: the caller's signal still ends it.
    if (!stream) signal?.removeEventListener('abort', abort);
  }
}

/** A code such as `ECONNREFUSED`. Not the error itself: those of a platform may have a piece of the answer. */
function reasonOf(error: unknown): string {
  for (let at = error; typeof at === 'object' && at !== null; at = (at as Error).cause) {
    const { code } = at as { code?: unknown };
    if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(code)) return `: ${code}`;
  }
  return '';
}

const BODILESS = new Set([101, 103, 204, 205, 304]);

/** The answer with its body in memory. `Response` accepts no status 0, which a redirection has in browsers. */
function rebuilt(response: Response, bytes: Uint8Array<ArrayBuffer>): Response {
  if (response.status === 0) return response;
  const { status, statusText, headers } = response;
  const held = new Headers(headers);
  // The platform has undone a content coding: the length is that of `bytes`.
  held.delete('Content-Encoding');
  held.set('Content-Length', String(bytes.length));
  return new Response(BODILESS.has(status) ? null : bytes, { status, statusText, headers: held });
}

/** @returns undefined when the body is longer than `maxBytes`; no more than that is kept */
async function readAll({ body }: Response, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > maxBytes) {
      await reader.cancel();
      return undefined;
    }
    chunks.push(value);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** @throws SignetError unless it is a success in the expected format */
async function checked(response: Response, { onUnauthorized }: Service, { operation, json, stream }: Call): Promise<Response> {
  const { status, headers } = response;
  const failed = (code: ClientErrorCode, message: string) =>
    new SignetError({ status, code, message, operation, requestId: headers.get('X-Request-Id') ?? undefined });
  if (response.type === 'opaqueredirect' || (status >= 300 && status < 400 && status !== 304))
    throw failed('client.redirected', 'the answer is a redirection, which is not followed: set the base URL to where the service is');
  if (!response.ok) {
    const error = errorOf(operation, response, await response.text());
    if (status === 401) onUnauthorized?.(error);
    throw error;
  }
  if (!json || stream || headers.get('Content-Length') === '0' || response.body === null) return response;
  if (/^application\/(?:[\w.-]+\+)?json\b/i.test(headers.get('Content-Type') ?? '')) {
    try {
      JSON.parse(await response.clone().text());
      return response;
    } catch {
      // A parser's own message quotes the text.
    }
  }
  throw failed('client.not_json', 'the answer is not JSON. If this operation answers text, call it with parseAs: "text" or "stream"');
}

/** @throws the signal's reason when it aborts */
export function pause(seconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const over = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', over);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener('abort', over, { once: true });
  });
}
