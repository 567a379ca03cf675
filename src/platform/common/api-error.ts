/**
 * An error that callers may see. `ContractError` has a code and a text of one contract's table; `ApiFault` is a condition common to all
 * contracts (no token, invalid JSON, unknown route …), which the error format of the path words (error-formats.ts).
 */
export abstract class ApiError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** An error of one contract: its HTTP status, its code and its documented text. */
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
  /** The field, query or path parameter at fault, by its name on the wire. */
  parameter?: string;
  /** Every missing field of the body, `parameter` included. */
  allMissing?: readonly string[];
  /** Where the parameter is; decides between `APIG.2011` and `APIG.2012`. */
  where?: 'body' | 'query' | 'path';
  /** The contract's code, where the operation does not use the default one. */
  code?: string;
  /** Public text appended to the message. Never holds a secret or the rejected value. */
  detail?: string;
  /** Sent as `Retry-After`. */
  retryAfterSeconds?: number;
  /** The violated rule, as a sentence that begins with the parameter's name. */
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

/** 404 `APIG.3030`: the gateway does not exist or belongs to another project; both read the same. */
export class InstanceNotFound extends ContractError {
  constructor(instanceId: string) {
    super(404, 'APIG.3030', `The instance does not exist;id:${instanceId}`);
  }
}
