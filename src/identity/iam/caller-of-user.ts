import { type Caller, withoutCredential } from '../../platform/common/principal.js';
import type { UserRow } from './directory.js';

/** A user without a token, who has proved the password, as the author of audit rows. */
export const callerOfUser = (
  { id, name, domainId, domainName }: UserRow,
  { requestId, sourceAddress }: Pick<Caller, 'requestId' | 'sourceAddress'>,
): Caller => ({
  principal: withoutCredential({ userId: id, userName: name, domainId, domainName }),
  requestId,
  sourceAddress,
});
