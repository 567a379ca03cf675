import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isValidFraming } from '../http/admission.js';
import type { OutgoingRequest } from '../signing/signer.js';

/** A request to `/sign`, parsed from the format of the calling gateway. The hash of the body is added when the body was read. */
export interface SignRequest {
  request: Omit<OutgoingRequest, 'bodySha256'>;
  /** What the body of the sign request says about the body of the request that is to be signed. */
  body: 'whole' | 'none' | 'unknown';
}

const one = (value: string | string[] | undefined) => (Array.isArray(value) ? value.join() : value);
/** Methods that are treated as having no body. If there is a body, the signature does not match, and the backend refuses the request. */
const WITHOUT_BODY = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE']);

/**
 * Parses nginx's `auth_request` (`X-Original-*`, never a body), Caddy's `forward_auth`, Traefik's `forwardAuth` and APISIX's `forward-auth`
 * (`X-Forwarded-*`; the last two can send the body).
 * @returns undefined when the headers of both families or of none are present, because then one family may come from the client. The length
 * of the body is only read for nginx, because the others forward the client's header with this name.
 */
export function parseForwardAuthRequest(headers: IncomingHttpHeaders, bodyGiven: boolean): SignRequest | undefined {
  const [original, forwarded] = [one(headers['x-original-uri']), one(headers['x-forwarded-uri'])];
  const stage = one(headers['x-stage']);
  if ((original === undefined) === (forwarded === undefined)) return undefined;
  const family = original === undefined ? 'x-forwarded' : 'x-original';
  const method = one(headers[`${family}-method`]);
  const target = original ?? forwarded;
  const host = one(headers[`${family}-host`]);
  if (method === undefined || target === undefined || host === undefined) return undefined;
  const request = { method, target, host, stage };
  if (bodyGiven) return { request, body: 'whole' };
  if (family === 'x-forwarded') return { request, body: WITHOUT_BODY.has(method) ? 'none' : 'unknown' };
  const length = one(headers['x-original-content-length']);
  const chunked = one(headers['x-original-transfer-encoding']);
  if (chunked) return isValidFraming([chunked], '1.1') ? { request, body: 'unknown' } : undefined;
  const none = length !== undefined && length !== '' ? length === '0' : WITHOUT_BODY.has(method);
  return { request, body: none ? 'none' : 'unknown' };
}

/** Parses Envoy's HTTP `ext_authz`: the client's method, its path below a prefix, and as much of the body as Envoy buffers. */
export function parseEnvoyRequest(target: string, { method = '', headers, headersDistinct }: IncomingMessage): SignRequest {
  const partial = one(headers['x-envoy-auth-partial-body']) === 'true';
  const request = { method, target, host: headersDistinct['host']?.join() ?? '', stage: one(headers['x-stage']) };
  return { request, body: partial ? 'unknown' : 'whole' };
}

/** Body of `POST /v1/sign`. */
interface JsonSignRequest {
  method?: unknown;
  /** Path and query, encoded as they will be sent. */
  url?: unknown;
  host?: unknown;
  environment?: unknown;
  /** SHA-256 of the body in hex, or `UNSIGNED-PAYLOAD`; absent: no body. */
  body_sha256?: unknown;
}

const BODY_HASH = /^(?:[0-9a-f]{64}|UNSIGNED-PAYLOAD)$/;

export function parseJsonRequest(text: string, emptySha256: string): OutgoingRequest | undefined {
  let fields: JsonSignRequest | null;
  try {
    fields = JSON.parse(text) as JsonSignRequest | null;
  } catch {
    return undefined;
  }
  if (typeof fields !== 'object' || fields === null) return undefined;
  const { method, url, host, environment, body_sha256: hash = emptySha256 } = fields;
  if (typeof method !== 'string' || typeof url !== 'string' || typeof host !== 'string' || typeof hash !== 'string') return undefined;
  if (environment !== undefined && typeof environment !== 'string') return undefined;
  return BODY_HASH.test(hash) ? { method, target: url, host, stage: environment, bodySha256: hash } : undefined;
}
