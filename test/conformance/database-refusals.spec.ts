import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, onMariadb, type TestDatabase } from '../support/databases.js';
import { MysqlProxy } from '../support/mysql-proxy.js';
import { type Answer, type Client, TestService } from '../support/service.js';

const READ_ONLY = [1290, 1792, 1836];
const NOT_SYNCED = 1047;
const DEADLOCK = 1213;
const DUPLICATE = 1062;
const ERROR_DURING_COMMIT = 1180;

onMariadb(() => {
  let test: TestDatabase;
  let proxy: MysqlProxy;
  let service: TestService;
  let client: Client;
  let gateway: string;
  let publishId: string;
  beforeAll(async () => {
    test = await createTestDatabase('mariadb');
    proxy = await MysqlProxy.before(test.env['DATABASE_URL']!);
    const env = {
      DATABASE_URL: proxy.url,
      SIGNET_TIMEOUTS: 'database=3000ms',
      SIGNET_LIMITS: 'database-connections=8,signs=1000',
    };
    service = await TestService.start({ ...test, env: { ...test.env, ...env } });
    client = await service.client();
    gateway = await client.gateway();
    publishId = (await client.publishedApi(gateway)).publishIds[0]!;
  });
  afterEach(() => proxy.refuse(undefined));
  afterAll(async () => {
    await service.stop();
    await proxy.close();
    await test.drop();
  });

  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  let names = 0;
  const create = () => client.post(at('/signs'), { name: `key_${names++}` });
  /** Binds a new key to a publication that has another key. */
  const rebind = async () => {
    const sign_id = (await create()).body.id as string;
    return () => client.post(at('/sign-bindings'), { sign_id, publish_ids: [publishId] });
  };
  const expectUnavailable = ({ status, headers }: Answer) => expect([status, headers.has('retry-after')]).toEqual([503, true]);

  describe('a rebinding', () => {
    it.each([
      ['a deadlock', 'INSERT INTO sign_bindings', DEADLOCK],
      ['a deadlock in the certification of its COMMIT', 'COMMIT', DEADLOCK],
      ['a duplicate that another node committed first', 'INSERT INTO sign_bindings', DUPLICATE],
      ['a duplicate in its chain of audit rows', 'INSERT INTO audit_events', DUPLICATE],
      ['a node that leaves the cluster', 'UPDATE change_counters', NOT_SYNCED],
      ['a COMMIT on a node that leaves the cluster', 'COMMIT', NOT_SYNCED],
      ['an error during COMMIT', 'COMMIT', ERROR_DURING_COMMIT],
    ])('is retried after %s, and answers 503 if the error persists', async (_, statement, errno) => {
      const bind = await rebind();
      proxy.refuse({ statement, errno, times: 2 });
      expect((await bind()).status).toBe(201);
      expect(proxy.refused).toBe(2);
      proxy.refuse(undefined);
      const again = await rebind();
      proxy.refuse({ statement, errno });
      expectUnavailable(await again());
    });
  });

  it.each([...READ_ONLY, NOT_SYNCED])(
    'connections to a server that answers %i are closed, and 24 writes succeed on new connections',
    async (errno) => {
      // Every connection of the pool leads to it.
      await Promise.all(Array.from({ length: 16 }, create));
      proxy.refuse({ statement: 'UPDATE change_counters', errno, olderOnly: true });
      const answers = await Promise.all(Array.from({ length: 24 }, create));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
      expect(proxy.refused).toBeGreaterThan(0);
      const before = proxy.refused;
      await Promise.all(Array.from({ length: 24 }, create));
      expect(proxy.refused).toBe(before);
    },
  );

  it('connections that are lost while they are opened are opened again, and requests get 503 if none can be opened', async () => {
    proxy.refuse({ statement: 'connect', errno: 0, times: 3 });
    proxy.drop();
    expect((await create()).status).toBe(201);
    proxy.refuse({ statement: 'connect', errno: 0 });
    proxy.drop();
    expectUnavailable(await create());
    expectUnavailable(await client.get(at('/signs?limit=2')));
  });

  it('reads are retried after an error that requires another connection, and get 503 if the error persists', async () => {
    for (const errno of [NOT_SYNCED, DEADLOCK]) {
      proxy.refuse({ statement: 'SELECT', errno, times: 2 });
      expect((await client.get(at(`/signs?limit=${errno % 400}`))).status).toBe(200);
      proxy.refuse({ statement: 'SELECT', errno });
      expectUnavailable(await client.get(at(`/signs?limit=${(errno % 400) + 1}`)));
    }
  });
});
