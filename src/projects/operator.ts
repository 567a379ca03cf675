import { newId } from '../common/ids.js';
import type { Caller } from '../common/principal.js';

/**
 * The service itself, or whoever runs its command line, as the author of an audit row: nobody's token, no address.
 * @param name `signet` or `signet-cli`
 */
export const operator = (name: 'signet' | 'signet-cli'): Caller => ({
  principal: { userId: name, userName: name, domainId: '', domainName: '', roles: [], credentialHash: '', expiresAt: 0 },
  requestId: newId(),
  sourceAddress: '',
});
