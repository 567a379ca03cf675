import type { SchemaObject } from '@nestjs/swagger';
import { type DeclaredAccess, PROBES } from '../common/access.js';
import { toApiError } from '../common/api-error.filter.js';
import { type ApiError, ApiFault, InstanceNotFound, invalid } from '../common/api-error.js';
import { type ErrorFormat, errorFormatOf, render } from '../common/error-formats.js';

const string = (description: string, example?: string): SchemaObject => ({ type: 'string', description, ...(example && { example }) });
const integer = (description: string): SchemaObject => ({ type: 'integer', description });
const object = (required: string[], properties: Record<string, SchemaObject>): SchemaObject => ({ type: 'object', required, properties });

const codeAndMessage = (code: string) =>
  object(['error_code', 'error_msg'], {
    error_code: string('Code of the error', code),
    error_msg: string('Description of the error; never contains a secret or the rejected value'),
  });

/** The schema of an error in each error format. */
export const ERROR_SCHEMAS: Record<`${ErrorFormat}Error`, SchemaObject> = {
  ApigError: codeAndMessage('APIG.2011'),
  ApicError: codeAndMessage('APIC.7211'),
  KeystoneError: object(['error'], {
    error: object(['code', 'message', 'title'], {
      code: integer('HTTP status'),
      message: string('Description of the error'),
      title: string('HTTP reason'),
    }),
  }),
  WebhookError: object(['error', 'meta'], {
    error: object(['code', 'message'], {
      code: string('Code of the error', 'INVALID_REQUEST'),
      message: string('Description of the error; never contains a secret'),
      details: object(['field'], { field: string('Name of the invalid field') }),
    }),
    meta: object(['request_id'], { request_id: string('Id of the request, as in X-Request-Id', 'req_xyz123') }),
  }),
  ProblemError: object(['type', 'title', 'status', 'code', 'request_id'], {
    type: string('Type of the problem', 'about:blank'),
    title: string('HTTP reason phrase, or a summary of the error'),
    status: integer('HTTP status'),
    detail: string('Description of the error'),
    code: string('Code of the error'),
    parameter: string('Name of the invalid parameter'),
    request_id: string('Id of the request, as in X-Request-Id'),
  }),
};

/** The properties of an operation that determine its errors. */
export interface Facts {
  path: string;
  access: DeclaredAccess;
  /** The fields of the body, by name; absent when the operation has no body. */
  body?: Fields;
  /** The parameters of the query, by name. */
  query?: Fields;
}

export interface Fields {
  names: readonly string[];
  mandatory: readonly string[];
}

/** Returns the errors that follow from an operation's path, access rule and input (docs/contracts/apig.md §1.9, §5.3, §5.4). */
export function commonErrors({ path, access, body, query }: Facts): ApiError[] {
  const guarded = access.kind !== 'public';
  return [
    ...(body
      ? [...fieldErrors(body, 'body'), toApiError({ statusCode: 400 }), toApiError({ statusCode: 413 }), toApiError({ statusCode: 415 })]
      : []),
    ...(query ? fieldErrors(query, 'query') : []),
    ...(guarded ? [new ApiFault('token_missing'), new ApiFault('token_expired'), new ApiFault('token_invalid')] : []),
    ...(access.kind === 'action' || access.kind === 'project' ? [new ApiFault('token_unscoped')] : []),
    ...(['action', 'domain', 'machine', 'project'].includes(access.kind) ? [new ApiFault('forbidden')] : []),
    ...(path.includes('/{instance_id}') && ['Apig', 'Problem'].includes(errorFormatOf(path))
      ? [new InstanceNotFound('{instance_id}')]
      : []),
    ...(PROBES.has(path) ? [] : [new ApiFault('rate_limited')]),
    // Public routes without a body are answered from memory, so they cannot fail.
    ...(guarded || body ? [new ApiFault('internal'), new ApiFault('unavailable')] : []),
  ];
}

/** If this field is missing, the error is that of an invalid field (docs/contracts/apig.md §2.5). */
const MISSING_IS_INVALID = 'sign_id';

function fieldErrors({ names, mandatory }: Fields, where: 'body' | 'query'): ApiError[] {
  const [any, first] = [names[0], mandatory.find((name) => name !== MISSING_IS_INVALID)];
  return [
    ...(any === undefined ? [] : [invalid(any, { where })]),
    ...(first === undefined ? [] : [new ApiFault('missing', { parameter: first, where })]),
  ];
}

/** Whether an operation's own error replaces a general one. */
export const overrides = (own: ApiError, common: ApiError): boolean =>
  own instanceof ApiFault && common instanceof ApiFault && own.kind === common.kind && own.fault.where === common.fault.where;

/** Renders an error as an example of a response: its status, media type and body. */
export function exampleOf(error: ApiError, path: string): { name: string; status: number; mediaType: string; body: object } {
  const { status, contentType, body } = render(error, path, REQUEST_ID);
  const { error_code, error: inner, code } = body as { error_code?: string; error?: { code?: unknown }; code: string };
  const own = error_code ?? (typeof inner?.code === 'string' ? inner.code : undefined);
  return {
    name: own ?? (error instanceof ApiFault ? error.kind : code),
    status,
    mediaType: contentType.split(';', 1)[0] ?? contentType,
    body,
  };
}

const REQUEST_ID = '019ab4c1d2e37f4085a6b7c8d9e0f123';
