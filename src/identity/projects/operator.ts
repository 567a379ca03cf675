import { newId } from '../../platform/common/ids.js';
import { type Caller, withoutCredential } from '../../platform/common/principal.js';

/**
 * The service itself or its command line as the actor of audit rows, without a token and an address.
 * @param name `signet` or `signet-cli`
 */
export function operator(name: 'signet' | 'signet-cli'): Caller {
  const principal = withoutCredential({ userId: name, userName: name, domainId: '', domainName: '' });
  const caller = { principal, requestId: newId(), sourceAddress: '' };
  operators.add(caller);
  return caller;
}

const operators = new WeakSet<Caller>();

/** Whether {@link operator} has created the caller; no request can pretend that. Somebody with access to the database may do anything. */
export const isOperator = (caller: Caller): boolean => operators.has(caller);
