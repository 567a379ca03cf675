import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { keyRules } from './algorithms.js';
import { sha256 } from './body.js';
import { UNSIGNED_PAYLOAD } from './canonical-request.js';
import type { ReceivedRequest } from './received.js';
import { KeysUnavailableError, UnusableKeyError } from './errors.js';
import { MemoryReplayStore } from './replay.js';
import type { KeyMaterial } from './scheme.js';
import { type RequestToSign, sign } from './sign.js';
import { createVerifier, type VerifierOptions } from './verifier.js';
import { verifySignature, type VerifyOptions } from './verify.js';

const NOW = Date.UTC(2026, 0, 1, 12);
const now = () => NOW;
const HMAC: KeyMaterial = { signType: 'hmac', signKey: 'access-key', signSecret: 'Secret-0123456789' };
const BASIC: KeyMaterial = { signType: 'basic', signKey: 'user', signSecret: 'Secret-0123456789' };
const REQUEST = { method: 'POST', url: '/v1/orders?b=2&a=1', host: 'backend.internal', body: '{"n":1}' };

/** The request as it would arrive, signed with the key. */
const arrived = (
  key = HMAC,
  request: RequestToSign = REQUEST,
  at = NOW,
): Omit<ReceivedRequest, 'headers'> & { headers: Record<string, string> } => ({
  method: request.method,
  url: request.url,
  body: request.body ?? null,
  headers: { host: request.host, ...(sign(request, key, { now: () => at }) as object) },
});
const verify = (request: ReceivedRequest, options: Partial<VerifyOptions> = {}) =>
  verifySignature(request, { keys: [HMAC], now, ...options });
const withHeader = (name: string, value: string | undefined) => {
  const request = arrived();
  return { ...request, headers: { ...request.headers, [name]: value } };
};

describe('a key of the kind', () => {
  const kinds = [['hmac'], ['basic'], ['public_key'], ['aes', 'aes-128-cfb'], ['aes', 'aes-256-cfb']] as const;
  const keys = new Map<string, KeyMaterial>();
  beforeAll(async () => {
    for (const [signType, signAlgorithm = null] of kinds) {
      const { key, secret } = await keyRules(signType, signAlgorithm, { basicKeyLeadingDigit: false }).generate({});
      keys.set(signAlgorithm ?? signType, { signType, signAlgorithm, signKey: key, signSecret: secret });
    }
  });
  const names = kinds.map(([type, algorithm]) => algorithm ?? type);
  const key = (name: string) => keys.get(name)!;

  it.each(names)('%s has a generated key whose signature verifies, and the result shows whether it covers the body', (name) => {
    const covers = name !== 'basic';
    expect(verify(arrived(key(name)), { keys: keys.values() })).toMatchObject({ ok: true, bodySigned: covers });
  });

  it.each(names.filter((name) => name !== 'basic'))('%s signs a request so that any change is detected', (name) => {
    const request = arrived(key(name));
    const options = { keys: [key(name)] };
    for (const change of [{ method: 'PUT' }, { url: '/v1/orders?b=2&a=2' }, { headers: { ...request.headers, host: 'other' } }]) {
      expect(verify({ ...request, ...change }, options)).toMatchObject({ ok: false, code: 'signature_mismatch' });
    }
    expect(verify({ ...request, body: '{"n":2}' }, options)).toMatchObject({ ok: false, code: 'signature_mismatch' });
    // Another body is also refused with the hash of the first body.
    const announced = { ...request.headers, 'x-sdk-content-sha256': sha256(REQUEST.body) };
    expect(verify({ ...request, headers: announced, body: '{"n":2}' }, options)).toMatchObject({ ok: false, code: 'body_hash_mismatch' });
  });

  it.each(names)('%s with the same id and another secret is a mismatch', async (name) => {
    const forged = arrived(key(name));
    const { authorization } = forged.headers;
    const at = name === 'basic' ? authorization!.length - 6 : authorization!.length - 1;
    forged.headers['authorization'] = authorization!.slice(0, at) + (authorization![at] === '0' ? '1' : '0') + authorization!.slice(at + 1);
    expect(verify(forged, { keys: keys.values() })).toMatchObject({ ok: false, code: 'signature_mismatch' });
  });

  it.each(names)('%s puts neither the secret nor a secret key into the header', (name) => {
    const { authorization } = sign(REQUEST, key(name), { now });
    if (name !== 'basic') expect(authorization).not.toContain(key(name).signSecret);
    if (name.startsWith('aes')) expect(authorization).not.toContain(key(name).signKey);
  });

  it('public_key verifies without its private half, and cannot sign', () => {
    const { signType, signKey } = key('public_key');
    expect(verify(arrived(key('public_key')), { keys: [{ signType, signKey }] })).toMatchObject({ ok: true });
    expect(() => sign(REQUEST, { signType, signKey })).toThrow(UnusableKeyError);
  });

  it('hmac is not accepted as Basic, whatever the header says', () => {
    const authorization = `Basic ${Buffer.from(`${HMAC.signKey}:${HMAC.signSecret}`).toString('base64')}`;
    expect(verify(withHeader('authorization', authorization))).toMatchObject({ code: 'unknown_key' });
  });

  it.each<[string, KeyMaterial]>([
    ['hmac without a secret', { signType: 'hmac', signKey: 'k' }],
    ['aes without an algorithm', { signType: 'aes', signKey: 'k'.repeat(16), signSecret: 's'.repeat(16) }],
    ['aes with a short vector', { signType: 'aes', signAlgorithm: 'aes-128-cfb', signKey: 'k'.repeat(16), signSecret: 's' }],
    ['public_key that is none', { signType: 'public_key', signKey: 'AAAA', signSecret: 'AAAA' }],
  ])('that is unusable (%s) is reported when signing, and unknown when verifying', (_, broken) => {
    expect(() => sign(REQUEST, broken)).toThrow(UnusableKeyError);
    expect(() => createVerifier({ keys: [broken] })).toThrow(UnusableKeyError);
    expect(verify(arrived(), { keys: [broken] })).toMatchObject({ code: 'unknown_key' });
  });

  it('public_key with halves of different keys is unusable', async () => {
    const other = await keyRules('public_key', null, { basicKeyLeadingDigit: false }).generate({});
    expect(() => sign(REQUEST, { ...key('public_key'), signKey: other.key })).toThrow('do not belong together');
  });
});

