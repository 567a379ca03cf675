import { STATUS_CODES } from 'node:http';
import { applyDecorators, HttpCode, type Type } from '@nestjs/common';
import { ApiExtension, ApiOperation, ApiResponse, type ApiResponseOptions } from '@nestjs/swagger';
import { type ApiError, ContractError, ApiFault, type FaultDetail, type FaultKind } from './api-error.js';

/** OpenAPI extension that carries an operation's own errors until src/platform/openapi describes them; not part of the document. */
export const ERRORS_EXTENSION = 'x-signet-errors';

/** A serialisable error: the document is cloned, which an Error instance does not survive. */
export type DeclaredError = { status: number; code: string; message: string } | { kind: FaultKind; fault: FaultDetail };

/**
 * Method decorator: the success status of a route and its operation in the OpenAPI document.
 * @param status of success
 * @param view class of the body; `undefined` when there is none
 * @param operationId the contract's name of the operation, unique in the service @param summary the effect of the operation, in the
 * imperative
 * @param errors errors beyond those implied by the path, the access rule and the input; `{name}` stands for a value of the request
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
  const { kind, fault } = error as ApiFault;
  return { kind, fault };
}

/** Inverse of `declared`. */
export const undeclared = (error: DeclaredError): ApiError =>
  'kind' in error ? new ApiFault(error.kind, error.fault) : new ContractError(error.status, error.code, error.message);
