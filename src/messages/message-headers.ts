import type { SecretPlace } from '../vault/sealed.js';

/** Where a message's own headers are sealed to; they never change. */
export const messageHeadersPlace = (projectId: string, messageId: string): SecretPlace => ({
  projectId,
  field: 'messages.headers',
  rowId: messageId,
  version: 1,
});
