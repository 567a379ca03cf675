import type { IncomingHttpHeaders } from 'node:http';
import type { OutgoingRequest } from './signer.js';

/** A question to `/sign`, in the words of whichever gateway asks. The hash is known once its own body is here. */
export interface SignQuestion {
  request: Omit<OutgoingRequest, 'bodySha256'>;
  /** What the body of the question says about the body of the request. */
  body: 'whole' | 'none' | 'unknown';
}

const one = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value);
/** These never have a body in practice; one that is there all the same fails at the backend, it is not let through. */
const BODILESS = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE']);

/**
 * nginx's `auth_request`, which sends what the configuration says and never a body; Caddy's `forward_auth`, Traefik's
 * `forwardAuth` and APISIX's `forward-auth`, the last two with the body when told to. Undefined when it is neither of them, or
 * both: one of the two families then comes from the client, and nobody can say which.
 */
export function questionOf(headers: IncomingHttpHeaders, bodyGiven: boolean): SignQuestion | undefined {
  const [original, forwarded] = [one(headers['x-original-uri']), one(headers['x-forwarded-uri'])];
  const stage = one(headers['x-stage']);
  if ((original === undefined) === (forwarded === undefined)) return undefined;
  const family = original === undefined ? 'x-forwarded' : 'x-original';
  const method = one(headers[`${family}-method`]);
  const target = original ?? forwarded;
  const host = one(headers[`${family}-host`]) ?? headers.host;
  if (!method || !target?.startsWith('/') || !host) return undefined;
  const request = { method, target, host, stage };
  if (bodyGiven) return { request, body: 'whole' };
  const length = one(headers['x-original-content-length']);
  const chunked = one(headers['x-original-transfer-encoding']);
  const none = family === 'x-original' && length !== undefined && length !== '' ? length === '0' : !chunked && BODILESS.has(method);
  return { request, body: none ? 'none' : 'unknown' };
}

/** Envoy's `ext_authz` over HTTP: its own method and path, below a prefix, and as much of the body as it was told to buffer. */
export function envoyQuestionOf(method: string, target: string, headers: IncomingHttpHeaders): SignQuestion | undefined {
  if (!headers.host || !target.startsWith('/')) return undefined;
  const partial = one(headers['x-envoy-auth-partial-body']) === 'true';
  return { request: { method, target, host: headers.host, stage: one(headers['x-stage']) }, body: partial ? 'unknown' : 'whole' };
}

/** `POST /v1/sign`. */
interface JsonQuestion {
  method?: unknown;
  /** Path and query, encoded, as they will be sent. */
  url?: unknown;
  host?: unknown;
  environment?: unknown;
  /** Hex SHA-256 of the body, or `UNSIGNED-PAYLOAD`; absent: no body. */
  body_sha256?: unknown;
}

export const BODY_HASH = /^(?:[0-9a-f]{64}|UNSIGNED-PAYLOAD)$/;

export function jsonQuestionOf(text: string, emptySha256: string): OutgoingRequest | undefined {
  let question: JsonQuestion | null;
  try {
    question = JSON.parse(text) as JsonQuestion | null;
  } catch {
    return undefined;
  }
  if (typeof question !== 'object' || question === null) return undefined;
  const { method, url, host, environment, body_sha256: hash = emptySha256 } = question;
  if (typeof method !== 'string' || typeof url !== 'string' || typeof host !== 'string' || typeof hash !== 'string') return undefined;
  if (environment !== undefined && typeof environment !== 'string') return undefined;
  return url.startsWith('/') && BODY_HASH.test(hash) ? { method, target: url, host, stage: environment, bodySha256: hash } : undefined;
}
