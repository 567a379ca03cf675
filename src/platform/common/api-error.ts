/**
 * An error that callers may see. A `ContractError` has a code and a text from the tables of one contract. An `ApiFault` is a condition that
 * all contracts share (no token, invalid JSON, unknown route …); error-formats.ts gives it the code and text of the path's contract.
 */
export abstract class ApiError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** An error of one contract, with its HTTP status, its code and its documented text. */
export class ContractError extends ApiError {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export const FAULT_KINDS = [
  'token_missing',
  'token_expired',
  'token_invalid',
  'token_unscoped',
  'credentials_wrong',
  'forbidden',
  'invalid',
  'missing',
  'unparsable',
  'bad_url',
  'too_large',
  'media_type',
  'route_unknown',
  'not_found',
  'conflict',
  'rate_limited',
  'unavailable',
  /** The database was restored to an earlier state, and no operator has decided yet. */
  'held',
  'internal',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

export interface FaultDetail {
  /** The wire name of the field or parameter that is at fault. */
  parameter?: string;
  /** All missing fields of the body, including `parameter`. */
  allMissing?: readonly string[];
  /** Where the parameter is, which decides between `APIG.2011` and `APIG.2012`. */
  where?: 'body' | 'query' | 'path';
  /** The contract's code, if the operation does not use the default one. */
  code?: string;
  /** Public text that is appended to the message. Never contains a secret or the rejected value. */
  detail?: string;
  /** The value of `Retry-After`. */
  retryAfterSeconds?: number;
  /** The violated rule: a sentence that begins with the name of the parameter. */
  rule?: string;
}

export class ApiFault extends ApiError {
  constructor(
    readonly kind: FaultKind,
    readonly fault: FaultDetail = {},
    options?: ErrorOptions,
  ) {
    super(fault.detail ?? kind);
    if (options?.cause !== undefined) this.cause = options.cause;
  }
}

/** 400: a value violates its field's rule. */
export const invalid = (parameter: string, fault: Omit<FaultDetail, 'parameter'> = {}) =>
  new ApiFault('invalid', { where: 'body', ...fault, parameter });

/** 404 `APIG.3030`: the gateway does not exist or belongs to another project. Both cases get the same response. */
export class InstanceNotFound extends ContractError {
  constructor(instanceId: string) {
    super(404, 'APIG.3030', `The instance does not exist;id:${instanceId}`);
  }
}
