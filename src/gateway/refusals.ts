/** Why a request was not signed or not forwarded: the label of the metric `signet_gateway_refused_total`. */
export type RefusalReason =
  | 'api_unknown'
  | 'api_unbound'
  | 'key_gone'
  | 'not_synced'
  | 'lease_over'
  | 'signature_failed'
  | 'bad_request'
  | 'body_too_large'
  | 'uri_too_large'
  | 'headers_too_large'
  | 'busy'
  | 'backend_unavailable'
  | 'backend_timeout';

/** An answer in the contract's words (apig §5.6); where it has none, the nearest code with our words after it. */
export interface Refusal {
  reason: RefusalReason;
  status: number;
  code: string;
  message: string;
  retryAfterSeconds?: number;
}

const UNSIGNED = 'Backend signature calculation failed.';
const refusal = (reason: RefusalReason, status: number, code: string, message: string, retryAfterSeconds?: number): Refusal => ({
  reason,
  status,
  code,
  message,
  ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
});

export const REFUSALS: Record<RefusalReason, Refusal> = {
  api_unknown: refusal('api_unknown', 404, 'APIG.0101', 'The API does not exist or has not been published in the environment.'),
  api_unbound: refusal('api_unbound', 403, 'APIG.0705', `${UNSIGNED} No signature key is bound to the API.`),
  key_gone: refusal('key_gone', 403, 'APIG.0705', `${UNSIGNED} The signature key of the API was deleted.`),
  not_synced: refusal('not_synced', 503, 'APIG.0705', `${UNSIGNED} The gateway has no keys yet.`, 1),
  lease_over: refusal('lease_over', 503, 'APIG.0705', `${UNSIGNED} The gateway has lost its control plane.`, 1),
  signature_failed: refusal('signature_failed', 500, 'APIG.0705', UNSIGNED),
  bad_request: refusal('bad_request', 400, 'APIG.0201', 'Bad request.'),
  body_too_large: refusal('body_too_large', 413, 'APIG.0201', 'Request entity too large.'),
  uri_too_large: refusal('uri_too_large', 414, 'APIG.0201', 'Request URI too large.'),
  headers_too_large: refusal('headers_too_large', 494, 'APIG.0201', 'Request headers too large.'),
  busy: refusal('busy', 503, 'APIG.0201', 'The gateway is busy.', 1),
  backend_unavailable: refusal('backend_unavailable', 502, 'APIG.0201', 'Backend unavailable.'),
  backend_timeout: refusal('backend_timeout', 504, 'APIG.0201', 'Backend timeout.'),
};

/** The body of every refusal. */
export const bodyOf = ({ code, message }: Refusal): string => JSON.stringify({ error_code: code, error_msg: message });

/**
 * Its headers. Code and words stand in headers too, since nginx drops the body of an `auth_request`.
 */
export const headersOf = (refusal: Refusal): Record<string, string> => ({
  'content-type': 'application/json; charset=utf-8',
  'signet-error-code': refusal.code,
  'signet-error-message': refusal.message,
  ...(refusal.retryAfterSeconds !== undefined && { 'retry-after': String(refusal.retryAfterSeconds) }),
});
