import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy that can simulate a network partition. */
export class Forwarder {
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #held = new Set<Socket>();
  #whole = true;
  #losing: string | undefined;
  readonly #server = createServer((near) => {
    near.on('error', () => undefined);
    if (!this.#whole) {
      // As in a real partition, there is neither a response nor a reset.
      this.#held.add(near.pause());
      return;
    }
    const far = connect(this.target, '127.0.0.1');
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#pairs.delete(pair);
        to.destroy();
      });
      from.pipe(to);
    }
    near.on('data', (bytes: Buffer) => {
      // Requests on a connection are sequential, so no byte of this connection returns from here on.
      if (this.#losing !== undefined && bytes.includes(this.#losing)) far.unpipe(near).resume();
    });
  });

  private constructor(private readonly target: number) {}

  static async to(port: number): Promise<Forwarder> {
    const forwarder = new Forwarder(port);
    forwarder.#server.listen(0, '127.0.0.1');
    await once(forwarder.#server, 'listening');
    return forwarder;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Drops all bytes silently, in both directions. */
  cut(): void {
    this.#whole = false;
    for (const pair of this.#pairs)
      for (const socket of pair) {
        socket.unpipe();
        socket.pause();
      }
  }

  /** Forwards requests, and drops the answers to requests that contain this text. */
  loseAnswersTo(text: string): void {
    this.#losing = text;
  }

  /** Accepts new connections. Data in flight is lost. */
  heal(): void {
    this.#whole = true;
    this.#losing = undefined;
    for (const socket of [...this.#held, ...[...this.#pairs].flat()]) socket.destroy();
    this.#held.clear();
  }

  async close(): Promise<void> {
    this.heal();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
