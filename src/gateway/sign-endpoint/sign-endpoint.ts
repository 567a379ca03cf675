import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import type { GatewayConfig } from '../../platform/config/gateway-config.js';
import { UNSIGNED_PAYLOAD } from '#signing/canonical-request.js';
import { sendJson, sendRefusal } from '../http/responses.js';
import { bodyFramingOf, type BodyPace, MemoryBudget, EMPTY_SHA256, readBody } from '../http/body.js';
import type { RefusalReason } from '../http/refusals.js';
import { parseEnvoyRequest, parseJsonRequest, parseForwardAuthRequest, type SignRequest } from './sign-requests.js';
import { type Decision, type Signer, SIGNING_HEADERS } from '../signing/signer.js';

const ENVOY = '/envoy';
/** Header that tells Envoy which headers of the client to remove. Other gateways remove headers that the response lacks. */
const ENVOY_REMOVES = 'x-envoy-auth-headers-to-remove';
const JSON_LIMIT = 64 * 1024;
const JSON_TYPE = /^application\/json *(;|$)/i;

/**
 * Signs for gateways that forward requests themselves. It has no authentication, so it listens on a separate port. A 2xx response sets
 * Authorization and X-Sdk-Date, and also X-Sdk-Content-Sha256 if the body is not covered. For a message signature, it sets Signature-Input
 * and Signature, and also Content-Digest if the body is covered. The calling gateway must first remove the client's headers with these six
 * names.
 */
export class SignEndpoint {
  constructor(
    private readonly signer: Signer,
    private readonly config: Pick<GatewayConfig, 'bodyLimitBytes' | 'largeBody' | 'signHosts' | keyof BodyPace>,
  ) {}

  /** @returns false when the path belongs to another handler */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const [path = ''] = (request.url ?? '').split('?', 1);
    if (path === '/sign') {
      const { kind } = bodyFramingOf(request);
      this.#answer(request, response, parseForwardAuthRequest(request.headers, kind !== 'none'));
    } else if (path === ENVOY || path.startsWith(`${ENVOY}/`)) {
      const target = (request.url ?? '').slice(ENVOY.length);
      this.#answer(request, response, parseEnvoyRequest(target || '/', request));
    } else if (path === '/v1/sign' && request.method === 'POST') void this.#json(request, response);
    else return false;
    return true;
  }

  #answer(request: IncomingMessage, response: ServerResponse, signRequest: SignRequest | undefined): void {
    if (!signRequest) return this.#refuse(request, response, 'bad_request');
    if (bodyFramingOf(request).kind === 'none')
      return this.#decide(request, response, signRequest, signRequest.body === 'unknown' ? UNSIGNED_PAYLOAD : EMPTY_SHA256);
    const admitted = this.signer.admit(signRequest.request, 'sign');
    if (!admitted.ok) return sendRefusal(request, response, admitted.refusal);
    void this.#hashed(request, response, signRequest);
  }

  async #hashed(request: IncomingMessage, response: ServerResponse, signRequest: SignRequest): Promise<void> {
    if (request.headers.expect !== undefined) response.writeContinue();
    const body = await readBody(request, { limit: this.config.bodyLimitBytes, pace: this.config });
    if (body === 'late') return this.#refuse(request, response, 'body_late');
    if (body === 'busy' || body === 'gone') return void response.destroy();
    if (body.whole && signRequest.body === 'whole') return this.#decide(request, response, signRequest, body.sha256 ?? EMPTY_SHA256);
    if (this.config.largeBody === 'refuse') return this.#refuse(request, response, 'body_too_large');
    if (body.whole) return this.#decide(request, response, signRequest, UNSIGNED_PAYLOAD);
    // The calling gateway reads the response only after it has sent its request, so the rest of the body is read and discarded.
    request.resume().once('end', () => this.#decide(request, response, signRequest, UNSIGNED_PAYLOAD));
  }

  #decide(request: IncomingMessage, response: ServerResponse, signRequest: SignRequest, bodySha256: string): void {
    const decision = this.signer.sign({ ...signRequest.request, bodySha256 }, 'sign');
    if (!decision.ok) return sendRefusal(request, response, decision.refusal);
    response.writeHead(200, {
      ...decision.headers,
      [ENVOY_REMOVES]: SIGNING_HEADERS.filter((name) => decision.headers[name] === undefined).join(','),
      'content-length': '0',
      'cache-control': 'no-store',
    });
    response.end();
  }

  /** Refuses requests that web pages send from a browser on this machine, including those by DNS rebinding. */
  #fault({ headers, headersDistinct }: IncomingMessage): RefusalReason | undefined {
    if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined) return 'foreign_page';
    const [host = '', second] = headersDistinct['host'] ?? [];
    const name = host.replace(/:\d*$/, '').toLowerCase();
    const own = isIP(name.replace(/^\[|\]$/g, '')) !== 0 || name === 'localhost' || this.config.signHosts.includes(name);
    if (!own || second !== undefined) return 'foreign_page';
    return JSON_TYPE.test(headers['content-type'] ?? '') ? undefined : 'media_type';
  }

  async #json(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = this.#fault(request);
    if (fault) return this.#refuse(request, response, fault);
    if (request.headers.expect !== undefined) response.writeContinue();
    const body = await readBody(request, {
      limit: JSON_LIMIT,
      pace: this.config,
      buffer: { budget: new MemoryBudget(2 * JSON_LIMIT), client: '' },
    });
    if (body === 'late') return this.#refuse(request, response, 'body_late');
    if (typeof body === 'string') return void response.destroy();
    const signRequest = body.whole ? parseJsonRequest(Buffer.concat(body.chunks).toString('utf8'), EMPTY_SHA256) : undefined;
    const decision: Decision = signRequest ? this.signer.sign(signRequest, 'sign') : this.signer.refuse('bad_request', 'sign');
    if (!decision.ok) return sendRefusal(request, response, decision.refusal);
    sendJson(response, 200, { headers: decision.headers }, { ...decision.headers, 'cache-control': 'no-store' });
  }

  #refuse(request: IncomingMessage, response: ServerResponse, reason: RefusalReason): void {
    const { refusal } = this.signer.refuse(reason, 'sign');
    sendRefusal(request, response, refusal);
  }
}
