import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { Agent, type Dispatcher } from 'undici';
import type { GatewayConfig } from '../config/gateway-config.js';
import { type NodeReport, type NodeTerms, type Snapshot, WATCH_HEARTBEAT_SECONDS } from '../lib/protocol/protocol.js';

/** The control plane answered, and not with what was asked for. */
export class ControlPlaneRefusal extends Error {
  constructor(
    readonly call: string,
    readonly status: number,
  ) {
    super(`the control plane answered ${call} with ${status}`);
  }

  /** It does not know this credential, or has revoked it. */
  get denied(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

const HEADERS_TIMEOUT_MS = 10_000;
/** Three heartbeats: a connection that is silent for longer is dead. */
const SILENCE_MS = 3 * WATCH_HEARTBEAT_SECONDS * 1000;
/** One event holds the pointers of one revision, a thousand at most. */
const EVENT_CHARS = 4 * 1024 * 1024;

/** The control plane as a gateway node sees it (lib/protocol/protocol.ts). */
export class ControlPlane {
  // The watch holds one connection open; reports and snapshots need others.
  readonly #agent: Agent;
  readonly #base: string;

  constructor(private readonly config: Pick<GatewayConfig, 'controlPlaneUrl' | 'controlPlaneTls' | 'token' | 'instanceId' | 'nodeId'>) {
    const { key, ...pem } = config.controlPlaneTls;
    this.#agent = new Agent({
      connections: 4,
      pipelining: 1,
      connect: { timeout: 5000, minVersion: 'TLSv1.2', ...pem, ...(key && { key: key.reveal() }) },
    });
    this.#base = `${config.controlPlaneUrl}/signet/v1/instances/${encodeURIComponent(config.instanceId)}`;
  }

  /** @param only these publications, and those that carry these keys; absent: all of them */
  async snapshot(signal: AbortSignal, only?: { publishIds: readonly string[]; signIds: readonly string[] }): Promise<Snapshot> {
    const query = new URLSearchParams();
    if (only?.publishIds.length) query.set('publish_ids', only.publishIds.join(','));
    if (only?.signIds.length) query.set('sign_ids', only.signIds.join(','));
    const snapshot = (await this.#json('GET', `/snapshot${only ? `?${query.toString()}` : ''}`, signal)) as Snapshot;
    if (
      snapshot.instance_id !== this.config.instanceId ||
      !Number.isSafeInteger(snapshot.revision) ||
      !Array.isArray(snapshot.publications)
    )
      throw new Error('the control plane answered with something that is no snapshot of this gateway');
    return snapshot;
  }

  async report(report: NodeReport, signal: AbortSignal): Promise<NodeTerms> {
    return (await this.#json('PUT', `/nodes/${encodeURIComponent(this.config.nodeId)}`, signal, report)) as NodeTerms;
  }

  /**
   * Hands every event to `onEvent` until the stream ends.
   * @param after everything up to this revision is here already
   * @param onOpen the control plane has accepted the watch
   */
  async watch(after: number, signal: AbortSignal, onOpen: () => void, onEvent: (event: EventSourceMessage) => void): Promise<void> {
    const headers = { accept: 'text/event-stream', 'cache-control': 'no-store', 'last-event-id': String(after) };
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

  async #json(method: Dispatcher.HttpMethod, path: string, signal: AbortSignal, body?: object): Promise<unknown> {
    const answer = await this.#send(method, path, signal, {
      headers: { accept: 'application/json', ...(body && { 'content-type': 'application/json' }) },
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
      headers: { ...headers, authorization: `Bearer ${this.config.token.reveal()}` },
      ...options,
    });
    if (answer.statusCode < 300) return answer;
    await answer.body.dump().catch(() => undefined);
    throw new ControlPlaneRefusal(`${method} ${path.split('?', 1)[0]}`, answer.statusCode);
  }
}
