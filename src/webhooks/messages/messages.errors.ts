import { ContractError } from '../../platform/common/api-error.js';

/** Same error for a missing message, a deleted one, and one of another project (docs/contracts/endpoints.md §1.2). */
export class MessageNotFound extends ContractError {
  constructor() {
    super(404, 'NOT_FOUND', 'Message not found');
  }
}

/**
 * docs/contracts/endpoints.md §1.6: for send, and for a replay to a deleted endpoint. The official tests require 404 also for a malformed
 * endpoint id.
 */
export class SendEndpointNotFound extends ContractError {
  constructor() {
    super(404, 'ENDPOINT_NOT_FOUND', 'endpoint not found');
  }
}

/** docs/contracts/endpoints.md §1.2: 400 and not 413. */
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

/** docs/contracts/endpoints.md §1.2. @param current status of the message */
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
    super(410, 'RETENTION_EXPIRED', 'The retention of the payload is over');
  }
}

/** The payload was deleted on delivery, because retention_hours was 0. */
export class PayloadUnavailable extends ContractError {
  constructor() {
    super(410, 'PAYLOAD_UNAVAILABLE', 'The payload was not kept');
  }
}

export class ReplayLimitExceeded extends ContractError {
  constructor() {
    super(429, 'REPLAY_LIMIT_EXCEEDED', 'Message has been replayed as often as it can be');
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

/** Errors by operation, without those that every operation can return (docs/contracts/endpoints.md §1.6–§1.8). */
export const MESSAGE_ERRORS = {
  one: [new MessageNotFound()],
  waiting: [new MessageNotFound(), new InvalidStatus('{status}')],
  replay: REPLAY,
};
