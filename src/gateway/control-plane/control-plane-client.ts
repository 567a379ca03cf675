import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { Agent, type Dispatcher } from 'undici';
import type { GatewayConfig } from '../../platform/config/gateway-config.js';
import {
  type SessionAdmission,
  type SessionRegistration,
  type SessionReport,
  type SessionTerms,
  type Snapshot,
  WATCH_HEARTBEAT_SECONDS,
} from '../../lib/protocol/protocol.js';
import type { Refusal } from '../../lib/receipts/protocol.js';

/** An error response of the control plane. */
export class ControlPlaneRefusal extends Error {
  constructor(
    readonly call: string,
    readonly status: number,
    /** The code of the error, if the error concerns the session. */
    readonly session?: Refusal,
  ) {
    super(`the control plane responded to ${call} with ${status}${session ? ` (${session})` : ''}`);
  }

  /** Whether the credential is unknown or was revoked. */
  get denied(): boolean {
    return this.session === undefined && (this.status === 401 || this.status === 403);
  }
}

const SESSION_HEADER = 'signet-session';
const HEADERS_TIMEOUT_MS = 10_000;
/** After three missed heartbeats, the connection counts as lost. */
const SILENCE_MS = 3 * WATCH_HEARTBEAT_SECONDS * 1000;
/** Maximum length of an event. One event contains the changes of one revision, which are at most a thousand. */
const EVENT_CHARS = 4 * 1024 * 1024;

/** HTTP client of the control plane's API for gateway nodes (lib/protocol/protocol.ts). */
export class ControlPlaneClient {
  // The watch uses one connection; reports and snapshots use the others.
  readonly #agent: Agent;
  readonly #base: string;

  constructor(private readonly config: Pick<GatewayConfig, 'controlPlaneUrl' | 'controlPlaneTls' | 'token' | 'instanceId'>) {
    const { key, ...pem } = config.controlPlaneTls;
    this.#agent = new Agent({
      connections: 4,
      pipelining: 1,
      connect: { timeout: 5000, minVersion: 'TLSv1.2', ...pem, ...(key && { key: key.reveal() }) },
    });
    this.#base = `${config.controlPlaneUrl}/signet/v1/instances/${encodeURIComponent(config.instanceId)}`;
  }

  /** @param only limits the snapshot to these publications and to those that are signed with these keys; absent: all */
  async snapshot(
    sessionId: string,
    signal: AbortSignal,
    only?: { publishIds: readonly string[]; signIds: readonly string[] },
  ): Promise<Snapshot> {
    const query = new URLSearchParams();
    if (only?.publishIds.length) query.set('publish_ids', only.publishIds.join(','));
    if (only?.signIds.length) query.set('sign_ids', only.signIds.join(','));
    const snapshot = (await this.#json('GET', `/snapshot${only ? `?${query.toString()}` : ''}`, signal, undefined, {
      [SESSION_HEADER]: sessionId,
    })) as Snapshot;
    if (
      snapshot.instance_id !== this.config.instanceId ||
      typeof snapshot.epoch !== 'string' ||
      !Number.isSafeInteger(snapshot.revision) ||
      !Array.isArray(snapshot.publications)
    )
      throw new Error('the control plane responded with an invalid snapshot, or with the snapshot of another gateway');
    return snapshot;
  }

  async register(sessionId: string, registration: SessionRegistration, signal: AbortSignal): Promise<SessionAdmission> {
    return (await this.#json('PUT', `/sessions/${sessionId}`, signal, registration)) as SessionAdmission;
  }

  async report(sessionId: string, report: SessionReport, signal: AbortSignal): Promise<SessionTerms> {
    return (await this.#json('PUT', `/sessions/${sessionId}/report`, signal, report)) as SessionTerms;
  }

  /**
   * Passes every server-sent event to `onEvent` until the stream ends.
   * @param after the last received revision
   * @param onOpen called when the control plane has accepted the watch
   */
  async watch(
    sessionId: string,
    after: number,
    signal: AbortSignal,
    onOpen: () => void,
    onEvent: (event: EventSourceMessage) => void,
  ): Promise<void> {
    const headers = {
      accept: 'text/event-stream',
      'cache-control': 'no-store',
      'last-event-id': String(after),
      [SESSION_HEADER]: sessionId,
    };
    const { body } = await this.#send('GET', '/watch', signal, { headers, bodyTimeout: SILENCE_MS });
    onOpen();
    const parser = createParser({
      onEvent,
      maxBufferSize: EVENT_CHARS,
      onError: (error) => {
        if (error.type === 'max-buffer-size-exceeded') throw error;
      },
    });
    const text = new TextDecoder();
    for await (const chunk of body) parser.feed(text.decode(chunk as Buffer, { stream: true }));
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #json(
    method: Dispatcher.HttpMethod,
    path: string,
    signal: AbortSignal,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<unknown> {
    const answer = await this.#send(method, path, signal, {
      headers: { accept: 'application/json', ...headers, ...(body && { 'content-type': 'application/json' }) },
      bodyTimeout: HEADERS_TIMEOUT_MS,
      ...(body && { body: JSON.stringify(body) }),
    });
    return answer.body.json();
  }

  async #send(
    method: Dispatcher.HttpMethod,
    path: string,
    signal: AbortSignal,
    { headers, ...options }: { headers: Record<string, string>; bodyTimeout: number; body?: string },
  ): Promise<Dispatcher.ResponseData> {
    const { origin, pathname, search } = new URL(this.#base + path);
    const answer = await this.#agent.request({
      origin,
      path: pathname + search,
      method,
      signal,
      headersTimeout: HEADERS_TIMEOUT_MS,
      headers: { ...headers, authorization: `Bearer ${this.config.token().reveal()}` },
      ...options,
    });
    if (answer.statusCode < 300) return answer;
    const refusal: unknown = await answer.body.json().catch(() => undefined);
    throw new ControlPlaneRefusal(`${method} ${path.split('?', 1)[0]}`, answer.statusCode, sessionRefusalOf(refusal));
  }
}

const REFUSALS: ReadonlySet<string> = new Set<Refusal>([
  'unknown',
  'forged',
  'ended',
  'epoch',
  'repeated',
  'ahead',
  'mismatch',
  'held',
  'gone',
  'taken',
  'too_many',
]);

/** @param body the body of an error response: `{ code: 'session_…' }` if the error concerns the session */
function sessionRefusalOf(body: unknown): Refusal | undefined {
  const { code } = (body ?? {}) as { code?: unknown };
  const because = typeof code === 'string' && code.startsWith('session_') ? code.slice('session_'.length) : '';
  return REFUSALS.has(because) ? (because as Refusal) : undefined;
}
