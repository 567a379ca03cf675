import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { keyRules } from './algorithms.js';
import { UNSIGNED_PAYLOAD } from './canonical-request.js';
import type { ReceivedRequest } from './claim.js';
import { UnusableKeyError } from './errors.js';
import { MemoryReplayStore } from './replay.js';
import type { KeyMaterial } from './scheme.js';
import { type RequestToSign, sign } from './sign.js';
import { createVerifier } from './verifier.js';
import { verifySignature, type VerifyOptions } from './verify.js';

const NOW = Date.UTC(2026, 0, 1, 12);
const now = () => NOW;
const HMAC: KeyMaterial = { signType: 'hmac', signKey: 'access-key', signSecret: 'Secret-0123456789' };
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

describe('each kind of key', () => {
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

  it.each(names)('%s: what the generated key signs verifies, and says whether the body is covered', (name) => {
    const covers = name !== 'basic';
    expect(verify(arrived(key(name)), { keys: keys.values() })).toMatchObject({ ok: true, bodySigned: covers });
  });

  it.each(names.filter((name) => name !== 'basic'))('%s: nothing of a signed request can be changed', (name) => {
    const request = arrived(key(name));
    const options = { keys: [key(name)] };
    for (const change of [{ method: 'PUT' }, { url: '/v1/orders?b=2&a=2' }, { headers: { ...request.headers, host: 'other' } }]) {
      expect(verify({ ...request, ...change }, options)).toMatchObject({ ok: false, code: 'signature_mismatch' });
    }
    expect(verify({ ...request, body: '{"n":2}' }, options)).toMatchObject({ ok: false, code: 'body_hash_mismatch' });
  });

  it.each(names)('%s: the same id with another secret is a mismatch', async (name) => {
    const forged = arrived(key(name));
    const { authorization } = forged.headers;
    const at = name === 'basic' ? authorization!.length - 6 : authorization!.length - 1;
    forged.headers['authorization'] = authorization!.slice(0, at) + (authorization![at] === '0' ? '1' : '0') + authorization!.slice(at + 1);
    expect(verify(forged, { keys: keys.values() })).toMatchObject({ ok: false, code: 'signature_mismatch' });
  });

  it.each(names)('%s: neither the secret nor, where it is one, the key is in the header', (name) => {
    const { authorization } = sign(REQUEST, key(name), { now });
    if (name !== 'basic') expect(authorization).not.toContain(key(name).signSecret);
    if (name.startsWith('aes')) expect(authorization).not.toContain(key(name).signKey);
  });

  it('a public_key verifies without its private half, and cannot sign', () => {
    const { signType, signKey } = key('public_key');
    expect(verify(arrived(key('public_key')), { keys: [{ signType, signKey }] })).toMatchObject({ ok: true });
    expect(() => sign(REQUEST, { signType, signKey })).toThrow(UnusableKeyError);
  });

  it('a header cannot choose another use of a secret: an hmac key does not pass as Basic', () => {
    const authorization = `Basic ${Buffer.from(`${HMAC.signKey}:${HMAC.signSecret}`).toString('base64')}`;
    expect(verify(withHeader('authorization', authorization))).toMatchObject({ code: 'unknown_key' });
  });

  it.each<[string, KeyMaterial]>([
    ['hmac without a secret', { signType: 'hmac', signKey: 'k' }],
    ['aes without an algorithm', { signType: 'aes', signKey: 'k'.repeat(16), signSecret: 's'.repeat(16) }],
    ['aes with a short vector', { signType: 'aes', signAlgorithm: 'aes-128-cfb', signKey: 'k'.repeat(16), signSecret: 's' }],
    ['public_key that is none', { signType: 'public_key', signKey: 'AAAA', signSecret: 'AAAA' }],
  ])('%s is unusable: signing says so, verifying does not find it', (_, broken) => {
    expect(() => sign(REQUEST, broken)).toThrow(UnusableKeyError);
    expect(() => createVerifier({ keys: [broken] })).toThrow(UnusableKeyError);
    expect(verify(arrived(), { keys: [broken] })).toMatchObject({ code: 'unknown_key' });
  });

  it('halves that do not belong together are unusable', async () => {
    const other = await keyRules('public_key', null, { basicKeyLeadingDigit: false }).generate({});
    expect(() => sign(REQUEST, { ...key('public_key'), signKey: other.key })).toThrow('do not belong together');
  });
});