describe('the refusal', () => {
  it.each<[string, string | undefined, string]>([
    ['no_authorization', undefined, 'no header'],
    ['no_authorization', 'unsigned', 'what a gateway sets when it may let unsigned requests pass'],
    ['malformed', 'Bearer abc', 'another scheme'],
    ['malformed', 'SDK-HMAC-SHA256 Access=a', 'half a header'],
    ['malformed', 'Basic !', 'no base64'],
    ['unknown_key', `SDK-HMAC-SHA256 Access=other, SignedHeaders=x-sdk-date, Signature=${'0'.repeat(64)}`, 'an id without a key'],
    ['missing_signed_header', 'SDK-HMAC-SHA256 Access=access-key, SignedHeaders=host, Signature=00', 'a date that is not signed'],
    [
      'missing_signed_header',
      'SDK-HMAC-SHA256 Access=access-key, SignedHeaders=x-a;x-sdk-date, Signature=00',
      'a header that did not arrive',
    ],
    ['signature_mismatch', `SDK-HMAC-SHA256 Access=access-key, SignedHeaders=x-sdk-date, Signature=${'0'.repeat(64)}`, 'a wrong signature'],
  ])('is %s for %j (%s)', (code, authorization) => {
    expect(verify(withHeader('authorization', authorization))).toMatchObject({ ok: false, code });
  });

  it.each([
    [900_000, true],
    [-900_000, true],
    [901_000, false],
    [-901_000, false],
  ])('of a signature that is %d ms away from now is skew, unless it is in time: %s', (away, inTime) => {
    const verdict = verify(arrived(HMAC, REQUEST, NOW + away));
    expect(verdict).toMatchObject(inTime ? { ok: true } : { ok: false, code: 'skew' });
  });

  it.each(['20260230T000000Z', '2026-01-01T00:00:00Z', '20260101T000000', '20260101T246000Z', ''])(
    'is malformed for the date %j',
    (date) => {
      expect(verify(withHeader('x-sdk-date', date))).toMatchObject({ code: 'malformed' });
    },
  );

  it('is body_unsigned for UNSIGNED-PAYLOAD, unless that is allowed, in which case bodySigned is false', () => {
    const request = { ...arrived(HMAC, { ...REQUEST, bodySha256: UNSIGNED_PAYLOAD }), body: 'anything' };
    expect(verify(request)).toMatchObject({ code: 'body_unsigned' });
    expect(verify(request, { allowUnsignedPayload: true })).toMatchObject({ ok: true, bodySigned: false });
  });

  it('is signature_mismatch if a client declares a signed body as unsigned', () => {
    const request = withHeader('x-sdk-content-sha256', UNSIGNED_PAYLOAD);
    expect(verify(request, { allowUnsignedPayload: true })).toMatchObject({ code: 'signature_mismatch' });
  });

  it.each([[{ n: 1 }], [undefined], [7]])('is malformed for the parsed body %j, because only bytes are hashed', (body) => {
    expect(verify({ ...arrived(), body: body as never })).toMatchObject({ code: 'malformed', hint: expect.stringContaining('raw body') });
  });

  it.each([
    '/v1/orders?b=2&a=1#',
    '/v1/orders#?b=2&a=1',
    'http://h#/v1/orders?b=2&a=1',
    '/v1/orders?b=2&a=1\t',
    ' /v1/orders',
    '/\0',
    '/\x7f',
  ])('is malformed for the target %j, which parsers read differently', async (url) => {
    const request = { ...arrived(), url };
    expect(verify(request)).toMatchObject({ code: 'malformed' });
    expect(await createVerifier({ keys: [HMAC], now }).begin(request)).toMatchObject({ code: 'malformed' });
    expect(verify({ ...arrived(BASIC), url }, { keys: [BASIC] })).toMatchObject({ code: 'malformed' });
  });

  it('is malformed for a header value that would forge a line of the canonical request', () => {
    expect(verify(withHeader('host', 'backend.internal\nx:y'))).toMatchObject({ code: 'malformed' });
  });

  it('is the same for a body and for its hash', () => {
    const { method, url, headers } = arrived();
    const streamed = { method, url, headers };
    expect(verify({ ...streamed, bodySha256: sha256(REQUEST.body) })).toMatchObject({ ok: true });
    expect(verify({ ...streamed, bodySha256: sha256('') })).toMatchObject({ code: 'signature_mismatch' });
  });
});

