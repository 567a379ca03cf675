import type { ChangeEvent, Heartbeat, SessionReport } from '../../src/lib/protocol/protocol.js';
import { type Answer, Client } from './service.js';
import { TestSession } from './session.js';
import { overdue } from './slowness.js';

/** How long a wait may last. An event resolves it at once, and a wait without success ends at this limit. */
const LOOK_MS = 200;

export interface Event {
  name: string;
  id: string | undefined;
  data: ChangeEvent & Heartbeat;
}

/** An open watch, read continuously. */
export class Watch {
  readonly events: Event[] = [];
  ended = false;
  readonly #wake: (() => void)[] = [];
  readonly #abort: AbortController;

  private constructor(response: Response, abort: AbortController) {
    this.#abort = abort;
    void this.#read(response);
  }

  static async open(baseUrl: string, instanceId: string, token: string, from?: number, header = true, sessionId?: string): Promise<Watch> {
    const abort = new AbortController();
    const query = from === undefined || header ? '' : `?from=${from}`;
    const response = await fetch(`${baseUrl}/signet/v1/instances/${instanceId}/watch${query}`, {
      headers: {
        authorization: `Bearer ${token}`,
        ...(sessionId && { 'signet-session': sessionId }),
        ...(from !== undefined && header && { 'last-event-id': String(from) }),
      },
      signal: abort.signal,
    });
    if (response.status !== 200) throw new Error(`watch: ${response.status} ${await response.text()}`);
    return new Watch(response, abort);
  }

  get revisions(): number[] {
    return this.events.filter(({ name }) => name === 'change').map(({ data }) => data.revision);
  }

  /** All received events without heartbeats, which may arrive at any time. */
  get told(): Event[] {
    return this.events.filter(({ name }) => name !== 'heartbeat');
  }

  close(): void {
    this.#abort.abort();
  }

  /** Resolves when the condition holds; rejects after some seconds, with the received events. */
  async until(condition: (watch: Watch) => boolean, withinMs = 10_000): Promise<void> {
    const began = performance.now();
    while (!condition(this)) {
      if (overdue(began, withinMs))
        throw new Error(`the watch did not get there: ${JSON.stringify(this.events.slice(-5))} ended ${this.ended}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_MS);
        this.#wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  async #read(response: Response): Promise<void> {
    let text = '';
    try {
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        const blocks = (text += chunk).split('\n\n');
        text = blocks.pop()!;
        for (const block of blocks) this.events.push(parse(block));
        this.#signal();
      }
    } catch {
      // The watch was cut off, or the test closed it.
    }
    this.ended = true;
    this.#signal();
  }

  #signal(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

function parse(block: string): Event {
  const fields = Object.fromEntries(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
  );
  return { name: fields['event']!, id: fields['id'], data: JSON.parse(fields['data']!) as Event['data'] };
}

/** A machine of one gateway that uses a real socket. */
export class Machine {
  private constructor(
    private readonly client: Client,
    readonly instanceId: string,
    readonly token: string,
    readonly tokenId: string,
    /** Processes that have registered, by their names. */
    private readonly sessions: Map<string, TestSession>,
  ) {}

  /** @param operator a caller with permission to create credentials of the gateway */
  static async of(operator: Client, instanceId: string, role = 'gateway'): Promise<Machine> {
    const { status, body, text } = await operator.post(`/signet/v1/instances/${instanceId}/gateway-tokens`, { role, name: 'test' });
    if (status !== 201) throw new Error(`the credential was not made: ${status} ${text}`);
    return new Machine(
      new Client(operator.baseUrl, operator.projectId, ''),
      instanceId,
      body.token as string,
      body.id as string,
      new Map(),
    );
  }

  /** The same machine at another control-plane process. */
  at(baseUrl: string): Machine {
    return new Machine(new Client(baseUrl, this.client.projectId, ''), this.instanceId, this.token, this.tokenId, this.sessions);
  }

  /** Another credential of the same gateway, with the same processes. */
  with(token: string, tokenId: string): Machine {
    return new Machine(this.client, this.instanceId, token, tokenId, this.sessions);
  }

  call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const at = `/signet/v1/instances/${this.instanceId}${path}`;
    return this.client.call(method, at, body, { authorization: `Bearer ${this.token}`, ...headers });
  }

  /** Requests a snapshot in a separate session that signs nothing and leaves, so that no receipt waits for it. */
  async get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    if (!path.startsWith('/snapshot') || headers['signet-session'] !== undefined) return this.call('GET', path, undefined, headers);
    const session = new TestSession(this.instanceId, 'asks-for-a-snapshot');
    const registered = await this.register(session);
    if (registered.status !== 200) return registered;
    session.epoch = registered.body.epoch as string;
    const answer = await this.call('GET', path, undefined, { 'signet-session': session.sessionId, ...headers });
    await this.say(session, session.report(0, { leaving: true }));
    return answer;
  }

  register(session: TestSession, more: Parameters<TestSession['registration']>[0] = {}): Promise<Answer> {
    return this.call('PUT', `/sessions/${session.sessionId}`, session.registration(more));
  }

  /** Requests a partial snapshot, so that receipts wait for the session and no first snapshot is recorded. */
  ask(session: TestSession, query = '?sign_ids='): Promise<Answer> {
    return this.call('GET', `/snapshot${query}`, undefined, { 'signet-session': session.sessionId });
  }

  say(session: TestSession, report: SessionReport): Promise<Answer> {
    return this.call('PUT', `/sessions/${session.sessionId}/report`, report);
  }

  /** Registers the process of this name, and requests its keys. @returns the refusal, if any */
  async session(nodeId: string): Promise<TestSession | Answer> {
    const known = this.sessions.get(nodeId);
    if (known) return known;
    const session = new TestSession(this.instanceId, nodeId);
    const registered = await this.register(session);
    if (registered.status !== 200) return registered;
    session.epoch = registered.body.epoch as string;
    this.sessions.set(nodeId, session);
    const asked = await this.ask(session);
    return asked.status === 200 ? session : asked;
  }

  /** The next report of the process of this name. */
  async report(nodeId: string, applied: number, more: Partial<SessionReport> = {}): Promise<Answer> {
    const session = await this.session(nodeId);
    return session instanceof TestSession ? this.say(session, session.report(applied, more)) : session;
  }

  watch(from?: number, header = true, sessionId?: string): Promise<Watch> {
    return Watch.open(this.client.baseUrl, this.instanceId, this.token, from, header, sessionId);
  }
}
