import type { EncryptionContext } from '../../platform/vault/sealed.js';

/** The encryption context of a message's headers. The version is constant, because the headers never change. */
export const messageHeadersContext = (projectId: string, endpointId: string, messageId: string): EncryptionContext => ({
  projectId,
  ownerId: endpointId,
  field: 'messages.headers',
  rowId: messageId,
  version: 1,
});
