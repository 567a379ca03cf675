import { ContractError } from '../../platform/common/api-error.js';
import type { Refusal } from '../../lib/receipts/protocol.js';

const WORDS: Record<Refusal, readonly [status: number, message: string]> = {
  unknown: [409, 'The session does not exist: the database may have been restored.'],
  epoch: [409, 'The session belongs to another epoch of the database: register again.'],
  ahead: [409, 'The revision does not exist yet: the database may have been restored.'],
  ended: [409, 'The session has ended: drop the keys and register again.'],
  mismatch: [409, 'The table of keys differs from the one at this revision: drop the keys and register again.'],
  taken: [409, 'Another process has registered this session.'],
  forged: [403, 'The signature must be made with the key of the session.'],
  repeated: [409, 'A later report of the session has already been stored.'],
  held: [503, 'A restore of the database was detected, and an operator has not decided yet.'],
  gone: [409, 'The gateway was deleted.'],
  too_many: [429, 'The credential has too many sessions.'],
};

/** The control plane refuses a session. `lib/receipts/node.ts` decides what the node does then. */
export class SessionRefused extends ContractError {
  constructor(readonly because: Refusal) {
    super(WORDS[because][0], `session_${because}`, WORDS[because][1]);
  }
}

export const SESSION_REFUSALS = (Object.keys(WORDS) as Refusal[]).map((because) => new SessionRefused(because));
