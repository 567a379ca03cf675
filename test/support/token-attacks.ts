import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { once } from 'node:events';

export type JwsAlgorithm = 'ES256' | 'RS256';

/** The parts of a genuine token; each attack changes one. */
export interface Genuine {
  alg: JwsAlgorithm;
  /** The header of a genuine token. */
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

/** The encoding of a part in a token. */
const encode = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

function signature({ alg }: Genuine, key: KeyObject, input: string, dsaEncoding: 'ieee-p1363' | 'der' = 'ieee-p1363'): string {
  return sign('sha256', Buffer.from(input), alg === 'RS256' ? key : { key, dsaEncoding }).toString('base64url');
}

/** A token signed with the genuine key, in which only the change is wrong. */
export function forge(of: Genuine, claims: object = {}, header: object = {}, key: KeyObject = of.privateKey): string {
  const input = `${encode({ ...of.header, ...header })}.${encode({ ...of.claims, ...claims })}`;
  return `${input}.${signature(of, key, input)}`;
}

function withPayload(of: Genuine, payload: string): string {
  const input = `${encode(of.header)}.${encode(payload)}`;
  return `${input}.${signature(of, of.privateKey, input)}`;
}

/** Another encoding of the same bytes: four bits of the last character are unused (RFC 4648 §3.5). */
function respelt(base64url: string): string {
  const bytes = Buffer.from(base64url, 'base64url');
  const other = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
    .map((last) => base64url.slice(0, -1) + last)
    .find((text) => text !== base64url && Buffer.from(text, 'base64url').equals(bytes));
  if (other === undefined) throw new Error('the base64url text has no other encoding of the same bytes');
  return other;
}

const foreignKeys = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
};
const seconds = () => Date.now() / 1000;

/** A server for URLs in token headers, which must never be requested. */
export class Trap {
  visits = 0;
  private constructor(private readonly server: Server) {
    server.on('connection', (socket) => {
      this.visits++;
      socket.destroy();
    });
  }

