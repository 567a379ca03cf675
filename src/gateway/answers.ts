import type { IncomingMessage, ServerResponse } from 'node:http';
import { bodyOf, headersOf, type Refusal } from './refusals.js';

/** How long a client may go on sending a body that nobody wants, so that it gets to read the answer. */
const LINGER_MS = 2000;

/** Answers with a refusal in the contract's words. */
export function answerRefusal(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const body = bodyOf(refusal);
  response.writeHead(refusal.status, { ...headersOf(refusal), 'content-length': String(Buffer.byteLength(body)) });
  response.end(body);
  if (request.complete) return;
  request.resume();
  const linger = setTimeout(() => request.destroy(), LINGER_MS).unref();
  request.once('close', () => clearTimeout(linger));
}

export function answerJson(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(text)),
  });
  response.end(text);
}
