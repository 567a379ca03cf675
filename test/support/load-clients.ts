import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

const OPEN_AT_ONCE = 500;

/** One watch on a plain socket, so that a test can run thousands. */
class LoadClient {
  /** The newest received revision. */
  revision: number;
  /** Whether a revision was duplicated, out of order or missing. */
  broken = false;
  socket: Socket | undefined;
  #rest = '';
  /** The id of the incomplete event. */
  #id: number | undefined;
  #trickle: NodeJS.Timeout | undefined;

  constructor(from: number) {
    this.revision = from;
  }

  /** Watches from the newest received revision. */
  async open(port: number, instanceId: string, token: string): Promise<void> {
    this.#rest = '';
    this.#id = undefined;
    const socket = (this.socket = connect(port, '127.0.0.1'));
    socket.on('error', () => undefined).on('data', (chunk) => this.#take(chunk.toString('latin1')));
    socket.write(
      `GET /signet/v1/instances/${instanceId}/watch HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\nLast-Event-ID: ${this.revision}\r\n\r\n`,
    );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    if (!answer.toString('latin1').startsWith('HTTP/1.1 200 ')) throw new Error(`watch: ${answer.toString('latin1').slice(0, 200)}`);
  }

  /** Throttles reads, until {@link hurry}. */
  slow(bytes: number, everyMs: number): void {
    this.socket!.pause();
    this.#trickle = setInterval(() => this.socket!.read(bytes), everyMs);
  }

  hurry(): void {
    clearInterval(this.#trickle);
    this.socket?.resume();
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) {
      if (line === 'event: resync') this.broken = true;
      if (line.startsWith('id: ')) this.#id = Number(line.slice(4));
      if (line !== '' || this.#id === undefined) continue;
      this.broken ||= this.#id !== this.revision + 1;
      this.revision = this.#id;
      this.#id = undefined;
    }
  }
}

/** Many concurrent watchers of one gateway. */
export class LoadClients {
  readonly clients: readonly LoadClient[];
  constructor(
    private readonly instanceId: string,
    private readonly token: string,
    size: number,
    from: number,
  ) {
    this.clients = Array.from({ length: size }, () => new LoadClient(from));
  }

  /** Reconnects clients without a watch. Each resumes at its revision. */
  async open(port: number): Promise<void> {
    const left = this.clients.filter(({ socket }) => !socket || socket.destroyed);
    const opener = async () => {
      for (let client = left.pop(); client; client = left.pop()) await client.open(port, this.instanceId, this.token);
    };
    await Promise.all(Array.from({ length: OPEN_AT_ONCE }, opener));
  }

  close(): void {
    for (const client of this.clients) {
      client.hurry();
      client.socket?.destroy();
    }
  }
}
