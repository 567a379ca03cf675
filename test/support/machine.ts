import type { ChangeEvent, Heartbeat, NodeReport } from '../../src/lib/protocol/protocol.js';
import { type Answer, Client } from './service.js';

export interface Event {
  name: string;
  id: string | undefined;
  data: ChangeEvent & Heartbeat;
}

/** An open watch, read as it comes. */
export class Watch {
  readonly events: Event[] = [];
  ended = false;
  readonly #wake: (() => void)[] = [];
  readonly #abort: AbortController;

  private constructor(response: Response, abort: AbortController) {
    this.#abort = abort;
    void this.#read(response);
  }

  static async open(baseUrl: string, instanceId: string, token: string, from?: number, header = true): Promise<Watch> {
    const abort = new AbortController();
    const query = from === undefined || header ? '' : `?from=${from}`;
    const response = await fetch(`${baseUrl}/signet/v1/instances/${instanceId}/watch${query}`, {
      headers: { authorization: `Bearer ${token}`, ...(from !== undefined && header && { 'last-event-id': String(from) }) },
      signal: abort.signal,
    });
    if (response.status !== 200) throw new Error(`watch: ${response.status} ${await response.text()}`);
    return new Watch(response, abort);
  }

  get revisions(): number[] {
    return this.events.filter(({ name }) => name === 'change').map(({ data }) => data.revision);
  }

  /** All that came but heartbeats, which may come at any time. */
  get told(): Event[] {
    return this.events.filter(({ name }) => name !== 'heartbeat');
  }

  close(): void {
    this.#abort.abort();
  }

  /** Resolves when the condition holds; rejects after some seconds, with what came. */
  async until(condition: (watch: Watch) => boolean, withinMs = 10_000): Promise<void> {
    const end = performance.now() + withinMs;
    while (!condition(this)) {
      const left = end - performance.now();
      if (left <= 0) throw new Error(`the watch did not get there: ${JSON.stringify(this.events.slice(-5))} ended ${this.ended}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
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
      // Cut off, or closed by the test.
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

/** A machine of one gateway, over a real socket. */
export class Machine {
  private constructor(
    private readonly client: Client,
    readonly instanceId: string,
    readonly token: string,
    readonly tokenId: string,
  ) {}

  /** @param operator a caller who may make credentials for the gateway */
  static async of(operator: Client, instanceId: string, role = 'gateway'): Promise<Machine> {
    const { status, body, text } = await operator.post(`/signet/v1/instances/${instanceId}/gateway-tokens`, { role, name: 'test' });
    if (status !== 201) throw new Error(`the credential was not made: ${status} ${text}`);
    return new Machine(new Client(operator.baseUrl, operator.projectId, ''), instanceId, body.token as string, body.id as string);
  }

  /** The same machine, at another process. */
  at(baseUrl: string): Machine {
    return new Machine(new Client(baseUrl, this.client.projectId, ''), this.instanceId, this.token, this.tokenId);
  }

  call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const at = `/signet/v1/instances/${this.instanceId}${path}`;
    return this.client.call(method, at, body, { authorization: `Bearer ${this.token}`, ...headers });
  }

  get = (path: string, headers: Record<string, string> = {}) => this.call('GET', path, undefined, headers);

  report(nodeId: string, applied: number, more: Partial<NodeReport> = {}): Promise<Answer> {
    return this.call('PUT', `/nodes/${nodeId}`, { applied_revision: applied, version: '1.0.0', ...more });
  }

  watch(from?: number, header = true): Promise<Watch> {
    return Watch.open(this.client.baseUrl, this.instanceId, this.token, from, header);
  }
}
