import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const OPEN_AT_ONCE = 500;

/** Event streams on bare sockets: what a gateway receives, without its processing. */
export class Watchers {
  readonly #sockets: Socket[] = [];
  #times: number[] = [];
  #done: (() => void) | undefined;

  get size(): number {
    return this.#sockets.length;
  }

  /** @param request a whole HTTP request */
  async open(port: number, request: string, more: number): Promise<void> {
    let left = more;
    const opener = async () => {
      while (left-- > 0) {
        const socket = connect(port, '127.0.0.1').setNoDelay(true);
        socket.write(request);
        const [answer] = (await once(socket, 'data')) as [Buffer];
        if (!answer.includes('200 OK')) throw new Error(`a watch was refused: ${answer.toString('latin1').slice(0, 200)}`);
        socket.on('data', (bytes: Buffer) => this.#read(bytes));
        this.#sockets.push(socket);
      }
    };
    await Promise.all(Array.from({ length: OPEN_AT_ONCE }, opener));
  }

  /** When each watcher has the next event: instants of `performance.now()`, as they come. Called before the change is asked for. */
  async told(): Promise<number[]> {
    this.#times = [];
    await new Promise<void>((resolve) => (this.#done = resolve));
    return this.#times;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #read(bytes: Buffer): void {
    // Heartbeats have no id.
    if (!bytes.includes('id: ')) return;
    this.#times.push(performance.now());
    if (this.#times.length === this.#sockets.length) this.#done?.();
  }
}
