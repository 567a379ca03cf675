import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GatewayConfig } from '../config/gateway-config.js';
import { UNSIGNED_PAYLOAD } from '../lib/signing/canonical-request.js';
import { answerJson, answerRefusal } from './answers.js';
import { announced, Budget, EMPTY_SHA256, readBody } from './body.js';
import type { RefusalReason } from './refusals.js';
import { envoyQuestionOf, jsonQuestionOf, questionOf, type SignQuestion } from './sign-requests.js';
import type { Decision, Signer } from './signer.js';

const ENVOY = '/envoy';
const JSON_LIMIT = 64 * 1024;
/** Bodies are hashed here and not kept. */
const NOTHING_KEPT = new Budget(0);

/**
 * Signs for gateways that forward themselves. Whoever reaches this endpoint gets signatures, so it listens on a port of its
 * own. Every 2xx sets all three headers.
 */
export class SignEndpoint {
  constructor(
    private readonly signer: Signer,
    private readonly config: Pick<GatewayConfig, 'bodyLimitBytes' | 'largeBody'>,
  ) {}

  /** @returns false when the path is none of ours */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const [path = ''] = (request.url ?? '').split('?', 1);
    if (path === '/sign') {
      const { kind } = announced(request);
      this.#answer(request, response, questionOf(request.headers, kind !== 'none'));
    } else if (path === ENVOY || path.startsWith(`${ENVOY}/`)) {
      const target = (request.url ?? '').slice(ENVOY.length);
      this.#answer(request, response, envoyQuestionOf(request.method ?? '', target || '/', request.headers));
    } else if (path === '/v1/sign' && request.method === 'POST') void this.#json(request, response);
    else return false;
    return true;
  }

  #answer(request: IncomingMessage, response: ServerResponse, question: SignQuestion | undefined): void {
    if (!question) return this.#refuse(request, response, 'bad_request');
    if (announced(request).kind === 'none')
      return this.#decide(request, response, question, question.body === 'unknown' ? UNSIGNED_PAYLOAD : EMPTY_SHA256);
    const admitted = this.signer.admit(question.request, 'sign');
    if (!admitted.ok) return answerRefusal(request, response, admitted.refusal);
    void this.#hashed(request, response, question);
  }

  async #hashed(request: IncomingMessage, response: ServerResponse, question: SignQuestion): Promise<void> {
    if (request.headers.expect !== undefined) response.writeContinue();
    const body = await readBody(request, this.config.bodyLimitBytes, NOTHING_KEPT, false);
    if (body === 'busy' || body === 'gone') return void response.destroy();
    if (body.whole && question.body === 'whole') return this.#decide(request, response, question, body.sha256 ?? EMPTY_SHA256);
    if (this.config.largeBody === 'refuse') return this.#refuse(request, response, 'body_too_large');
    if (body.whole) return this.#decide(request, response, question, UNSIGNED_PAYLOAD);
    // The asker wants its answer after its question: the rest is read and thrown away.
    request.resume().once('end', () => this.#decide(request, response, question, UNSIGNED_PAYLOAD));
  }

  #decide(request: IncomingMessage, response: ServerResponse, question: SignQuestion, bodySha256: string): void {
    const decision = this.signer.sign({ ...question.request, bodySha256 }, 'sign');
    if (!decision.ok) return answerRefusal(request, response, decision.refusal);
    response.writeHead(200, { ...decision.headers, 'content-length': '0', 'cache-control': 'no-store' });
    response.end();
  }

  async #json(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.headers.expect !== undefined) response.writeContinue();
    const body = await readBody(request, JSON_LIMIT, new Budget(2 * JSON_LIMIT));
    if (typeof body === 'string') return void response.destroy();
    const question = body.whole ? jsonQuestionOf(Buffer.concat(body.chunks).toString('utf8'), EMPTY_SHA256) : undefined;
    const decision: Decision = question ? this.signer.sign(question, 'sign') : this.signer.refuse('bad_request', 'sign');
    if (!decision.ok) return answerRefusal(request, response, decision.refusal);
    answerJson(response, 200, { headers: decision.headers }, { ...decision.headers, 'cache-control': 'no-store' });
  }

  #refuse(request: IncomingMessage, response: ServerResponse, reason: RefusalReason): void {
    const { refusal } = this.signer.refuse(reason, 'sign');
    answerRefusal(request, response, refusal);
  }
}
