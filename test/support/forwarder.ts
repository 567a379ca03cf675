import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A network between two processes, in this one: hands bytes on until it is cut, and then swallows connections whole. */
export class Forwarder {
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #held = new Set<Socket>();
  #whole = true;
  readonly #server = createServer((near) => {
    near.on('error', () => undefined);
    if (!this.#whole) {
      // As in a real partition: no answer, no refusal.
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

  /** Nothing gets through any more, in either direction, and nobody is told. */
  cut(): void {
    this.#whole = false;
    for (const pair of this.#pairs)
      for (const socket of pair) {
        socket.unpipe();
        socket.pause();
      }
  }

  /** New connections get through; what was under way is lost. */
  heal(): void {
    this.#whole = true;
    for (const socket of [...this.#held, ...[...this.#pairs].flat()]) socket.destroy();
    this.#held.clear();
  }

  async close(): Promise<void> {
    this.heal();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
