/** Codes of errors that the client itself finds; every other code comes from the service. Their `status` is 0 when there was no answer. */
export type ClientErrorCode =
  /** The service could not be reached, or the connection ended early. */
  | 'client.unreachable'
  /** No complete answer within `timeoutSeconds`. A write may have been done. */
  | 'client.timed_out'
  /** The answer was a redirection. It is not followed: credentials are for the configured service only. */
  | 'client.redirected'
  /** The answer is not what this service sends: not JSON, or not valid. */
  | 'client.not_json'
  /** The answer is longer than `maxAnswerBytes`. */
  | 'client.too_large'
  /** An error without a body in a known format: usually from a proxy in between. */
  | 'client.unknown_error'
  /** A list did not advance from one page to the next. */
  | 'client.pages_repeat'
  /** A receipt was not complete in time. */
  | 'client.receipt_incomplete';

export interface SignetErrorDetail {
  status: number;
  code: string;
  message: string;
  /** Method and path template, such as `GET /v2/{project_id}/apigw/instances`. */
  operation: string;
  requestId?: string | undefined;
  field?: string | undefined;
  retryAfterSeconds?: number | undefined;
  cause?: unknown;
}

/** Any failure of a call: an error answer in any format of the service, or no usable answer. Never has a header, a body or a URL of the request. */
export class SignetError extends Error {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Code of the service (`APIG.3030`, `INVALID_REQUEST`, `not_found`; below `/v3` the HTTP reason), or a {@link ClientErrorCode}. */
  readonly code: string;
  /** Method and path template, such as `GET /v2/{project_id}/apigw/instances`. */
  readonly operation: string;
  /** The request's id in the service's log. */
  readonly requestId: string | undefined;
  /** The field or parameter at fault, by its name on the wire. */
  readonly field: string | undefined;
  /** Of the answer's `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;

  constructor({ status, code, message, operation, requestId, field, retryAfterSeconds, cause }: SignetErrorDetail) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'SignetError';
    this.status = status;
    this.code = code;
    this.operation = operation;
    this.requestId = requestId;
    this.field = field;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

const TEXT_MAX_CHARS = 1000;
const LATEST_RETRY_AFTER_SECONDS = 86_400;

/** One line that a terminal can show: whoever answered may not be the service. */
const plain = (text: string) => text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, ' ').slice(0, TEXT_MAX_CHARS);

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? plain(value) : undefined);

interface Told {
  code?: string | undefined;
  message?: string | undefined;
  field?: string | undefined;
  requestId?: string | undefined;
}

/** The formats of docs/reference.md: APIG and APIC, webhooks, Keystone, RFC 9457. */
function told(body: unknown): Told {
  if (!isObject(body)) return {};
  if (typeof body['error_code'] === 'string') return apig(text(body['error_code']), text(body['error_msg']));
  const { error, meta } = body;
  if (isObject(error)) {
    const message = text(error['message']);
    if (typeof error['code'] === 'number') return { code: text(error['title']), message, field: keystoneField(message) };
    const details = isObject(error['details']) ? error['details'] : {};
    return {
      code: text(error['code']),
      message,
      field: text(details['field']),
      requestId: isObject(meta) ? text(meta['request_id']) : undefined,
    };
  }
  return {
    code: text(body['code']),
    message: text(body['detail']) ?? text(body['title']),
    field: text(body['parameter']),
    requestId: text(body['request_id']),
  };
}

function apig(code: string | undefined, message: string | undefined): Told {
  const [, named, listed] = /parameterName:([\w.[\]-]+?)\.? |parameter name\[([^\]]+)\]/.exec(`${message} `) ?? [];
  return { code, message, field: named ?? listed };
}

const keystoneField = (message = '') => /^(?:Invalid input|A required field is missing): ([\w.[\]-]+)$/.exec(message)?.[1];

/** Seconds of `Retry-After`, which this service gives as a number; undefined for a date and anything else. */
export function retryAfterSeconds(headers: Headers): number | undefined {
  const value = headers.get('Retry-After');
  return value !== null && /^\d{1,9}$/.test(value) ? Math.min(Number(value), LATEST_RETRY_AFTER_SECONDS) : undefined;
}

/** Whether the service answered that something is not there, or is not the caller's: it gives both the same answer. */
export const isNotFound = (error: unknown): boolean => error instanceof SignetError && error.status === 404;

/** The error of an answer that is not a success. @param body its text */
export function errorOf(operation: string, response: Response, body: string): SignetError {
  const { status, headers } = response;
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    // Not an answer of the service; what it says is not repeated.
  }
  const { code = 'client.unknown_error', message = `the service answered ${status}`, field, requestId } = told(parsed);
  return new SignetError({
    status,
    code,
    message,
    operation,
    field,
    requestId: requestId ?? text(headers.get('X-Request-Id')),
    retryAfterSeconds: retryAfterSeconds(headers),
  });
}
