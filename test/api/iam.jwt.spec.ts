import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { KeyObject } from 'node:crypto';
import { request } from 'node:http';
import { Clock } from '../../src/common/clock.js';
import { Database } from '../../src/database/database.js';
import { IamAdminService } from '../../src/iam/iam-admin.service.js';
import { TokenKeys } from '../../src/iam/token-keys.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Client, TestService } from '../support/service.js';
import { ATTACKS, forge, type Genuine, PARTY_ATTACKS, Trap } from '../support/token-attacks.js';

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let keys: { id: string; privateKey: KeyObject; publicKey: KeyObject };
  let issued: string;
  let projectId: string;
  let path: string;
  let claims: Record<string, unknown>;
  let trap: Trap;

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database);
    const admin = service.app.get(IamAdminService);
    ({ token: issued, projectId } = await admin.issueToken('admin', 'default'));
    keys = service.app.get(TokenKeys).signing;
    claims = JSON.parse(Buffer.from(issued.split('.')[1]!, 'base64url').toString());
    path = `/v2/${projectId}/apigw/instances/none/signs`;
    trap = await Trap.set();
  });
  afterAll(async () => {
    await trap.stop();
    await service.stop();
    await database.drop();
  });

  const get = (token: string) => new Client(service.baseUrl, projectId, token).get(path);
  const genuine = (): Genuine => ({ alg: 'ES256', header: { alg: 'ES256', typ: 'JWT', kid: keys.id }, claims, ...keys });
  const genuineWith = (change: object) => forge(genuine(), change);

  it('a token made the same way and left as it is is accepted: what follows is refused for its fault alone', async () => {
    expect((await get(issued)).status).toBe(404);
    expect((await get(genuineWith({}))).status).toBe(404);
  });

  const invalid: Record<string, (of: Genuine, trap: Trap) => string[]> = {
    ...ATTACKS,
    ...PARTY_ATTACKS,
    'a subject that is unknown': () => ['nobody', "' OR 1=1 --"].map((sub) => genuineWith({ sub })),
    'no token id or methods': () => [
      genuineWith({ jti: undefined }),
      genuineWith({ jti: 5 }),
      genuineWith({ methods: 'password' }),
      genuineWith({ methods: [1] }),
    ],
    'a project that is not the user’s, or no id': () =>
      ['0123456789abcdef0123456789abcdef', '', null, [projectId], { id: projectId }, projectId.toUpperCase()].map((project) =>
        genuineWith({ project }),
      ),
    'a project and a domain at once': () => [genuineWith({ domain: 'x' })],
  };

  describe('401 APIG.1002, without an echo, for', () => {
    it.each(Object.keys(invalid))('%s', async (kind) => {
      for (const token of invalid[kind]!(genuine(), trap)) {
        const answer = await get(token);
        expect([token.slice(0, 200), answer.status, answer.body]).toEqual([
          token.slice(0, 200),
          401,
          { error_code: 'APIG.1002', error_msg: 'Incorrect token or token resolution failed' },
        ]);
      }
      expect(trap.visits).toBe(0);
    });

    it('two token headers, even of one token', async () => {
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const headers = ['Host', 'x', 'X-Auth-Token', issued, 'X-Auth-Token', issued];
        request(service.baseUrl + path, { headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on('error', reject)
          .end();
      });
      expect(status).toBe(401);
    });
  });

  it('431 for headers of 64 KB', async () => {
    expect((await get('x'.repeat(65_536))).status).toBe(431);
  });

  it.each([-1, 0, 1, 1_700_000_000])('401 APIG.1001 for a token that expired at %p', async (exp) => {
    const answer = await get(genuineWith({ iat: exp - 10, exp }));
    expect([answer.status, answer.body.error_code]).toEqual([401, 'APIG.1001']);
  });

  it('a token in the query, in a cookie or in Authorization is no token', async () => {
    const nobody = new Client(service.baseUrl, projectId, '');
    for (const [query, headers] of [
      [`?X-Auth-Token=${issued}&access_token=${issued}`, {}],
      ['', { cookie: `X-Auth-Token=${issued}; token=${issued}` }],
      ['', { authorization: `Bearer ${issued}` }],
    ] as const) {
      const answer = await nobody.call('GET', path + query, undefined, { ...headers });
      expect([answer.status, answer.body.error_code]).toEqual([401, 'APIG.1000']);
      expect(answer.text).not.toContain(issued.slice(0, 30));
    }
  });

  it('a token of a second key is accepted by its key id, without a restart', async () => {
    const second = await TestService.start(database);
    const before = keys;
    try {
      // Another process rotates: it inserts a new pair, sealed as the first one was.
      const other = second.app.get(TokenKeys);
      await other.rotate();
      expect(other.signing.id).not.toBe(before.id);
      const { token } = await second.app.get(IamAdminService).issueToken('admin', 'default');
      const clock = service.app.get(Clock);
      clock.now = () => Date.now() + 11_000;
      try {
        expect((await get(token)).status).toBe(404);
      } finally {
        clock.now = Clock.prototype.now.bind(clock);
      }
      expect((await new Client(second.baseUrl, projectId, issued).get(path)).status).toBe(404);
    } finally {
      await second.stop();
    }
  });

  it('the private key is nowhere in the database in clear', async () => {
    const pkcs8 = keys.privateKey.export({ format: 'der', type: 'pkcs8' });
    const rows = await service.app.get(Database).rows<{ private_key: string }>('SELECT * FROM token_keys');
    for (const row of rows) {
      expect(row.private_key.startsWith('K1.')).toBe(true);
      expect(JSON.stringify(row)).not.toContain(pkcs8.toString('base64').slice(40, 80));
    }
  });
});
