import { ContractError } from '../../platform/common/api-error.js';

/**
 * The message does not exist, was deleted, or belongs to another project. All three cases have the same error
 * (docs/contracts/endpoints.md §1.2).
 */
export class MessageNotFound extends ContractError {
  constructor() {
    super(404, 'NOT_FOUND', 'Message not found');
  }
}

/**
 * The endpoint of a send does not exist, or the endpoint of a replay was deleted (docs/contracts/endpoints.md §1.6). The official tests
 * require 404 for a malformed endpoint id too.
 */
export class SendEndpointNotFound extends ContractError {
  constructor() {
    super(404, 'ENDPOINT_NOT_FOUND', 'endpoint not found');
  }
}

/** The payload is too large. The status is 400 instead of 413 (docs/contracts/endpoints.md §1.2). */
export class PayloadTooLarge extends ContractError {
  constructor() {
    super(400, 'PAYLOAD_TOO_LARGE', 'payload must be at most 1 MB');
  }
}

export class IdempotencyMismatch extends ContractError {
  constructor() {
    super(409, 'IDEMPOTENCY_MISMATCH', 'idempotency_key was used with another payload');
  }
}

/** The action is not allowed in the status of the message (docs/contracts/endpoints.md §1.2). @param current the status of the message */
export class InvalidStatus extends ContractError {
  constructor(current: string) {
    super(400, 'INVALID_STATUS', `Message is not in pending_retry status (current: ${current})`);
  }
}

export class DeliveryInProgress extends ContractError {
  constructor() {
    super(409, 'DELIVERY_IN_PROGRESS', 'Message is waiting for delivery or being delivered');
  }
}

export class RetryInProgress extends ContractError {
  constructor() {
    super(409, 'RETRY_IN_PROGRESS', 'Message is waiting for its next retry');
  }
}

/** The payload was deleted at the end of its retention. */
export class RetentionExpired extends ContractError {
  constructor() {
    super(410, 'RETENTION_EXPIRED', 'The retention of the payload has ended');
  }
}

/** The payload was deleted on delivery, because retention_hours was 0. */
export class PayloadUnavailable extends ContractError {
  constructor() {
    super(410, 'PAYLOAD_UNAVAILABLE', 'The payload was deleted when the message was delivered');
  }
}

export class ReplayLimitExceeded extends ContractError {
  constructor() {
    super(429, 'REPLAY_LIMIT_EXCEEDED', 'Message has reached the maximum number of replays');
  }
}

const REPLAY = [
  new MessageNotFound(),
  new SendEndpointNotFound(),
  new DeliveryInProgress(),
  new RetryInProgress(),
  new RetentionExpired(),
  new PayloadUnavailable(),
  new ReplayLimitExceeded(),
];

/** Errors by operation, without those that all operations have in common (docs/contracts/endpoints.md §1.6–§1.8). */
export const MESSAGE_ERRORS = {
  one: [new MessageNotFound()],
  waiting: [new MessageNotFound(), new InvalidStatus('{status}')],
  replay: REPLAY,
};
