import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { verifySignature as verifyUnmodified, webcrypto } from 'http-message-sig';
import { headerReader } from '#signing/headers.js';
import { sign, type SignatureHeaders } from '#signing/sign.js';
import { derivedComponent, signatureBase, signatureParameters } from '#signing/signature-base.js';
import { type InnerList, parseDictionary } from '#signing/structured-fields.js';
import { loadKey } from '#signing/schemes.js';
import type { KeyMaterial } from '#signing/scheme.js';
import { verifySignature } from '#signing/verify.js';

interface Vectors {
  keys: Record<string, Omit<KeyMaterial, 'signType'>>;
  thumbprint: { x: string; keyid: string };
  signatures: { name: string; key: string; method: string; target: string; headers: [string, string][]; base: string }[];
}
const { keys, thumbprint, signatures } = JSON.parse(readFileSync('test/vectors/rfc9421.json', 'utf8')) as Vectors;
const keyOf = (name: string): KeyMaterial => ({ signType: 'http-message-signatures', ...keys[name]! });
const ED25519 = keyOf('test-key-ed25519');
const HMAC = keyOf('test-shared-secret');
const NOW = Date.UTC(2026, 0, 1, 12);
const now = () => NOW;

/** The headers as a framework with an object of lists gives them. */
function listed(pairs: readonly [string, string][]): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  for (const [name, value] of pairs) (headers[name.toLowerCase()] ??= []).push(value);
  return headers;
}

describe('the vectors of RFC 9421, appendix B', () => {
  it.each(signatures)(
    '$name: our signature base is the published one, and the published signature verifies over it',
    ({ key, method, target, headers, base }) => {
      const header = headerReader(listed(headers));
      const [[label, member]] = [...parseDictionary(header('signature-input')!)!] as [[string, InnerList]];
      const names = member.items.map(({ bare }) => bare.value);
      const parts = { method, target, authority: header('host')! };
      const values = names.map((name) => [name, (name.startsWith('@') ? derivedComponent(name, parts) : header(name))!] as const);
      const ours = signatureBase(values, signatureParameters(names, member.parameters));
      expect(ours).toBe(base);
      const signature = parseDictionary(header('signature')!)!.get(label);
      expect(loadKey(keyOf(key)).verify(ours, (signature as unknown as { bare: { value: string } }).bare.value)).toBe(true);
      expect(loadKey(keyOf(key)).verify(`${ours} `, (signature as unknown as { bare: { value: string } }).bare.value)).toBe(false);
      expect(loadKey(keyOf(key)).sign(ours)).toBe((signature as unknown as { bare: { value: string } }).bare.value);
    },
  );

  it.each(signatures)(
    '$name: it covers less than our policy, and has no tag of ours: the verifier does not take it for a signature',
    ({ key, method, target, headers }) => {
      const request = { method, url: target, headers: listed(headers), body: '{"hello": "world"}' };
      expect(verifySignature(request, { keys: [keyOf(key)], now: () => 1618884473_000 })).toMatchObject({ code: 'no_authorization' });
      const tagged = headers.map(([name, value]): [string, string] => [
        name,
        name === 'Signature-Input' ? `${value};alg="ed25519";tag="signet"` : value,
      ]);
      expect(verifySignature({ ...request, headers: listed(tagged) }, { keys: [keyOf(key)], now: () => 1618884473_000 })).toMatchObject({
        code: 'missing_signed_header',
      });
    },
  );

  it('the key id of an Ed25519 key is its JWK thumbprint (RFC 8037, appendix A.3)', () => {
    const spki = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: thumbprint.x }, format: 'jwk' }).export({
      format: 'der',
      type: 'spki',
    });
    expect(loadKey({ ...ED25519, signKey: spki.toString('base64'), signSecret: undefined }).accessId).toBe(thumbprint.keyid);
  });
});

describe('a request signed with our keys', () => {
  const request = { method: 'POST', url: '/v1/orders/a%2Fb?b=2&a=1', host: 'Backend.internal:8080', body: '{"n":1}' };
  const fieldsOf = (headers: SignatureHeaders) =>
    Object.entries({ host: request.host, ...headers }).map(([name, value]) => ({ name, value }));
  const publicHalf: KeyMaterial = { ...ED25519, signSecret: undefined };

  it.each([
    ['a body', request.url, request.body],
    ['no body', '/v1/orders/a%2Fb', undefined],
    ['an empty path segment and an empty query', '//x//?', undefined],
  ])('verifies with the unmodified npm package http-message-sig and the public key alone: %s', async (_name, url, body) => {
    const headers = sign({ ...request, url, body }, ED25519, { now });
    const key = await crypto.subtle.importKey('spki', Buffer.from(ED25519.signKey, 'base64'), 'Ed25519', true, ['verify']);
    const message = { kind: 'request' as const, method: 'POST', targetUri: `http://${request.host}${url}`, fields: fieldsOf(headers) };
    const options = {
      policy: {
        requiredComponents: ['@method', '@authority', '@path', '@query', 'content-digest'],
        requiredParameters: ['created', 'keyid', 'alg', 'nonce', 'tag'],
        algorithms: ['ed25519' as const],
        maxAge: 60,
        now: NOW / 1000,
      },
      resolveVerifier: () => webcrypto.verifier(key),
    };
    await expect(verifyUnmodified(message, options)).resolves.toMatchObject({ label: 'signet', algorithm: 'ed25519' });
    await expect(verifyUnmodified({ ...message, method: 'PUT' }, options)).rejects.toMatchObject({ code: 'VerificationFailed' });
  });

  it('verifies without the private half, and says what is covered', () => {
    const headers = { host: request.host, ...sign(request, ED25519, { now }) } as Record<string, string>;
    expect(verifySignature({ ...request, headers }, { keys: [{ ...publicHalf, id: 'the-key' }], now })).toEqual({
      ok: true,
      keyId: 'the-key',
      bodySigned: true,
      signedHeaders: ['@method', '@authority', '@path', '@query', 'content-digest'],
    });
    expect(() => sign(request, publicHalf, { now })).toThrow('private half');
  });

  it('has a nonce, so that two equal requests in one second are two', () => {
    const inputs = [1, 2].map(() => sign(request, HMAC, { now })['signature-input']);
    expect(inputs[0]).not.toBe(inputs[1]);
  });
});
