import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** The reason why a COMMIT gets no answer. With `held` and `late`, the connection stays open without an answer. */
export type Cut = 'lost' | 'landed' | 'held' | 'late';

/** An error that the proxy answers instead of the database. */
export interface Refusal {
  errno: number;
  /** The beginning of the statements; `connect` closes connections before the handshake. */
  statement: string;
  /** How many times it does so; always by default. */
  times?: number;
  /** Whether this applies only to connections that are already open, as with a server that is no longer the primary. */
  olderOnly?: boolean;
}

const COM_QUERY = 0x03;
const COM_PREPARE = 0x16;
const COM_EXECUTE = 0x17;

/** A MySQL packet: three bytes of length, one of sequence, the command and its text. */
const textOf = (data: Buffer) => data.subarray(5).toString('latin1');

function errorPacket(errno: number): Buffer {
  const text = Buffer.from('#HY000refused by the test');
  const packet = Buffer.alloc(4 + 3 + text.length);
  packet.writeUIntLE(3 + text.length, 0, 3);
  packet[3] = 1;
  packet[4] = 0xff;
  packet.writeUInt16LE(errno, 5);
  text.copy(packet, 7);
  return packet;
}

/** A proxy between the service and the database. It breaks connections during a COMMIT, or answers errors instead of the database. */
export class MysqlProxy {
  cut: Cut | undefined;
  cuts = 0;
  refused = 0;
  #refusal: (Refusal & { left: number; since: number }) | undefined;
  #opened = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(private readonly target: URL) {
    this.#server = createServer((client) => this.#connected(client));
  }

  static async before(url: string): Promise<MysqlProxy> {
    const proxy = new MysqlProxy(new URL(url));
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    const url = new URL(this.target);
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  refuse(refusal: Refusal | undefined): void {
    this.refused = 0;
    this.#refusal = refusal && { ...refusal, left: refusal.times ?? Number.POSITIVE_INFINITY, since: this.#opened };
  }

  /** Breaks every open connection. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.drop();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #connected(client: Socket): void {
    const number = ++this.#opened;
    client.on('error', () => undefined);
    if (this.#refuses('connect', number)) return void client.destroy();
    const upstream = connect(Number(this.target.port), this.target.hostname);
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    const statements = new Map<number, string>();
    let preparing: string | undefined;
    let swallowAnswer: Cut | undefined;
    client.on('data', (data) => {
      const command = data[4];
      const sql =
        command === COM_QUERY || command === COM_PREPARE
          ? textOf(data)
          : command === COM_EXECUTE
            ? (statements.get(data.readUInt32LE(5)) ?? '')
            : '';
      if (this.cut && command === COM_QUERY && sql === 'COMMIT') {
        this.cuts++;
        const how = this.cut;
        this.cut = undefined;
        if (how === 'lost') return end();
        if (how === 'held') return;
        swallowAnswer = how;
      }
      if (command === COM_PREPARE) preparing = sql;
      else if (sql !== '' && this.#refuses(sql, number)) return void client.write(errorPacket(this.#refusal!.errno));
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (preparing !== undefined && data[4] === 0) statements.set(data.readUInt32LE(5), preparing);
      preparing = undefined;
      if (swallowAnswer === 'landed') end();
      else if (!swallowAnswer) client.write(data);
    });
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket.on('error', end).on('close', () => {
        this.#sockets.delete(socket);
        end();
      });
    }
  }

  #refuses(statement: string, connection: number): boolean {
    const refusal = this.#refusal;
    if (!refusal || refusal.left === 0 || !statement.startsWith(refusal.statement)) return false;
    if (refusal.olderOnly && connection > refusal.since) return false;
    refusal.left--;
    this.refused++;
    return true;
  }
}
