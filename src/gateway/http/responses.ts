import type { IncomingMessage, ServerResponse } from 'node:http';
import { refusalBody, refusalHeaders, type Refusal } from './refusals.js';

/** How long a client whose request is refused may continue to send its body, so that it can read the response. */
const LINGER_MS = 2000;

/** Sends a refusal in the contract's error format. */
export function sendRefusal(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const body = refusalBody(refusal);
  response.writeHead(refusal.status, { ...refusalHeaders(refusal), 'content-length': String(Buffer.byteLength(body)) });
  response.end(body);
  if (request.complete) return;
  request.resume();
  const linger = setTimeout(() => request.destroy(), LINGER_MS).unref();
  request.once('close', () => clearTimeout(linger));
}

export function sendJson(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(text)),
  });
  response.end(text);
}
