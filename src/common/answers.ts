import { STATUS_CODES } from 'node:http';
import { applyDecorators, HttpCode, type Type } from '@nestjs/common';
import { ApiExtension, ApiOperation, ApiResponse, type ApiResponseOptions } from '@nestjs/swagger';
import { type ApiError, ContractError, Fault, type FaultDetail, type FaultKind } from './api-error.js';

/** The extension in which an operation's own errors wait for src/openapi to word them; it does not stand in the document. */
export const ERRORS_EXTENSION = 'x-signet-errors';

/** An error as data: the document is cloned on its way, and an error does not survive that. */
export type DeclaredError = { status: number; code: string; message: string } | { kind: FaultKind; fault: FaultDetail };

/**
 * What a route answers: the status that goes out, and how the operation stands in the OpenAPI document.
 * @param status of success
 * @param view class of the body; `undefined` when there is none
 * @param operationId the contract's name of the operation, unique in the service
 * @param summary what it does, in the imperative
 * @param errors what this operation can answer beyond what its path, its access and its input already say; `{name}` stands
 *   for a value of the request
 */
export const Answers = (
  status: number,
  view: Type | undefined,
  operationId: string,
  summary: string,
  errors: readonly ApiError[] = [],
  { headers }: Pick<ApiResponseOptions, 'headers'> = {},
) =>
  applyDecorators(
    HttpCode(status),
    ApiOperation({ operationId, summary }),
    ApiResponse({ status, type: view, description: STATUS_CODES[status] ?? '', ...(headers && { headers }) }),
    ApiExtension(ERRORS_EXTENSION, errors.map(declared)),
  );

function declared(error: ApiError): DeclaredError {
  if (error instanceof ContractError) return { status: error.status, code: error.code, message: error.message };
  const { kind, fault } = error as Fault;
  return { kind, fault };
}

/** The error that was declared. */
export const undeclared = (error: DeclaredError): ApiError =>
  'kind' in error ? new Fault(error.kind, error.fault) : new ContractError(error.status, error.code, error.message);