  static async set(): Promise<Trap> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new Trap(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/keys`;
  }

  async stop(): Promise<void> {
    this.server.close();
    await once(this.server, 'close');
  }
}

/**
 * Tokens that every verifier must refuse, by kind (RFC 8725 and known vulnerabilities). Each entry is a function of the genuine token,
 * because a suite creates its keys when it runs.
 */
export const ATTACKS: Record<string, (of: Genuine, trap: Trap) => string[]> = {
  'alg none in every spelling, with and without a signature': (of) =>
    ['none', 'None', 'NONE', 'nOnE', 'none ', ''].flatMap((alg) => {
      const input = `${encode({ ...of.header, alg })}.${encode(of.claims)}`;
      return [`${input}.`, `${input}.${forge(of).split('.')[2]}`];
    }),
  'an HMAC with the public key as its secret, in any encoding': (of) =>
    ['HS256', 'HS384', 'HS512'].flatMap((alg) =>
      [
        of.publicKey.export({ format: 'pem', type: 'spki' }),
        of.publicKey.export({ format: 'der', type: 'spki' }),
        of.publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
        JSON.stringify(of.publicKey.export({ format: 'jwk' })),
        '',
      ].map((secret) => {
        const input = `${encode({ ...of.header, alg })}.${encode(of.claims)}`;
        return `${input}.${createHmac(`sha${alg.slice(2)}`, secret)
          .update(input)
          .digest('base64url')}`;
      }),
    ),
  'a foreign key under the genuine key id': (of) => [forge(of, {}, {}, foreignKeys[of.alg].privateKey)],
  'another algorithm in the header': (of) =>
    [
      'ES384',
      'ES512',
      'RS384',
      'PS256',
      'EdDSA',
      of.alg === 'ES256' ? 'RS256' : 'ES256',
      of.alg.toLowerCase(),
      [of.alg],
      null,
      1,
      undefined,
    ].map((alg) => forge(of, {}, { alg })),
  'an embedded key': (of) => {
    const { privateKey, publicKey } = foreignKeys[of.alg];
    const jwk = publicKey.export({ format: 'jwk' });
    return [forge(of, {}, { jwk }, privateKey), forge(of, {}, { jwk, kid: undefined }, privateKey), forge(of, {}, { jwk })];
  },
  'a certificate chain': (of) => [forge(of, {}, { x5c: ['MIIB'] }, foreignKeys[of.alg].privateKey), forge(of, {}, { x5c: ['MIIB'] })],
  'a URL of keys': (of, { url }) => [
    forge(of, {}, { jku: url }, foreignKeys[of.alg].privateKey),
    forge(of, {}, { x5u: url }, foreignKeys[of.alg].privateKey),
    forge(of, {}, { jku: url, kid: undefined }, foreignKeys[of.alg].privateKey),
    forge(of, {}, { jku: url }),
    forge(of, {}, { x5u: url }),
  ],
  'a key id that is absent, not a string, unknown, too long, or contains a path or SQL': (of) =>
    [
      null,
      '',
      0,
      {},
      [of.header['kid']],
      'unknown',
      '__proto__',
      'constructor',
      '../../../../dev/null',
      "primary' OR '1'='1",
      "x' UNION SELECT 1 --",
      `${String(of.header['kid'])}\0`,
      String(of.header['kid']).toUpperCase(),
      'x'.repeat(8000),
    ].flatMap((kid) => [forge(of, {}, { kid }), forge(of, {}, { kid }, foreignKeys[of.alg].privateKey)]),
  'a critical header, or any other that is not known': (of) =>
    [
      { crit: ['exp'] },
      { crit: [] },
      { b64: false, crit: ['b64'] },
      { b64: false },
      { zip: 'DEF' },
      { cty: 'JWT' },
      { typ: 'JWE' },
      { typ: ['JWT'] },
      { enc: 'A256GCM' },
    ].map((head) => forge(of, {}, head)),
  'a signature of zeros, in DER, cut, padded or absent': (of) => {
    const genuine = forge(of);
    const [head, body, signed] = genuine.split('.') as [string, string, string];
    const input = `${head}.${body}`;
    return [
      `${input}.${Buffer.alloc(of.alg === 'RS256' ? 256 : 64).toString('base64url')}`,
      ...(of.alg === 'ES256' ? [`${input}.${signature(of, of.privateKey, input, 'der')}`] : []),
      `${input}.${signed.slice(0, -2)}`,
      `${input}.${signed}AA`,
      `${input}.${signed}==`,
      `${input}.${respelt(signed)}`,
      `${input}.`,
      input,
      `${genuine}.`,
      `${head}.${body.slice(0, -4)}.${signed}`,
    ];
  },
  'an expiry that is absent, no number, or years away': (of) =>
    [undefined, null, '9999999999', true, [9_999_999_999], {}, seconds() + 10 * 365 * 86_400, 1e300].map((exp) => forge(of, { exp })),
  'an expiry before its issue': (of) => [forge(of, { iat: seconds() + 50, exp: seconds() + 40 })],
  'an issue in the future, absent, or no number': (of) => [seconds() + 3600, undefined, null, '1', []].map((iat) => forge(of, { iat })),
  'a start in the future or no number': (of) => [seconds() + 3600, '0', null, {}].map((nbf) => forge(of, { nbf })),
  'a subject that is absent or no id': (of) => [undefined, null, '', 5, {}, ['x'], 'x'.repeat(5000)].map((sub) => forge(of, { sub })),
  'a payload that is no JSON object': (of) =>
    ['[]', 'null', '"x"', '5', '', '{', 'nonsense', '{"__proto__":{"sub":"x"}}', '['.repeat(5000)].map((payload) =>
      withPayload(of, payload),
    ),
  'the shape of a JWE': () => [`${encode({ alg: 'dir', enc: 'A256GCM' })}..${encode('iv')}.${encode('text')}.${encode('tag')}`],
  'no JWT at all': (of) => ['x', '..', 'a.b.c', '{}', '[object Object]', 'undefined', 'null', `Bearer ${forge(of)}`, 'gAAAAABk'.repeat(20)],
  'a token of more than 16 KB': (of) => [forge(of, { filler: 'x'.repeat(17_000) }), 'x'.repeat(20_000)],
};

/** Further attacks on tokens that name their issuer and audience. */
export const PARTY_ATTACKS: Record<string, (of: Genuine) => string[]> = {
  'another issuer or audience': (of) => [
    forge(of, { iss: 'other' }),
    forge(of, { iss: undefined }),
    forge(of, { iss: `${String(of.claims['iss'])}/` }),
    forge(of, { iss: [of.claims['iss']] }),
    forge(of, { aud: 'other' }),
    forge(of, { aud: ['other', 'another'] }),
    forge(of, { aud: undefined }),
    forge(of, { aud: null }),
  ],
  'no key id': (of) => [forge(of, {}, { kid: undefined }), forge(of, {}, { kid: undefined }, foreignKeys[of.alg].privateKey)],
};
