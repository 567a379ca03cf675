/**
 * `signet-client`: every operation of docs/openapi.json, typed (docs/adr/0062). Runs in Node and in browsers. `signet-client/aksk` signs with an access key and
 * runs in Node only.
 */
export {
  type Answer,
  type CallOptions,
  type ClientOptions,
  createSignetClient,
  type OperationInit,
  type ParseAs,
  type PathsOf,
  type SignetClient,
} from './client.js';
export { apiKey, type Credentials, type RequestToAuthenticate, token } from './credentials.js';
export { type ClientErrorCode, isNotFound, SignetError, type SignetErrorDetail } from './errors.js';
export { items, type ItemOf, type ListPath, type Page, pages } from './pages.js';
export { isPasscodeRequired, userOfExpiredPassword } from './password.js';
export { openSessions, type Receipt, ReceiptIncompleteError, receiptOf, type ReceiptWait, waitForReceipt } from './receipts.js';
export type { components, operations, paths } from './schema.js';
import type { components } from './schema.js';

/** A schema of the OpenAPI document by name, such as `Schema<'SignView'>`. */
export type Schema<Name extends keyof components['schemas']> = components['schemas'][Name];
