/**
 * `signet/signing`: signs requests as a gateway does and verifies them as a backend should. Loads nothing but node's own
 * modules; the Nest guard is at `signet/signing/nest`. Guide, formats and weaknesses: docs/signing.md.
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
export type { ReceivedRequest } from './claim.js';
export { type Refusal, type RefusalCode, UnusableKeyError } from './errors.js';
export { type Difference, type Explanation, explain } from './explain.js';
export { type ExpressVerifierOptions, expressVerifier, keepRawBody } from './express.js';
export { fastifyVerifier, type FastifyVerifierOptions, type SignedFastifyRequest } from './fastify.js';
export { verifyRequest } from './fetch.js';
export type { HeaderSource } from './headers.js';
export { type MiddlewareOptions, signatureOf } from './raw-body.js';
export { MemoryReplayStore, type ReplayStore } from './replay.js';
export type { KeyMaterial } from './scheme.js';
export { formatSdkDate, parseSdkDate } from './sdk-date.js';
export { type RequestToSign, sign, type SignatureHeaders, type SignOptions } from './sign.js';
export { createVerifier, type Verifier, type VerifierOptions } from './verifier.js';
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
