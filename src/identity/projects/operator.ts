import { newId } from '../../platform/common/ids.js';
import type { Caller } from '../../platform/common/principal.js';

/**
 * The service itself or its command line as the author of audit rows, without token and address.
 * @param name `signet` or `signet-cli`
 */
export function operator(name: 'signet' | 'signet-cli'): Caller {
  const principal = { userId: name, userName: name, domainId: '', domainName: '', roles: [], credentialHash: '', expiresAt: 0 };
  const caller = { principal, requestId: newId(), sourceAddress: '' };
  operators.add(caller);
  return caller;
}

const operators = new WeakSet<Caller>();

/** Whether the caller was created by {@link operator}; no request can claim to be. Whoever has access to the database may do anything. */
export const isOperator = (caller: Caller): boolean => operators.has(caller);
