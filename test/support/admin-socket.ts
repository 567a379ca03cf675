import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A proxy of an admin socket. While it fails, it resets every connection. */
export class AdminSocket {
  #fails = false;
  /** The number of forwarded connections. */
  handed = 0;
  /** The number of connections that it has reset since it began to fail. */
  refused = 0;
  readonly #open = new Set<Socket>();
  private constructor(private readonly server: Server) {}

  /** @param target path of the real socket @param path of the proxy's socket */
  static async before(target: string, path: string): Promise<AdminSocket> {
    const server = createServer();
    const admin = new AdminSocket(server);
    server.on('connection', (near) => {
      near.on('error', () => undefined);
      if (admin.#fails) {
        admin.refused++;
        return void near.destroy();
      }
      admin.handed++;
      const far = connect(target);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        admin.#open.add(from);
        from.on('error', () => to.destroy()).on('close', () => to.destroy());
        from.pipe(to);
      }
    });
    server.listen(path);
    await once(server, 'listening');
    return admin;
  }

  fail(): void {
    this.#fails = true;
    this.refused = 0;
    for (const socket of this.#open) socket.destroy();
  }

  recover(): void {
    this.#fails = false;
  }

  close(): void {
    this.server.close();
    this.fail();
  }
}
