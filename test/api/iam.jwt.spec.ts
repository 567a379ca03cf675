import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { request } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { Clock } from '../../src/common/clock.js';
import { Database } from '../../src/database/database.js';
import { IamAdminService } from '../../src/iam/iam-admin.service.js';
import { TokenKeys } from '../../src/iam/token-keys.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Client, TestService } from '../support/service.js';

const encode = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const es256 = (key: KeyObject, input: string, dsaEncoding: 'ieee-p1363' | 'der' = 'ieee-p1363') =>
  sign('sha256', Buffer.from(input), { key, dsaEncoding }).toString('base64url');
const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const foreignJwk = foreign.publicKey.export({ format: 'jwk' });

onBothDatabases((name) => {
  let database: TestDatabase;
  let service: TestService;
  let keys: { id: string; privateKey: KeyObject; publicKey: KeyObject };
  let genuine: string;
  let projectId: string;
  let path: string;
  let claims: Record<string, unknown>;
  /** Answers whoever follows a URL in a token's header; nobody may. */
  let trap: Server;
  let trapped = 0;

  beforeAll(async () => {
    database = await createTestDatabase(name);
    service = await TestService.start(database);
    const admin = service.app.get(IamAdminService);
    ({ token: genuine, projectId } = await admin.issueToken('admin', 'default'));
    keys = service.app.get(TokenKeys).signing;
    claims = JSON.parse(Buffer.from(genuine.split('.')[1]!, 'base64url').toString());
    path = `/v2/${projectId}/apigw/instances/none/signs`;
    trap = createServer((socket) => {
      trapped++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    trap.close();
    await service.stop();
    await database.drop();
  });

  const get = (token: string) => new Client(service.baseUrl, projectId, token).get(path);
  const trapUrl = () => `http://127.0.0.1:${(trap.address() as AddressInfo).port}/keys`;
  const header = (change: object = {}) => ({ alg: 'ES256', typ: 'JWT', kid: keys.id, ...change });
  /** A token signed with the service's own key: only what is changed is wrong with it. */
  const genuineWith = (change: object, head: object = {}) => {
    const input = `${encode(header(head))}.${encode({ ...claims, ...change })}`;
    return `${input}.${es256(keys.privateKey, input)}`;
  };
  const signedBy = (key: KeyObject, head: object) => {
    const input = `${encode(header(head))}.${encode(claims)}`;
    return `${input}.${es256(key, input)}`;
  };
  const withPayload = (payload: string) => {
    const input = `${encode(header())}.${encode(payload)}`;
    return `${input}.${es256(keys.privateKey, input)}`;
  };
  const parts = () => genuine.split('.') as [string, string, string];
  const seconds = () => Date.now() / 1000;

  it('a token made the same way and left as it is is accepted: what follows is refused for its fault alone', async () => {
    expect((await get(genuine)).status).toBe(404);
    expect((await get(genuineWith({}))).status).toBe(404);
  });

  const invalid: Record<string, () => string[]> = {
    'alg none in every spelling, with and without a signature': () =>
      ['none', 'None', 'NONE', 'nOnE', 'none ', ''].flatMap((alg) => [
        `${encode(header({ alg }))}.${encode(claims)}.`,
        `${encode(header({ alg }))}.${encode(claims)}.${parts()[2]}`,
      ]),
    'an HMAC with the public key as its secret, in any encoding': () =>
      ['HS256', 'HS384', 'HS512'].flatMap((alg) =>
        [
          keys.publicKey.export({ format: 'pem', type: 'spki' }),
          keys.publicKey.export({ format: 'der', type: 'spki' }),
          keys.publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
          JSON.stringify(keys.publicKey.export({ format: 'jwk' })),
          '',
        ].map((secret) => {
          const input = `${encode(header({ alg }))}.${encode(claims)}`;
          return `${input}.${createHmac(`sha${alg.slice(2)}`, secret)
            .update(input)
            .digest('base64url')}`;
        }),
      ),
    'a foreign key under our key id': () => [signedBy(foreign.privateKey, {})],
    'another algorithm in the header': () =>
      ['ES384', 'ES512', 'RS256', 'PS256', 'EdDSA', 'es256', ['ES256'], null, 1, undefined].map((alg) => genuineWith({}, { alg })),
    'an embedded key': () => [
      signedBy(foreign.privateKey, { jwk: foreignJwk }),
      signedBy(foreign.privateKey, { jwk: foreignJwk, kid: undefined }),
    ],
    'a certificate chain': () => [signedBy(foreign.privateKey, { x5c: ['MIIB'] }), genuineWith({}, { x5c: ['MIIB'] })],
    'a URL of keys': () => [
      signedBy(foreign.privateKey, { jku: trapUrl() }),
      signedBy(foreign.privateKey, { x5u: trapUrl() }),
      genuineWith({}, { jku: trapUrl() }),
    ],
    'no key id, an unknown one, or one that is more than an id': () =>
      [
        undefined,
        null,
        '',
        0,
        {},
        [keys.id],
        'unknown',
        '__proto__',
        'constructor',
        '../../../../dev/null',
        "primary' OR '1'='1",
        "x' UNION SELECT 1 --",
        'primary\0',
        'PRIMARY',
        'x'.repeat(8000),
      ].flatMap((kid) => [genuineWith({}, { kid }), signedBy(foreign.privateKey, { kid })]),
    'a critical header, or any other of ours': () => [
      genuineWith({}, { crit: ['exp'] }),
      genuineWith({}, { crit: [] }),
      genuineWith({}, { b64: false, crit: ['b64'] }),
      genuineWith({}, { zip: 'DEF' }),
      genuineWith({}, { cty: 'JWT' }),
      genuineWith({}, { typ: 'JWE' }),
    ],
    'a signature of zeros, in DER, cut, padded or absent': () => {
      const [head, body, signature] = parts();
      const input = `${head}.${body}`;
      return [
        `${input}.${Buffer.alloc(64).toString('base64url')}`,
        `${input}.${es256(keys.privateKey, input, 'der')}`,
        `${input}.${signature.slice(0, -2)}`,
        `${input}.${signature}AA`,
        `${input}.${signature}==`,
        `${input}.`,
        input,
        `${input}.${signature}.`,
        `${head}.${body.slice(0, -4)}.${signature}`,
      ];
    },
    'an expiry that is absent, no number, or years away': () =>
      [undefined, null, '9999999999', true, [9_999_999_999], {}, seconds() + 10 * 365 * 86_400, 1e300].map((exp) => genuineWith({ exp })),
    'an expiry before its issue': () => [genuineWith({ iat: seconds() + 50, exp: seconds() + 40 })],
    'an issue in the future, absent, or no number': () => [seconds() + 3600, undefined, null, '1', []].map((iat) => genuineWith({ iat })),
    'a start in the future or no number': () => [seconds() + 3600, '0', null, {}].map((nbf) => genuineWith({ nbf })),
    'a subject that is absent, unknown, or no id': () =>
      [undefined, null, '', 'nobody', 5, {}, ['x'], "' OR 1=1 --", 'x'.repeat(5000)].map((sub) => genuineWith({ sub })),
    'another issuer or audience': () => [
      genuineWith({ iss: 'other' }),
      genuineWith({ iss: undefined }),
      genuineWith({ aud: 'other' }),
      genuineWith({ aud: undefined }),
      genuineWith({ aud: null }),
    ],
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
    'a payload that is no JSON object': () =>
      ['[]', 'null', '"x"', '5', '', '{', 'nonsense', '{"__proto__":{"sub":"x"}}', '['.repeat(5000)].map(withPayload),
    'the shape of a JWE': () => [`${encode({ alg: 'dir', enc: 'A256GCM' })}..${encode('iv')}.${encode('text')}.${encode('tag')}`],
    'no JWT at all': () => ['x', '..', 'a.b.c', '{}', '[object Object]', 'undefined', 'null', `Bearer ${genuine}`, 'gAAAAABk'.repeat(20)],
    'a token of more than 16 KB': () => [genuineWith({ filler: 'x'.repeat(17_000) }), 'x'.repeat(20_000)],
  };

  describe('401 APIG.1002, without an echo, for', () => {
    it.each(Object.keys(invalid))('%s', async (kind) => {
      for (const token of invalid[kind]!()) {
        const answer = await get(token);
        expect([token.slice(0, 200), answer.status, answer.body]).toEqual([
          token.slice(0, 200),
          401,
          { error_code: 'APIG.1002', error_msg: 'Incorrect token or token resolution failed' },
        ]);
      }
      expect(trapped).toBe(0);
    });

    it('two token headers, even of one token', async () => {
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const headers = ['Host', 'x', 'X-Auth-Token', genuine, 'X-Auth-Token', genuine];
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
      [`?X-Auth-Token=${genuine}&access_token=${genuine}`, {}],
      ['', { cookie: `X-Auth-Token=${genuine}; token=${genuine}` }],
      ['', { authorization: `Bearer ${genuine}` }],
    ] as const) {
      const answer = await nobody.call('GET', path + query, undefined, { ...headers });
      expect([answer.status, answer.body.error_code]).toEqual([401, 'APIG.1000']);
      expect(answer.text).not.toContain(genuine.slice(0, 30));
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
      expect((await new Client(second.baseUrl, projectId, genuine).get(path)).status).toBe(404);
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