describe('the options', () => {
  it('accept both keys of a rotation, each with its own id', () => {
    const next = { ...HMAC, id: 'v2', signSecret: 'Another-0123456789' };
    const keys = [{ ...HMAC, id: 'v1' }, next];
    expect(verify(arrived(), { keys })).toMatchObject({ keyId: 'v1' });
    expect(verify(arrived(next), { keys })).toMatchObject({ keyId: 'v2' });
    expect(verify(arrived(next), { keys: (accessId) => (accessId === 'access-key' ? keys : undefined) })).toMatchObject({ keyId: 'v2' });
  });

  it('apply a secret that is changed in place at once', () => {
    const key = { ...HMAC };
    const request = arrived(key);
    key.signSecret = 'Another-0123456789';
    expect(verify(request, { keys: [key] })).toMatchObject({ code: 'signature_mismatch' });
  });

  it('permit another header for the signature', () => {
    const { authorization, ...headers } = arrived().headers;
    const request = { ...arrived(), headers: { ...headers, 'x-backend-sign': authorization } };
    expect(verify(request, { signatureHeader: 'X-Backend-Sign' })).toMatchObject({ ok: true });
  });

  it('find header names in upper and lower case, in a record and in Headers', () => {
    const { headers, ...request } = arrived();
    const shouting = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]));
    expect(verify({ ...request, headers: shouting })).toMatchObject({ ok: true });
    expect(verify({ ...request, headers: new Headers(headers) })).toMatchObject({ ok: true });
  });

  it('join the values of a header that a record has in upper and lower case', () => {
    const { authorization, host } = arrived().headers;
    expect(verify(withHeader('Authorization', authorization))).toMatchObject({ code: 'malformed' });
    expect(verify(withHeader('HOST', host))).toMatchObject({ code: 'signature_mismatch' });
    expect(verify(withHeader('HOST', undefined))).toMatchObject({ ok: true });
  });

  it('restore UTF-8 that an HTTP parser decoded as Latin-1', () => {
    const { url, headers, ...request } = arrived(HMAC, { ...REQUEST, url: '/中/é' });
    const asReceived = Buffer.from(url).toString('latin1');
    expect(verify({ ...request, headers, url: asReceived })).toMatchObject({ ok: true });
  });

  it('accept a request once with a replay store, whatever the case of its signature', async () => {
    const replayStore = new MemoryReplayStore();
    const request = arrived();
    const shouting = withHeader(
      'authorization',
      request.headers['authorization']!.replace(/\w+$/, (hex) => hex.toUpperCase()),
    );
    const options = { keys: [HMAC], now, replayStore };
    expect([request, request, shouting].map((each) => verify(each, options))).toMatchObject([
      { ok: true },
      { code: 'replayed' },
      { code: 'replayed' },
    ]);
    expect(await createVerifier(options).verify(request)).toMatchObject({ code: 'replayed' });
    expect(await createVerifier({ ...options, replayStore: { remember: async () => true } }).verify(request)).toMatchObject({ ok: true });
  });

  it('refuse requests if the replay store is full, which forgets only entries that are too old', () => {
    const store = new MemoryReplayStore(2);
    expect(['a', 'b', 'c', 'a'].map((id) => store.remember(id, 1000, 0))).toEqual([true, true, false, false]);
    expect([store.remember('d', 5000, 2000), store.remember('a', 5000, 2000)]).toEqual([true, true]);
  });
});

