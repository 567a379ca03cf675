import createClient, { type ParamsOption, type RequestBodyOption } from 'openapi-fetch';
import type { HttpMethod, PathsWithMethod, RequiredKeysOf, ResponseObjectMap, SuccessResponse } from 'openapi-typescript-helpers';
import type { Credentials } from './credentials.js';
import type { SignetError } from './errors.js';
import { type Call, exchange, type Service } from './exchange.js';
import type { paths } from './schema.js';

/** Longer than `Prefer: wait=30`, which lets a write answer late. */
const TIMEOUT_SECONDS = 60;
const RETRY_SECONDS = 10;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export interface ClientOptions {
  /** Where the service is: `https://signet.example.com`, with a path if it is below one. */
  baseUrl: string;
  /** Without any, only public operations are of use. */
  credentials?: Credentials;
  /** Limit of one attempt, with its answer's body. Default 60. */
  timeoutSeconds?: number;
  /** In total, how long a GET or HEAD waits for a service that answers 429 or 503 with `Retry-After`. Default 10; 0: never. */
  retrySeconds?: number;
  /** Limit of an answer that is not a stream. Default 64 MiB. */
  maxAnswerBytes?: number;
  /** Called for each 401, before the call fails with it: sign in again. */
  onUnauthorized?: (error: SignetError) => void;
  /** In place of the platform's own, for a proxy, a private authority, or tests. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/** How the answer's body is read. `stream`: not at all, for `GET …/watch`. */
export type ParseAs = 'json' | 'text' | 'stream' | 'arrayBuffer' | 'blob';

interface Parsed<Json> {
  json: Json;
  text: string;
  stream: ReadableStream<Uint8Array>;
  arrayBuffer: ArrayBuffer;
  blob: Blob;
}

export interface CallOptions<As extends ParseAs = ParseAs> {
  /** Default `json`. The operations that answer text need `text` or `stream`. */
  parseAs?: As;
  /** In place of the client's. For a stream, until its headers have arrived. */
  timeoutSeconds?: number;
  /** In place of the client's. */
  retrySeconds?: number;
  /** Aborts the call, which then fails with the signal's reason. */
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

/** The paths that have a method. */
export type PathsOf<Method extends HttpMethod> = PathsWithMethod<paths, Method>;

/** Parameters and body of an operation, as the OpenAPI document has them. */
export type OperationInit<Operation> = ParamsOption<Operation> & RequestBodyOption<Operation>;

type Init<Operation, As extends ParseAs> = OperationInit<Operation> & CallOptions<As>;
type InitArgument<Operation, As extends ParseAs> =
  RequiredKeysOf<OperationInit<Operation>> extends never ? [init?: Init<Operation, As>] : [init: Init<Operation, As>];

type Success<Operation> = Operation extends Record<string | number, unknown> ? SuccessResponse<ResponseObjectMap<Operation>> : never;

export interface Answer<Operation, As extends ParseAs = 'json'> {
  data: Parsed<Success<Operation>>[As];
  /** Status and headers. Its body is read. */
  response: Response;
}

type Method<Name extends HttpMethod> = <Path extends PathsOf<Name>, As extends ParseAs = 'json'>(
  path: Path,
  ...init: InitArgument<paths[Path][Name], As>
) => Promise<Answer<paths[Path][Name], As>>;

/** One method for each HTTP method. A call fails with a SignetError unless the service answers with a success. */
export interface SignetClient {
  GET: Method<'get'>;
  HEAD: Method<'head'>;
  POST: Method<'post'>;
  PUT: Method<'put'>;
  PATCH: Method<'patch'>;
  DELETE: Method<'delete'>;
}

/** @throws TypeError for an unusable option */
export function createSignetClient(options: ClientOptions): SignetClient {
  const { credentials, onUnauthorized, timeoutSeconds = TIMEOUT_SECONDS, retrySeconds = RETRY_SECONDS } = options;
  const service: Service = {
    baseUrl: baseUrlOf(options.baseUrl),
    fetch: options.fetch ?? ((url, init) => globalThis.fetch(url, init)),
    credentials,
    onUnauthorized,
    maxAnswerBytes: options.maxAnswerBytes ?? MAX_ANSWER_BYTES,
  };
  const core = createClient<Record<string, never>>({ baseUrl: service.baseUrl.href, pathSerializer: pathOf });
  const call =
    (method: string) =>
    async (path: string, init: CallOptions & Record<string, unknown> = {}): Promise<{ data: unknown; response: Response }> => {
      const { parseAs = 'json', signal, headers, params, body } = init;
      const one: Call = {
        operation: `${method} ${path}`,
        timeoutSeconds: init.timeoutSeconds ?? timeoutSeconds,
        retrySeconds: init.retrySeconds ?? retrySeconds,
        stream: parseAs === 'stream',
        json: parseAs === 'json',
        signal,
      };
      const { header, ...rest } = (params ?? {}) as { header?: Record<string, unknown> };
      refuseUnsendable({ ...headers, ...header });
      // Called with its parts alone: whatever else an untyped caller gives could send the credentials elsewhere.
      const request = core.request as (method: string, path: string, init: object) => Promise<{ data?: unknown; response: Response }>;
      const { data, response } = await request(method, path, {
        params: { path: {}, ...rest, header },
        body,
        headers,
        parseAs,
        fetch: (built: Request) => exchange(built, service, one),
      });
      return { data: data ?? (parseAs === 'text' ? '' : undefined), response };
    };
  return Object.fromEntries(
    ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].map((method) => [method, call(method)]),
  ) as unknown as SignetClient;
}

function baseUrlOf(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new TypeError('baseUrl is an absolute URL, such as https://signet.example.com');
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new TypeError('baseUrl begins with https:// or http://');
  // Not repeated in the message: it may be a password.
  if (url.username !== '' || url.password !== '') throw new TypeError('baseUrl has no user and no password: use credentials');
  if (url.search !== '' || url.hash !== '') throw new TypeError('baseUrl has no query and no fragment');
  return url;
}

/**
 * Fills in the parameters of a path. A parameter is one segment: `/` and `%` are encoded.
 * @throws TypeError for a missing or empty parameter, and for `.` and `..`, which a URL resolves to another path
 */
function pathOf(template: string, values: Record<string, unknown>): string {
  return template.replace(/\{([^{}]+)\}/g, (_, name: string) => {
    const value = values[name];
    if ((typeof value !== 'string' && typeof value !== 'number') || /^\.{0,2}$/.test(String(value)))
      throw new TypeError(`the path parameter ${name} is missing, empty or a dot segment`);
    return encodeURIComponent(value);
  });
}

/** What a header's value may have (RFC 9110 §5.5). */
const SENDABLE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** The platform's own error quotes the value, which may be a secret. @throws TypeError with the header's name */
function refuseUnsendable(headers: Record<string, unknown>): void {
  const wrong = Object.entries(headers).find(([, value]) => typeof value === 'string' && !SENDABLE.test(value))?.[0];
  if (wrong !== undefined) throw new TypeError(`the header ${wrong} has a character that cannot be sent`);
}
