/**
 * `signet-signing`: signs requests as a gateway does, and verifies them in a backend. Uses Node's own modules only. Frameworks have separate
 * entry points: `signet-signing/express`, `/fastify`, `/fetch`, `/nest`. Guide, formats and limits: docs/signing.md.
 */
export { SIGN_ALGORITHMS, SIGN_TYPES, type SignAlgorithm, type SignType } from './algorithms.js';
export { type RawBody, sha256 } from './body.js';
export {
  canonicalQuery,
  canonicalRequest,
  canonicalUri,
  type CanonicalParts,
  stringToSign,
  UNSIGNED_PAYLOAD,
} from './canonical-request.js';
export type { ReceivedBody, ReceivedRequest, RequestHead } from './received.js';
export { KeysUnavailableError, type Refusal, type RefusalCode, UnusableKeyError } from './errors.js';
export { type Difference, type Explanation, explain } from './explain.js';
export type { HeaderSource } from './headers.js';
export { type MiddlewareOptions, signatureOf } from './raw-body.js';
export type { KeySource, Keys } from './key-source.js';
export type { Log } from './log.js';
export { MemoryReplayStore, type ReplayStore } from './replay.js';
export type { KeyMaterial } from './scheme.js';
export { formatSdkDate, parseSdkDate } from './sdk-date.js';
export { type RequestToSign, sign, type SignatureHeaders, type SignOptions } from './sign.js';
export { type Begun, createVerifier, type Verifier, type VerifierOptions } from './verifier.js';
export type { VerdictCounts } from './verdict-record.js';
export { type ClaimRules, type KeyLookup, type Verification, type Verified, type VerifyOptions, verifySignature } from './verify.js';
export {
  signWebhook,
  verifyWebhook,
  type WebhookDialect,
  type WebhookMessage,
  type WebhookRefusalCode,
  webhookSigner,
  type WebhookSigner,
  type WebhookVerification,
  type WebhookVerifyOptions,
} from './webhook.js';
