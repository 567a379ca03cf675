import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { createVerifier, type VerifierOptions } from '#signing/verifier.js';
import { sendJson } from '../http/responses.js';
import { MemoryBudget, readBody } from '../http/body.js';

const BODY_LIMIT = 16 * 1024 * 1024;
const PACE = { bodyMinBytesPerSecond: 0, bodyTimeoutMs: 300_000 };

export interface DemoBackendOptions {
  host?: string;
  allowUnsignedPayload?: boolean;
  /**
   * Fetches the keys again. Called once for each request that the current keys do not verify, because the request may be signed with newer
   * keys.
   */
  refresh?: () => Promise<void>;
}

/** Failures that newer keys may fix. */
const REFRESHED: ReadonlySet<string> = new Set(['unknown_key', 'signature_mismatch']);

export interface DemoBackend {
  readonly port: number;
  /** Number of requests that were accepted. */
  readonly accepted: number;
  close(): Promise<void>;
}

/**
 * A backend that accepts only signed requests and reports the result: 200 with the name of the key and whether the body is covered, 401
 * with the reason, or 503 if its keys are unavailable. For demonstrations and tests. Production backends use the middleware of
 * `signet-signing`.
 * @param port 0: any free port
 * @param keys returns the accepted keys
 */
export async function startDemoBackend(
  port: number,
  keys: VerifierOptions['keys'],
  { host = '127.0.0.1', allowUnsignedPayload = true, refresh }: DemoBackendOptions = {},
): Promise<DemoBackend> {
  let accepted = 0;
  const verifier = createVerifier({ keys, allowUnsignedPayload });
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await readBody(request, {
      limit: BODY_LIMIT,
      pace: PACE,
      buffer: { budget: new MemoryBudget(2 * BODY_LIMIT), client: '' },
    });
    if (typeof body === 'string' || !body.whole) return void response.destroy();
    const { method = '', url = '', headers } = request;
    const received = { method, url, headers, body: Buffer.concat(body.chunks) };
    const verify = () => verifier.verify(received).catch(() => undefined);
    let verification = await verify();
    if (refresh && verification?.ok === false && REFRESHED.has(verification.code)) {
      await refresh().catch(() => undefined);
      verification = await verify();
    }
    if (!verification) return sendJson(response, 503, { ok: false, code: 'keys_unavailable', hint: 'ask again' });
    if (verification.ok) accepted++;
    const seen = { method, url, host: headers.host, body_bytes: body.bytes };
    sendJson(response, verification.ok ? 200 : 401, { ...verification, request: seen });
  };
  const server = createServer((request, response) => void answer(request, response));
  // Longer than the idle time-out of the gateway's connections.
  server.keepAliveTimeout = 90_000;
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
