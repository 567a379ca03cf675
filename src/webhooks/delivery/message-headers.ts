import type { EncryptionContext } from '../../platform/vault/sealed.js';

/** Encryption context of a message's own headers. The version is constant, because they never change. */
export const messageHeadersContext = (projectId: string, endpointId: string, messageId: string): EncryptionContext => ({
  projectId,
  ownerId: endpointId,
  field: 'messages.headers',
  rowId: messageId,
  version: 1,
});
