import type { SchemaObject } from '@nestjs/swagger';
import { type DeclaredAccess, PROBES } from '../common/access.js';
import { toApiError } from '../common/api-error.filter.js';
import { type ApiError, Fault, InstanceNotFound, invalid } from '../common/api-error.js';
import { type Family, familyOf, render } from '../common/dialects.js';

const string = (description: string, example?: string): SchemaObject => ({ type: 'string', description, ...(example && { example }) });
const integer = (description: string): SchemaObject => ({ type: 'integer', description });
const object = (required: string[], properties: Record<string, SchemaObject>): SchemaObject => ({ type: 'object', required, properties });

const codeAndMessage = (code: string) =>
  object(['error_code', 'error_msg'], {
    error_code: string('Code of the error', code),
    error_msg: string('What went wrong; never repeats a secret or the value at fault'),
  });

/** How an error looks in each family. */
export const ERROR_SCHEMAS: Record<`${Family}Error`, SchemaObject> = {
  ApigError: codeAndMessage('APIG.2011'),
  ApicError: codeAndMessage('APIC.7211'),
  KeystoneError: object(['error'], {
    error: object(['code', 'message', 'title'], {
      code: integer('HTTP status'),
      message: string('What went wrong'),
      title: string('HTTP reason'),
    }),
  }),
  WebhookError: object(['error', 'meta'], {
    error: object(['code', 'message'], {
      code: string('Code of the error', 'INVALID_REQUEST'),
      message: string('What went wrong; never repeats a secret'),
      details: object(['field'], { field: string('The field at fault') }),
    }),
    meta: object(['request_id'], { request_id: string('As in X-Request-Id', 'req_xyz123') }),
  }),
  ProblemError: object(['type', 'title', 'status', 'code', 'request_id'], {
    type: string('Kind of problem', 'about:blank'),
    title: string('HTTP reason, or what went wrong'),
    status: integer('HTTP status'),
    detail: string('What went wrong'),
    code: string('Code of the error'),
    parameter: string('The parameter at fault'),
    request_id: string('As in X-Request-Id'),
  }),
};

/** What an operation is, as far as its errors depend on it. */
export interface Facts {
  path: string;
  access: DeclaredAccess;
  /** Names of the fields of the body, the mandatory ones first; absent when there is no body. */
  body?: Fields;
  /** The same of the query. */
  query?: Fields;
}

export interface Fields {
  names: readonly string[];
  mandatory: readonly string[];
}

/** What an operation answers because of its path, its access and its input: apig §1.9, §5.3, §5.4. */
export function commonErrors({ path, access, body, query }: Facts): ApiError[] {
  const guarded = access.kind !== 'public';
  return [
    ...(body
      ? [...fieldErrors(body, 'body'), toApiError({ statusCode: 400 }), toApiError({ statusCode: 413 }), toApiError({ statusCode: 415 })]
      : []),
    ...(query ? fieldErrors(query, 'query') : []),
    ...(guarded ? [new Fault('token_missing'), new Fault('token_expired'), new Fault('token_invalid')] : []),
    ...(access.kind === 'action' || access.kind === 'project' ? [new Fault('token_unscoped')] : []),
    ...(['action', 'domain', 'machine', 'project'].includes(access.kind) ? [new Fault('forbidden')] : []),
    ...(path.includes('/{instance_id}') && ['Apig', 'Problem'].includes(familyOf(path)) ? [new InstanceNotFound('{instance_id}')] : []),
    ...(PROBES.has(path) ? [] : [new Fault('rate_limited')]),
    // What anyone may read comes from memory.
    ...(guarded || body ? [new Fault('internal'), new Fault('unavailable')] : []),
  ];
}

function fieldErrors({ names, mandatory }: Fields, where: 'body' | 'query'): ApiError[] {
  const [any, first] = [names[0], mandatory[0]];
  return [
    ...(any === undefined ? [] : [invalid(any, { where })]),
    ...(first === undefined ? [] : [new Fault('missing', { parameter: first, where })]),
  ];
}

/** The two errors are one that an operation words in its own way, and one that it would answer otherwise. */
export const overrides = (own: ApiError, common: ApiError): boolean =>
  own instanceof Fault && common instanceof Fault && own.kind === common.kind && own.fault.where === common.fault.where;

/** An error as an example of an answer: its status, its media type and its body. */
export function exampleOf(error: ApiError, path: string): { name: string; status: number; mediaType: string; body: object } {
  const { status, contentType, body } = render(error, path, REQUEST_ID);
  const { error_code, error: inner, code } = body as { error_code?: string; error?: { code?: unknown }; code: string };
  const own = error_code ?? (typeof inner?.code === 'string' ? inner.code : undefined);
  return {
    name: own ?? (error instanceof Fault ? error.kind : code),
    status,
    mediaType: contentType.split(';', 1)[0] ?? contentType,
    body,
  };
}

const REQUEST_ID = '019ab4c1d2e37f4085a6b7c8d9e0f123';