describe('refusals', () => {
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
  ])('%s for %j (%s)', (code, authorization) => {
    expect(verify(withHeader('authorization', authorization))).toMatchObject({ ok: false, code });
  });

  it.each([
    [900_000, true],
    [-900_000, true],
    [901_000, false],
    [-901_000, false],
  ])('skew: signed %d ms away from now is in time: %s', (away, inTime) => {
    const verdict = verify(arrived(HMAC, REQUEST, NOW + away));
    expect(verdict).toMatchObject(inTime ? { ok: true } : { ok: false, code: 'skew' });
  });

  it.each(['20260230T000000Z', '2026-01-01T00:00:00Z', '20260101T000000', '20260101T246000Z', ''])('malformed for the date %j', (date) => {
    expect(verify(withHeader('x-sdk-date', date))).toMatchObject({ code: 'malformed' });
  });

  it('body_unsigned for UNSIGNED-PAYLOAD, unless it is allowed; then bodySigned is false', () => {
    const request = { ...arrived(HMAC, { ...REQUEST, bodySha256: UNSIGNED_PAYLOAD }), body: 'anything' };
    expect(verify(request)).toMatchObject({ code: 'body_unsigned' });
    expect(verify(request, { allowUnsignedPayload: true })).toMatchObject({ ok: true, bodySigned: false });
  });

  it('a client cannot turn a signed body into an unsigned one', () => {
    const request = withHeader('x-sdk-content-sha256', UNSIGNED_PAYLOAD);
    expect(verify(request, { allowUnsignedPayload: true })).toMatchObject({ code: 'signature_mismatch' });
  });

  it.each([[{ n: 1 }], [undefined], [7]])('malformed for the parsed body %j: only bytes are hashed', (body) => {
    expect(verify({ ...arrived(), body: body as never })).toMatchObject({ code: 'malformed', hint: expect.stringContaining('raw body') });
  });

  it('malformed for a header value that would forge a line of the canonical request', () => {
    expect(verify(withHeader('host', 'backend.internal\nx:y'))).toMatchObject({ code: 'malformed' });
  });

  it('a body that was hashed while it arrived counts like the body', async () => {
    const { sha256 } = await import('./body.js');
    const { method, url, headers } = arrived();
    const streamed = { method, url, headers };
    expect(verify({ ...streamed, bodySha256: sha256(REQUEST.body) })).toMatchObject({ ok: true });
    expect(verify({ ...streamed, bodySha256: sha256('') })).toMatchObject({ code: 'body_hash_mismatch' });
  });
});

describe('options', () => {
  it('both keys of a rotation verify, each under its own name', () => {
    const next = { ...HMAC, id: 'v2', signSecret: 'Another-0123456789' };
    const keys = [{ ...HMAC, id: 'v1' }, next];
    expect(verify(arrived(), { keys })).toMatchObject({ keyId: 'v1' });
    expect(verify(arrived(next), { keys })).toMatchObject({ keyId: 'v2' });
    expect(verify(arrived(next), { keys: (accessId) => (accessId === 'access-key' ? keys : undefined) })).toMatchObject({ keyId: 'v2' });
  });

  it('a secret that changes in place is not remembered', () => {
    const key = { ...HMAC };
    const request = arrived(key);
    key.signSecret = 'Another-0123456789';
    expect(verify(request, { keys: [key] })).toMatchObject({ code: 'signature_mismatch' });
  });

  it('the signature may be in another header', () => {
    const { authorization, ...headers } = arrived().headers;
    const request = { ...arrived(), headers: { ...headers, 'x-backend-sign': authorization } };
    expect(verify(request, { signatureHeader: 'X-Backend-Sign' })).toMatchObject({ ok: true });
  });

  it('headers are found in any case, in a record and in Headers', () => {
    const { headers, ...request } = arrived();
    const shouting = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]));
    expect(verify({ ...request, headers: shouting })).toMatchObject({ ok: true });
    expect(verify({ ...request, headers: new Headers(headers) })).toMatchObject({ ok: true });
  });

  it('UTF-8 that an HTTP parser handed out byte by byte is put together again', () => {
    const { url, headers, ...request } = arrived(HMAC, { ...REQUEST, url: '/中/é' });
    const asReceived = Buffer.from(url).toString('latin1');
    expect(verify({ ...request, headers, url: asReceived })).toMatchObject({ ok: true });
  });

  it('a request is accepted once with a replay store, whatever the case of its signature', async () => {
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

  it('a full replay store refuses, and forgets only what is too old to pass', () => {
    const store = new MemoryReplayStore(2);
    expect(['a', 'b', 'c', 'a'].map((id) => store.remember(id, 1000, 0))).toEqual([true, true, false, false]);
    expect([store.remember('d', 5000, 2000), store.remember('a', 5000, 2000)]).toEqual([true, true]);
  });
});

describe('hostile input', () => {
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

  it('is refused, never thrown at the caller', async () => {
    const verifier = createVerifier({ keys: [HMAC], now });
    await fc.assert(
      fc.asyncProperty(fc.oneof({ weight: 9, arbitrary: request }, fc.anything()), async (any) => {
        expect(verify(any as ReceivedRequest, { allowUnsignedPayload: true }).ok).toBe(false);
        expect((await verifier.verify(any as ReceivedRequest)).ok).toBe(false);
      }),
      { numRuns: 5000 },
    );
  });

  it('a header of thousands of names costs no more than reading it', () => {
    const names = Array.from({ length: 5000 }, (_, i) => `x-${i}`);
    const headers = Object.fromEntries(names.map((each) => [each.toUpperCase(), 'v']));
    const authorization = `SDK-HMAC-SHA256 Access=access-key, SignedHeaders=${names.join(';')};x-sdk-date, Signature=${'0'.repeat(64)}`;
    const start = performance.now();
    expect(verify({ ...arrived(), headers: { ...headers, ...arrived().headers, authorization } })).toMatchObject({
      code: 'signature_mismatch',
    });
    expect(performance.now() - start).toBeLessThan(1000);
  });
});
