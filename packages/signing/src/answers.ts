import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Refusal } from './errors.js';

/** The default answer to a refused request. */
export interface RefusalAnswer {
  /** 401; 413 for a body that is too long; 503 while keys or replay store are unavailable. */
  status: 401 | 413 | 503;
  headers: Readonly<Record<string, string>>;
  body: { code: string; hint: string };
}

export function answerTo({ code, hint }: Refusal): RefusalAnswer {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  const body = { code, hint };
  if (code === 'too_large') return { status: 413, headers, body };
  if (code === 'keys_unavailable' || code === 'store_unavailable')
    return { status: 503, headers: { ...headers, 'retry-after': '1' }, body };
  return { status: 401, headers: { ...headers, 'www-authenticate': 'SDK-HMAC-SHA256' }, body };
}

/** Headers that a server on connections adds: the rest of a body that is too long is not read. */
export const closing = ({ code }: Refusal): Record<string, string> => (code === 'too_large' ? { connection: 'close' } : {});

export function sendRefusal(refusal: Refusal, request: IncomingMessage, response: ServerResponse): void {
  const { status, headers, body } = answerTo(refusal);
  const close = request.httpVersionMajor === 1 ? closing(refusal) : {};
  response.writeHead(status, { ...headers, ...close });
  response.end(JSON.stringify(body));
}
