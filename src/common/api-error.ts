/**
 * What went wrong, for the caller. `ContractError` carries a contract's own code and words; `Fault` is what every contract
 * words in its own way (no token, bad JSON, unknown route …) and is worded by the dialect of the path (dialects.ts).
 */
export abstract class ApiError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** An error of one contract: its HTTP status, its code and the text its documents print. */
export class ContractError extends ApiError {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export type FaultKind =
  | 'token_missing'
  | 'token_expired'
  | 'token_invalid'
  | 'token_unscoped'
  | 'credentials_wrong'
  | 'forbidden'
  | 'invalid'
  | 'missing'
  | 'unparsable'
  | 'bad_url'
  | 'too_large'
  | 'media_type'
  | 'route_unknown'
  | 'not_found'
  | 'conflict'
  | 'rate_limited'
  | 'unavailable'
  | 'internal';

export interface FaultDetail {
  /** The field, query or path parameter at fault, as it stands on the wire. */
  parameter?: string;
  /** Where the parameter stands; decides between `APIG.2011` and `APIG.2012`. */
  where?: 'body' | 'query' | 'path';
  /** The contract's code, where the operation departs from the rule of thumb. */
  code?: string;
  /** Public text that continues the message. Never holds a secret or the offending value. */
  detail?: string;
  /** Goes out as `Retry-After`. */
  retryAfterSeconds?: number;
  /** The rule that the parameter breaks, as a sentence that begins with its name. */
  rule?: string;
}

export class Fault extends ApiError {
  constructor(
    readonly kind: FaultKind,
    readonly fault: FaultDetail = {},
    options?: ErrorOptions,
  ) {
    super(fault.detail ?? kind);
    if (options?.cause !== undefined) this.cause = options.cause;
  }
}

/** 400: a value breaks its field's rule. */
export const invalid = (parameter: string, fault: Omit<FaultDetail, 'parameter'> = {}) =>
  new Fault('invalid', { where: 'body', ...fault, parameter });

/** 404 `APIG.3030`: no such gateway in this project, or another project's: the same words for both. */
export class InstanceNotFound extends ContractError {
  constructor(instanceId: string) {
    super(404, 'APIG.3030', `The instance does not exist;id:${instanceId}`);
  }
}