describe('between the headers and the verdict,', () => {
  const { body, ...head } = arrived();
  const begunWith = async (options: Partial<VerifierOptions>) => {
    const begun = await createVerifier({ keys: [HMAC], now, ...options }).begin(head);
    if (!begun.ok) throw new Error(begun.hint);
    return begun;
  };

  it('a body that is held back until the replay store has forgotten the request is refused as too old', async () => {
    let clock = NOW;
    const options = { now: () => clock, skewSeconds: 300, replayStore: new MemoryReplayStore() };
    const begun = await begunWith(options);
    const held = await begunWith(options);
    expect(await begun.finish({ body })).toMatchObject({ ok: true });
    clock += 301_000;
    expect(await held.finish({ body })).toMatchObject({ ok: false, code: 'skew' });
    expect(await createVerifier({ keys: [BASIC], ...options }).verify(arrived(BASIC))).toMatchObject({ ok: true });
  });

  it('the replay store gets the time at which the body has arrived', async () => {
    let clock = NOW;
    const times: number[] = [];
    const replayStore = { remember: (_id: string, expiresAt: number, at: number) => times.push(expiresAt, at) > 0 };
    const begun = await begunWith({ now: () => clock, replayStore });
    clock += 60_000;
    expect(await begun.finish({ body })).toMatchObject({ ok: true });
    expect(times).toEqual([NOW + 900_000, NOW + 60_000]);
  });

  it('a key that ends while the body arrives accepts nothing, and a new secret of its id accepts only what it has signed', async () => {
    let held: KeyMaterial[] = [HMAC];
    const ended = await begunWith({ keys: async () => held });
    const changed = await begunWith({ keys: async () => held });
    held = [{ ...HMAC }];
    expect(await (await begunWith({ keys: async () => held })).finish({ body })).toMatchObject({ ok: true });
    held = [];
    expect(await ended.finish({ body })).toMatchObject({ code: 'unknown_key' });
    held = [{ ...HMAC, signSecret: 'Another-0123456789' }];
    expect(await changed.finish({ body })).toMatchObject({ code: 'signature_mismatch' });
  });

  it.each<[string, KeyMaterial[], string | undefined]>([
    ['ends', [], 'unknown_key'],
    ['has another secret', [{ ...HMAC, signSecret: 'Another-0123456789' }], 'signature_mismatch'],
    ['is the same in another object', [{ ...HMAC }], undefined],
  ])('a key that %s while the replay store answers: %j', async (_, after, code) => {
    let held: KeyMaterial[] = [HMAC];
    const remember = async () => {
      held = after;
      return true;
    };
    const options = { keys: async () => held, now, replayStore: { remember } };
    expect(await createVerifier(options).verify(arrived())).toMatchObject(code === undefined ? { ok: true } : { ok: false, code });
  });

  it('a request that becomes too old while the replay store answers is refused, as the store may have forgotten the first one', async () => {
    let clock = NOW;
    const remember = async () => {
      clock += 301_000;
      return true;
    };
    const verifier = createVerifier({ keys: [HMAC], now: () => clock, skewSeconds: 300, replayStore: { remember } });
    expect(await verifier.verify(arrived())).toMatchObject({ ok: false, code: 'skew' });
  });
});

describe('a look-up or a replay store that fails', () => {
  const fails = async () => {
    throw new RangeError('Secret-0123456789');
  };
  it.each([
    ['keys_unavailable', { keys: fails }],
    ['store_unavailable', { keys: [HMAC], replayStore: { remember: fails } }],
  ])('refuses with %s, and the log has the name of its error alone', async (code, options) => {
    const lines: string[] = [];
    const verifier = createVerifier({ ...options, now, log: (line) => lines.push(line) });
    expect(await verifier.verify(arrived())).toMatchObject({ ok: false, code });
    expect(lines).toEqual([expect.stringMatching(/failed: RangeError$/)]);
  });

  it('has the hint of a KeysUnavailableError', async () => {
    const keys = () => {
      throw new KeysUnavailableError('not yet');
    };
    expect(await createVerifier({ keys, now }).begin(arrived())).toEqual({ ok: false, code: 'keys_unavailable', hint: 'not yet' });
  });

  it('refuses when the store answers anything but true', async () => {
    const replayStore = { remember: (() => undefined) as unknown as () => boolean };
    expect(await createVerifier({ keys: [HMAC], now, replayStore }).verify(arrived())).toMatchObject({ code: 'replayed' });
    expect(verify(arrived(), { replayStore })).toMatchObject({ code: 'replayed' });
  });
});

