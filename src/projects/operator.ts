import { newId } from '../common/ids.js';
import type { Caller } from '../common/principal.js';

/**
 * The service itself, or whoever runs its command line, as the author of an audit row: nobody's token, no address.
 * @param name `signet` or `signet-cli`
 */
export function operator(name: 'signet' | 'signet-cli'): Caller {
  const principal = { userId: name, userName: name, domainId: '', domainName: '', roles: [], credentialHash: '', expiresAt: 0 };
  const caller = { principal, requestId: newId(), sourceAddress: '' };
  operators.add(caller);
  return caller;
}

const operators = new WeakSet<Caller>();

/** Whether it was made here: whoever holds the database may do anything, and no request can say so of itself. */
export const isOperator = (caller: Caller): boolean => operators.has(caller);
