import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { createVerifier, type VerifierOptions } from '../lib/signing/verifier.js';
import { answerJson } from './answers.js';
import { Budget, readBody } from './body.js';

const BODY_LIMIT = 16 * 1024 * 1024;

export interface DemoBackend {
  readonly port: number;
  /** How many requests it has accepted. */
  readonly accepted: number;
  close(): Promise<void>;
}

/**
 * A backend that accepts signed requests only, and tells what it saw: 200 with the key's name and whether the body is covered,
 * 401 with the reason, or 503 when its keys cannot be had. For demonstrations and tests; a real one uses the middlewares of
 * `signet/signing`.
 * @param port 0: any free one
 * @param keys the keys it knows
 */
export async function startDemoBackend(
  port: number,
  keys: VerifierOptions['keys'],
  { host = '127.0.0.1', allowUnsignedPayload = true }: { host?: string; allowUnsignedPayload?: boolean } = {},
): Promise<DemoBackend> {
  let accepted = 0;
  const verifier = createVerifier({ keys, allowUnsignedPayload });
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await readBody(request, BODY_LIMIT, new Budget(2 * BODY_LIMIT));
    if (typeof body === 'string' || !body.whole) return void response.destroy();
    const { method = '', url = '', headers } = request;
    const verification = await verifier.verify({ method, url, headers, body: Buffer.concat(body.chunks) }).catch(() => undefined);
    if (!verification) return answerJson(response, 503, { ok: false, code: 'keys_unavailable', hint: 'ask again' });
    if (verification.ok) accepted++;
    const seen = { method, url, host: headers.host, body_bytes: body.bytes };
    answerJson(response, verification.ok ? 200 : 401, { ...verification, request: seen });
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen({ host, port });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get accepted() {
      return accepted;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close').catch(() => undefined);
    },
  };
}
