import { ContractError } from '../../platform/common/api-error.js';
import type { Refusal } from '../../lib/receipts/protocol.js';

const WORDS: Record<Refusal, readonly [status: number, message: string]> = {
  unknown: [409, 'There is no such session: the database may have been restored.'],
  epoch: [409, 'The session belongs to another history of the database: register again.'],
  ahead: [409, 'There is no such revision yet: the database may have been restored.'],
  ended: [409, 'The session has ended: drop the keys and register again.'],
  mismatch: [409, 'The table differs from that of this revision: drop the keys and register again.'],
  taken: [409, 'Another process has registered this session.'],
  forged: [403, "The signature was not made with the session's key."],
  repeated: [409, 'A later report of the session has already been stored.'],
  held: [503, 'A restore of the database was noticed, and an operator has not decided yet.'],
  gone: [409, 'The gateway is deleted.'],
  too_many: [429, 'The credential has too many sessions.'],
};

/** The control plane refuses a session; `lib/receipts/node.ts` says what the node does then. */
export class SessionRefused extends ContractError {
  constructor(readonly because: Refusal) {
    super(WORDS[because][0], `session_${because}`, WORDS[because][1]);
  }
}

export const SESSION_REFUSALS = (Object.keys(WORDS) as Refusal[]).map((because) => new SessionRefused(because));
