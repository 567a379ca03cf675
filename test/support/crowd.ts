import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

const OPEN_AT_ONCE = 500;

/** One watch on a bare socket: thousands of them fit into a test. */
class Member {
  /** The newest revision that was told. */
  revision: number;
  /** Something was told twice, out of order, or left out. */
  broken = false;
  socket: Socket | undefined;
  #rest = '';

  constructor(from: number) {
    this.revision = from;
  }

  /** Asks for what follows the newest revision that it has. */
  async open(port: number, instanceId: string, token: string): Promise<void> {
    this.#rest = '';
    const socket = (this.socket = connect(port, '127.0.0.1'));
    socket.on('error', () => undefined).on('data', (chunk) => this.#take(chunk.toString('latin1')));
    socket.write(
      `GET /signet/v1/instances/${instanceId}/watch HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\nLast-Event-ID: ${this.revision}\r\n\r\n`,
    );
    const [answer] = (await once(socket, 'data')) as [Buffer];
    if (!answer.toString('latin1').startsWith('HTTP/1.1 200 ')) throw new Error(`watch: ${answer.toString('latin1').slice(0, 200)}`);
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) {
      if (line === 'event: resync') this.broken = true;
      if (!line.startsWith('id: ')) continue;
      const revision = Number(line.slice(4));
      this.broken ||= revision !== this.revision + 1;
      this.revision = revision;
    }
  }
}

/** Many watchers of one gateway. */
export class Crowd {
  readonly members: readonly Member[];
  constructor(
    private readonly instanceId: string,
    private readonly token: string,
    size: number,
    from: number,
  ) {
    this.members = Array.from({ length: size }, () => new Member(from));
  }

  /** Every member resumes where it was. */
  async open(port: number): Promise<void> {
    const left = [...this.members];
    const opener = async () => {
      for (let member = left.pop(); member; member = left.pop()) await member.open(port, this.instanceId, this.token);
    };
    await Promise.all(Array.from({ length: OPEN_AT_ONCE }, opener));
  }

  close(): void {
    for (const { socket } of this.members) socket?.destroy();
  }
}
