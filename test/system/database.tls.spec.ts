import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readConfig } from '../../src/platform/config/config.js';
import { openDatabase } from '../../src/platform/database/open.js';
import { entities } from '../../src/entities.js';
import { Authority } from '../support/certificates.js';
import { hasMariadbServer, OwnMariadb } from '../support/own-mariadb.js';

/** The only packet that a client sends in plain text: the TLS request of 32 bytes and a header. */
const SSL_REQUEST_BYTES = 36;
const TLS_HANDSHAKE = 0x16;

/** Forwards bytes, and records what clients send. */
class Listener {
  #connections: Buffer[][] = [];
  readonly #server: Server;
  constructor(target: number) {
    this.#server = createServer((near) => {
      const far = connect(target, '127.0.0.1');
      const said: Buffer[] = [];
      this.#connections.push(said);
      near.on('data', (data) => void said.push(data));
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on('error', () => to.destroy()).on('close', () => to.destroy());
        from.pipe(to);
      }
    });
  }

  /** The recorded bytes of each connection since {@link forget}. */
  get heard(): Buffer[] {
    return this.#connections.map((said) => Buffer.concat(said));
  }

  forget(): void {
    this.#connections = [];
  }

  async port(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }
  close(): void {
    this.#server.close();
  }
}

const here = hasMariadbServer || process.env['CI'] === 'true';

(here ? describe : describe.skip)('a database over TLS', () => {
  let folder: string;
  let ours: Authority;
  let other: Authority;
  let mariadb: OwnMariadb;
  let plain: Listener;
  let port: number;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'signet-tls-'));
    chmodSync(folder, 0o755);
    [ours, other] = [new Authority(folder, 'ours'), new Authority(folder, 'other')];
    const { certFile, keyFile } = ours.issue('db', 'DNS:localhost');
    chmodSync(keyFile, 0o644);
    mariadb = await OwnMariadb.start(`--ssl-cert=${certFile}`, `--ssl-key=${keyFile}`);
    await mariadb.query("CREATE USER over_tls IDENTIFIED BY 'p@ss/w?rd' REQUIRE SSL");
    await mariadb.query('GRANT ALL ON signet.* TO over_tls');
    plain = new Listener(mariadb.port);
    port = await plain.port();
  });
  afterAll(async () => {
    plain?.close();
    await mariadb?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const open = async (host: string, parameters: string) => {
    const url = `mysql://over_tls:p%40ss%2Fw%3Frd@${host}:${port}/signet${parameters}`;
    const database = await openDatabase(readConfig({ DATABASE_URL: url, SIGNET_DATA_DIR: folder }), entities);
    try {
      return await database.rows<{ Value: string }>("SHOW STATUS LIKE 'Ssl_cipher'");
    } finally {
      await database.close();
    }
  };

  it.each([
    ['localhost', () => `?ssl-mode=VERIFY_IDENTITY&ssl-ca=${ours.caFile}`],
    ['localhost', () => `?ssl-ca=${ours.caFile}`],
    ['127.0.0.1', () => `?ssl-mode=VERIFY_CA&ssl-ca=${ours.caFile}`],
    ['127.0.0.1', () => '?ssl-mode=REQUIRED'],
  ])('TLS to the database is used at %s, and no connection sends anything in plain text', async (host, parameters) => {
    plain.forget();
    const [row] = await open(host, parameters());
    expect(row?.Value).toMatch(/^TLS_/);
    expect(plain.heard.length).toBeGreaterThan(1);
    for (const said of plain.heard) {
      expect(said.readUIntLE(0, 3) + 4).toBe(SSL_REQUEST_BYTES);
      expect(said[SSL_REQUEST_BYTES]).toBe(TLS_HANDSHAKE);
      expect(said.toString('latin1')).not.toMatch(/SELECT|SESSION|over_tls/);
    }
  });

  it.each([
    ['an authority that is not trusted', 'localhost', () => `?ssl-mode=VERIFY_IDENTITY&ssl-ca=${other.caFile}`],
    ['an authority that the system does not know', 'localhost', () => '?ssl-mode=VERIFY_CA'],
  ])('a server with %s is refused before the client sends it anything', async (_, host, parameters) => {
    plain.forget();
    await expect(open(host, parameters())).rejects.toThrow('DATABASE_URL: cannot connect to the database signet');
    for (const said of plain.heard) expect(said.toString('latin1')).not.toMatch(/SELECT|SESSION|over_tls/);
  });

  it('a server whose certificate is for another name is refused', async () => {
    const { certFile, keyFile } = ours.issue('elsewhere', 'DNS:db.example.com');
    chmodSync(keyFile, 0o644);
    await mariadb.restart(`--ssl-cert=${certFile}`, `--ssl-key=${keyFile}`);
    await expect(open('localhost', `?ssl-mode=VERIFY_IDENTITY&ssl-ca=${ours.caFile}`)).rejects.toThrow(/does not match certificate/);
    expect((await open('localhost', `?ssl-mode=VERIFY_CA&ssl-ca=${ours.caFile}`))[0]?.Value).toMatch(/^TLS_/);
  });

  it('a server without TLS is refused', async () => {
    await mariadb.restart();
    plain.forget();
    await expect(open('localhost', '?ssl-mode=REQUIRED')).rejects.toThrow('Server does not support secure connection');
    for (const said of plain.heard) expect(said).toHaveLength(0);
  });
});
