import { createServer, connect, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AuditTrailService } from '../../src/audit/audit-trail.service.js';
import { Database } from '../../src/database/database.js';
import { createTestDatabase, onMariadb, type TestDatabase } from '../support/databases.js';
import { type Client, TestService } from '../support/service.js';

const COM_QUERY = 0x03;
/** A MySQL packet: three bytes of length, one of sequence, the command, its text. */
const isCommit = (data: Buffer) => data[4] === COM_QUERY && data.subarray(5).toString('latin1') === 'COMMIT';

/** Stands between the service and the database and can break a connection exactly when a COMMIT is out. */
class Cutter {
  /** `lost`: the COMMIT never reaches the server. `landed`: it does, and its answer never comes back. */
  cut: 'lost' | 'landed' | undefined;
  cuts = 0;
  readonly server: Server;

  constructor(target: { host: string; port: number }) {
    this.server = createServer((client) => {
      const upstream = connect(target);
      const end = () => {
        client.destroy();
        upstream.destroy();
      };
      let swallowAnswer = false;
      client.on('data', (data) => {
        if (this.cut && isCommit(data)) {
          this.cuts++;
          const how = this.cut;
          this.cut = undefined;
          if (how === 'lost') return end();
          swallowAnswer = true;
        }
        upstream.write(data);
      });
      upstream.on('data', (data) => (swallowAnswer ? end() : client.write(data)));
      for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    });
  }
}

onMariadb(() => {
  let test: TestDatabase;
  let cutter: Cutter;
  let service: TestService;
  let client: Client;
  let gateway: string;

  beforeAll(async () => {
    test = await createTestDatabase('mariadb');
    const url = new URL(test.env['DATABASE_URL']!);
    cutter = new Cutter({ host: url.hostname, port: Number(url.port) });
    await new Promise<void>((resolve) => cutter.server.listen(0, '127.0.0.1', resolve));
    url.port = String((cutter.server.address() as AddressInfo).port);
    service = await TestService.start({ ...test, env: { ...test.env, DATABASE_URL: url.href } });
    client = await service.client();
    gateway = await client.gateway();
  });
  afterAll(async () => {
    await service.stop();
    await new Promise((resolve) => cutter.server.close(resolve));
    await test.drop();
  });

  describe.each(['lost', 'landed'] as const)('when the connection breaks during COMMIT and the write has %s', (how) => {
    const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
    const rows = (sql: string, ...params: string[]) => service.app.get(Database).rows<Record<string, unknown>>(sql, params);

    it('a create is there once, and its answer is what was stored', async () => {
      cutter.cut = how;
      const before = cutter.cuts;
      const { status, body } = await client.post(at('/signs'), { name: `key_${how}` });
      expect(cutter.cuts).toBe(before + 1);
      expect(status).toBe(201);
      const listed = await client.get(at(`/signs?name=key_${how}`));
      expect(listed.body.signs).toHaveLength(1);
      expect(listed.body.signs[0]).toMatchObject({ id: body.id, sign_key: body.sign_key, sign_secret: body.sign_secret });
    });

    it('a delete answers 204 and has left one audit row and one change', async () => {
      const { body } = await client.post(at('/signs'), { name: `gone_${how}` });
      cutter.cut = how;
      expect((await client.delete(at(`/signs/${body.id}`))).status).toBe(204);
      expect(await rows("SELECT seq FROM audit_events WHERE resource_id = ? AND action = 'DeleteSignatureKey'", body.id)).toHaveLength(1);
      expect(await rows("SELECT revision FROM changes WHERE target_id = ? AND op = 'deleted'", body.id)).toHaveLength(1);
      expect((await service.app.get(AuditTrailService).verify()).faults).toEqual([]);
    });
  });
});
