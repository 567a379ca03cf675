import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { KeyObject } from 'node:crypto';
import { request } from 'node:http';
import { Clock } from '../../src/platform/common/clock.js';
import { Database } from '../../src/platform/database/database.js';
import { IamAdminService } from '../../src/identity/iam/iam-admin.service.js';
import { TokenKeys } from '../../src/identity/iam/token-keys.js';
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

  it('an unchanged token from the generator of these tests is accepted, so that each altered one is refused only for its alteration', async () => {
    expect((await get(issued)).status).toBe(404);
    expect((await get(genuineWith({}))).status).toBe(404);
  });

  it('revoking a token also ends its equivalent signature (n − s)', async () => {
    const { token } = await service.app.get(IamAdminService).issueToken('admin', 'default');
    const dot = token.lastIndexOf('.') + 1;
    const signature = Buffer.from(token.slice(dot), 'base64url');
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const s = order - BigInt(`0x${signature.toString('hex', 32)}`);
    const other = Buffer.concat([signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
    const twin = token.slice(0, dot) + other.toString('base64url');
    expect(twin).not.toBe(token);
    // Both projects exist now.
    expect([(await get(token)).status, (await get(twin)).status]).toEqual([404, 404]);
    const revoked = await new Client(service.baseUrl, projectId, token).call('DELETE', '/v3/auth/tokens', undefined, {
      'x-subject-token': token,
    });
    expect([revoked.status, (await get(token)).status, (await get(twin)).status]).toEqual([204, 401, 401]);
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

  describe('a token is refused with 401 APIG.1002, without repeating the input:', () => {
    it.each(Object.keys(invalid))('%s', async (kind) => {
      for (const token of invalid[kind]!(genuine(), trap)) {
        const answer = await get(token);
        expect([token.slice(0, 200), answer.status, answer.body]).toEqual([
          token.slice(0, 200),
          401,
          // The reason is given for a genuine token from the future, because the clock of this host may be wrong.
          {
            error_code: 'APIG.1002',
            error_msg: expect.stringMatching(
              /^Incorrect token or token resolution failed(: the token was issued \d+ seconds in the future by the clock of this host)?$/,
            ),
          },
        ]);
      }
      expect(trap.visits).toBe(0);
    });

    it('two headers with the same token', async () => {
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

  it('headers of 64 KB get 431', async () => {
    expect((await get('x'.repeat(65_536))).status).toBe(431);
  });

  it.each([-1, 0, 1, 1_700_000_000])('a token that expired at %p gets 401 APIG.1001', async (exp) => {
    const answer = await get(genuineWith({ iat: exp - 10, exp }));
    expect([answer.status, answer.body.error_code]).toEqual([401, 'APIG.1001']);
  });

  it('a token in the query, in a cookie or in Authorization is ignored', async () => {
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
      // Another process rotates the token key: it inserts a new pair, sealed like the first one.
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

  it('the database contains no private key in plain text', async () => {
    const pkcs8 = keys.privateKey.export({ format: 'der', type: 'pkcs8' });
    const rows = await service.app.get(Database).rows<{ private_key: string }>('SELECT * FROM token_keys');
    for (const row of rows) {
      expect(row.private_key.startsWith('K1.')).toBe(true);
      expect(JSON.stringify(row)).not.toContain(pkcs8.toString('base64').slice(40, 80));
    }
  });
});
