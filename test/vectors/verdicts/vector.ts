/** The form of packages/vectors/vectors.json and message-signatures.json; packages/vectors/README.md describes it for verifiers in other languages. */
export type Pair = [name: string, value: string];

export interface WireRequest {
  method: string;
  /** As it goes over the wire, a character per byte: path and query, or absolute. Some have characters that no target may have. */
  target: string;
  /** In the order of the wire, with duplicates, names in the case of the wire. */
  headers: Pair[];
  /** Base64. */
  body: string;
}

export interface GatewayKey {
  id?: string;
  signType: 'hmac' | 'basic' | 'aes' | 'public_key' | 'http-message-signatures';
  signAlgorithm?: 'aes-128-cfb' | 'aes-256-cfb' | 'ed25519' | 'hmac-sha256';
  signKey: string;
  signSecret?: string;
}

export type GatewayCode =
  | 'no_authorization'
  | 'malformed'
  | 'missing_signed_header'
  | 'skew'
  | 'body_unsigned'
  | 'unknown_key'
  | 'signature_mismatch'
  | 'body_hash_mismatch'
  | 'replayed';
export type WebhookCode = 'no_signature' | 'malformed' | 'skew' | 'signature_mismatch' | 'unusable_key';

export interface GatewayOptions {
  skewSeconds: number;
  allowUnsignedPayload: boolean;
  /** Lower case. */
  signatureHeader: string;
}

interface Judged<Code> {
  id: string;
  /** How the request was changed; null: it was not. A verifier must accept some of the changed requests. */
  attack: string | null;
  note: string;
  /** Seconds since the epoch. */
  now: number;
  request: WireRequest;
  expected: 'valid' | 'invalid';
  /** Null for `valid`. */
  code: Code | null;
}

export interface GatewayVector extends Judged<GatewayCode> {
  kind: 'gateway';
  signType: GatewayKey['signType'];
  keys: GatewayKey[];
  options: GatewayOptions;
  /** Requests that the same verifier accepted just before; when there are any, it has a replay store. */
  before: WireRequest[];
}

export interface WebhookVector extends Judged<WebhookCode> {
  kind: 'webhook';
  dialect: 'x-webhook' | 'standard';
  algorithm: 'hmac' | 'ed25519';
  keys: string[];
  options: { toleranceSeconds: number };
}

export type Vector = GatewayVector | WebhookVector;

export interface VectorFile {
  $schema: string;
  source: string;
  seed: number;
  vectors: Vector[];
}

/** A vector before it has an id. */
export type Draft<V extends Vector = Vector> = V extends Vector ? Omit<V, 'id' | 'expected'> : never;

export const GATEWAY_DEFAULTS: GatewayOptions = { skewSeconds: 900, allowUnsignedPayload: false, signatureHeader: 'authorization' };

export const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes as Uint8Array).toString('base64');

/** The request with other values, or other pairs, for a header. */
export const withHeader = (request: WireRequest, name: string, change: (pair: Pair) => Pair[]): WireRequest => ({
  ...request,
  headers: request.headers.flatMap((pair) => (pair[0].toLowerCase() === name ? change(pair) : [pair])),
});

/** The request with another value of a header. */
export const withValue = (request: WireRequest, name: string, change: (value: string) => string): WireRequest =>
  withHeader(request, name, ([spelled, value]) => [[spelled, change(value)]]);
