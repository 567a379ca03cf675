import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseAuthorization } from '#signing/parsed-authorization.js';
import type { ReceivedRequest } from '#signing/received.js';
import { DERIVED_HMAC } from '#signing/derived.js';
import { verifySignature } from '#signing/verify.js';
import { signRaw } from '../support/raw-signer.js';

const AT = Date.UTC(2026, 0, 1);
const PAIR = { access: 'AAAAAAAAAAAAAAAAAAAA', secret: 'SecretSecretSecretSecretSecretSecret0000' };
const key = DERIVED_HMAC.load({ signKey: PAIR.access, signSecret: PAIR.secret });
const claimOf = (request: ReceivedRequest) => parseAuthorization(request, 'authorization', () => DERIVED_HMAC);
const verifies = (request: ReceivedRequest) => {
  const claim = claimOf(request);
  const signed = claim.ok && claim.signedContent(request);
  return signed !== false && claim.ok && signed.ok && key.verify(signed.stringToSign, claim.signature) && signed.bodyMatches();
};

const segment = fc.string({ unit: 'binary', maxLength: 8 }).map((text) => encodeURIComponent(text.toWellFormed()));
const request = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
  path: fc.array(segment, { maxLength: 4 }).map((parts) => `/${parts.filter((part) => part !== '').join('/')}`),
  // The older form does not define the order of two spellings of one name.
  query: fc.uniqueArray(fc.tuple(segment, segment), { selector: ([name]) => name.toLowerCase(), maxLength: 4 }),
  agent: fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/),
  body: fc.option(fc.string({ minLength: 1, maxLength: 40 }), { nil: undefined }),
});

const signed = ({ method, path, query, agent, body }: typeof request extends fc.Arbitrary<infer T> ? T : never) => {
  const text = query.filter(([name]) => name !== '').map((pair) => pair.join('='));
  const target = path + (text.length > 0 ? `?${text.join('&')}` : '');
  const headers = signRaw(
    'Credential',
    PAIR,
    { method, target, headers: { 'User-Agent': agent, host: 'a.b:1' }, ...(body !== undefined && { body }) },
    AT,
  );
  return { method, url: target, headers: headers as Record<string, string>, body: body ?? null };
};

describe('the older form with a derived key', () => {
  it('verifies requests of a signer that was written from the documents alone', () => {
    fc.assert(
      fc.property(request, (parts) => verifies(signed(parts))),
      { numRuns: 500 },
    );
  });

  it('sorts names by code points, also beyond U+FFFF', () => {
    const query: [string, string][] = [
      ['%EE%80%80', ''],
      ['%F0%90%80%80', ''],
    ];
    for (const method of ['GET', 'POST'] as const)
      expect(verifies(signed({ method, path: '/', query, agent: '!', body: undefined }))).toBe(true);
  });

  it('is refused with one more character in the body, the path, the query or a header', () => {
    fc.assert(
      fc.property(request, fc.constantFrom('body', 'path', 'query', 'header'), (parts, where) => {
        const genuine = signed(parts);
        const url =
          where === 'path'
            ? genuine.url.replace(/(\?|$)/, 'x$1')
            : where === 'query'
              ? `${genuine.url}${genuine.url.includes('?') ? '&' : '?'}x=1`
              : genuine.url;
        const headers = where === 'header' ? { ...genuine.headers, 'User-Agent': `${parts.agent}x` } : genuine.headers;
        return !verifies({ ...genuine, url, headers, body: where === 'body' ? `${genuine.body ?? ''}x` : genuine.body });
      }),
      { numRuns: 500 },
    );
  });

  it('is parsed from any header without an exception', () => {
    const parts = fc.constantFrom(
      'Credential=',
      'a/',
      '20260101/',
      '/',
      '//sdk_request',
      ', ',
      'SignedHeaders=',
      'x-sdk-date',
      ';',
      'Signature=',
      '0f',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(parts, fc.string({ unit: 'binary', maxLength: 6 })), { maxLength: 16 }), fc.string(), (text, date) => {
        const headers = { authorization: `SDK-HMAC-SHA256 ${text.join('')}`, 'x-sdk-date': date };
        return verifies({ method: 'GET', url: '/', headers, body: null }) === false;
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['a/20260101///sdk_request', 'a/20260101/eu-de/apig/sdk_request'])('accepts any region and service: %s', (credential) => {
    const headers = {
      authorization: `SDK-HMAC-SHA256 Credential=${credential}, SignedHeaders=x-sdk-date, Signature=00`,
      'x-sdk-date': '20260101T000000Z',
    };
    expect(claimOf({ method: 'GET', url: '/', headers, body: null })).toMatchObject({ ok: true, accessId: 'a' });
  });

  it.each([
    'a/20260101//sdk_request',
    'a/20260101////sdk_request',
    'a/2026010///sdk_request',
    'a/20260101///aws4_request',
    '/20260101///sdk_request',
    'a/20260102///sdk_request',
  ])('is refused with another scope, or a day that differs from the date: %s', (credential) => {
    const headers = {
      authorization: `SDK-HMAC-SHA256 Credential=${credential}, SignedHeaders=x-sdk-date, Signature=00`,
      'x-sdk-date': '20260101T000000Z',
    };
    expect(claimOf({ method: 'GET', url: '/', headers, body: null })).toMatchObject({ ok: false, code: 'malformed' });
  });

  it('is not accepted by a backend, because gateways never use it', () => {
    const genuine = signed({ method: 'GET', path: '/', query: [], agent: 'a', body: undefined });
    const keys = [{ signType: 'hmac', signKey: PAIR.access, signSecret: PAIR.secret }] as const;
    expect(verifySignature(genuine, { keys: [...keys], now: () => AT })).toMatchObject({ ok: false, code: 'malformed' });
  });
});
