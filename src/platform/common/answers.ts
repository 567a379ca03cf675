import { STATUS_CODES } from 'node:http';
import { applyDecorators, HttpCode, type Type } from '@nestjs/common';
import { ApiExtension, ApiOperation, ApiResponse, type ApiResponseOptions } from '@nestjs/swagger';
import { type ApiError, ContractError, ApiFault, type FaultDetail, type FaultKind } from './api-error.js';

/**
 * OpenAPI extension that holds an operation's own errors until src/platform/openapi describes them. It is not part of the published
 * document.
 */
export const ERRORS_EXTENSION = 'x-signet-errors';

/** An error that can be serialised. The OpenAPI document is cloned, and a clone cannot contain Error instances. */
export type DeclaredError = { status: number; code: string; message: string } | { kind: FaultKind; fault: FaultDetail };

/**
 * Method decorator: sets the success status of a route and describes its operation in the OpenAPI document.
 * @param status the status of success
 * @param view class of the response body; `undefined` when there is none
 * @param operationId the operation's name in the contract, unique in the service
 * @param summary what the operation does, in the imperative
 * @param errors errors beyond those that follow from the path, the access rule and the input; `{name}` stands for a value of the request
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

/** Converts a declared error back to an {@link ApiError}. */
export const undeclared = (error: DeclaredError): ApiError =>
  'kind' in error ? new ApiFault(error.kind, error.fault) : new ContractError(error.status, error.code, error.message);