describe('a hostile request', () => {
  const name = fc.constantFrom('authorization', 'x-sdk-date', 'x-sdk-content-sha256', 'host', '__proto__', 'constructor', 'get');
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('20260101T120000Z', UNSIGNED_PAYLOAD, 'Basic Og==', 'Basic', 'unsigned', 'SDK-HMAC-SHA256'),
    fc
      .tuple(
        fc.constantFrom('SDK-HMAC-SHA256', 'SIGNET-AES-128-CFB-MAC', 'SIGNET-RSA-PSS-SHA256'),
        fc.string(),
        fc.string(),
        fc.base64String(),
      )
      .map(
        ([scheme, access, signed, hex]) =>
          `${scheme} Access=${access || HMAC.signKey}, SignedHeaders=x-sdk-date;${signed}, Signature=${hex}`,
      ),
    fc.anything(),
  );
  const request = fc.record({
    method: fc.oneof(fc.string(), fc.anything()),
    url: fc.oneof(fc.webUrl(), fc.string({ unit: 'binary' }), fc.anything()),
    headers: fc.oneof(fc.dictionary(name, value), fc.anything()),
    body: fc.oneof(fc.uint8Array(), fc.string(), fc.constant(null), fc.anything()),
  });

  it('is refused and never causes an exception', async () => {
    const verifier = createVerifier({ keys: [HMAC], now });
    await fc.assert(
      fc.asyncProperty(fc.oneof({ weight: 9, arbitrary: request }, fc.anything()), async (any) => {
        expect(verify(any as ReceivedRequest, { allowUnsignedPayload: true }).ok).toBe(false);
        expect((await verifier.verify(any as ReceivedRequest)).ok).toBe(false);
      }),
      { numRuns: 5000 },
    );
  });

  const signing = (names: readonly string[], headers: Record<string, string> = {}, access = 'access-key') => ({
    ...arrived(),
    headers: {
      ...headers,
      ...arrived().headers,
      authorization: `SDK-HMAC-SHA256 Access=${access}, SignedHeaders=${names.join(';')}, Signature=${'0'.repeat(64)}`,
    },
  });

  it('is refused with more than 64 signed headers', () => {
    const names = Array.from({ length: 64 }, (_, i) => `x-${i}`);
    const headers = Object.fromEntries(names.map((each) => [each.toUpperCase(), 'v']));
    expect(verify(signing([...names.slice(1), 'x-sdk-date'], headers))).toMatchObject({ code: 'signature_mismatch' });
    expect(verify(signing([...names, 'x-sdk-date'], headers))).toMatchObject({
      code: 'malformed',
      hint: 'more than 64 headers are signed',
    });
  });

  it('is refused if it signs a header twice, in upper or lower case', () => {
    for (const names of [
      ['host', 'x-sdk-date', 'host'],
      ['host', 'x-sdk-date', 'X-Sdk-Date'],
    ])
      expect(verify(signing(names))).toMatchObject({ code: 'malformed', hint: expect.stringContaining('signed twice') });
  });

  it('is refused with more than 64 Ki characters of headers and target', () => {
    const long = { 'x-long': 'v'.repeat(65_536) };
    expect(verify(signing(['x-long', 'x-sdk-date'], long))).toMatchObject({ code: 'malformed' });
    expect(verify({ ...signing(['host', 'x-sdk-date']), url: `/${'u'.repeat(65_536)}` })).toMatchObject({ code: 'malformed' });
  });

  it('is hashed only for a known key, both its target and its body', async () => {
    const request = { ...signing(['host', 'x-sdk-date'], {}, 'nobodys'), body: { parsed: true } as unknown as string };
    expect(verify(request)).toMatchObject({ code: 'unknown_key' });
    expect(await createVerifier({ keys: [HMAC], now }).begin(request)).toMatchObject({ ok: false, code: 'unknown_key' });
    expect(verify({ ...signing(['host', 'x-sdk-date']), body: request.body })).toMatchObject({ code: 'malformed' });
  });
});
