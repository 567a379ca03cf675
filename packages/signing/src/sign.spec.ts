import { expect, it } from '@jest/globals';
import { createHmac } from 'node:crypto';
import { UNSIGNED_PAYLOAD } from './canonical-request.js';
import { sign } from './sign.js';
import { verifySignature } from './verify.js';

const KEY = { signType: 'hmac', signKey: 'access-key', signSecret: 'Secret-0123456789' } as const;
const now = () => Date.UTC(2026, 11, 31, 23, 59, 59, 999);

it('sign covers host, date and, in the payload line, the body, exactly as in the contract', () => {
  const payload = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  const canonical = `GET\n/a/\n\nhost:h:1\nx-sdk-date:20261231T235959Z\n\nhost;x-sdk-date\n${payload}`;
  const { hash } = process.getBuiltinModule('node:crypto');
  const toSign = `SDK-HMAC-SHA256\n20261231T235959Z\n${hash('sha256', canonical)}`;
  const signature = createHmac('sha256', KEY.signSecret).update(toSign).digest('hex');
  expect(sign({ method: 'GET', url: '/a', host: 'h:1' }, KEY, { now })).toEqual({
    authorization: `SDK-HMAC-SHA256 Access=access-key, SignedHeaders=host;x-sdk-date, Signature=${signature}`,
    'x-sdk-date': '20261231T235959Z',
  });
});

it('sign leaves the body unsigned if the caller does not have it, and only then sets X-Sdk-Content-Sha256', () => {
  const unsigned = sign({ method: 'POST', url: '/', host: 'h', bodySha256: UNSIGNED_PAYLOAD }, KEY);
  expect(unsigned['x-sdk-content-sha256']).toBe(UNSIGNED_PAYLOAD);
  expect(unsigned.authorization).toContain('SignedHeaders=host;x-sdk-content-sha256;x-sdk-date,');
  expect(sign({ method: 'POST', url: '/', host: 'h', body: 'x' }, KEY)).not.toHaveProperty('x-sdk-content-sha256');
});

it('covers further headers, in the order of their names', () => {
  const signedHeaders = { 'X-Security-Token': 'token', 'X-Project-Id': 'p' };
  const signed = sign({ method: 'GET', url: '/', host: 'h', signedHeaders }, KEY, { now });
  expect(signed.authorization).toContain('SignedHeaders=host;x-project-id;x-sdk-date;x-security-token,');
  const headers = { host: 'h', ...signed, 'x-project-id': 'p', 'x-security-token': 'token' };
  const verdict = (changed: object) =>
    verifySignature({ method: 'GET', url: '/', headers: { ...headers, ...changed }, body: null }, { keys: [KEY], now });
  expect(verdict({})).toMatchObject({ ok: true });
  expect(verdict({ 'x-project-id': 'q' })).toMatchObject({ ok: false, code: 'signature_mismatch' });
});

it.each([
  ['host', { host: 'h\nx-sdk-date:20300101T000000Z' }],
  ['method', { method: 'GET\n/other/' }],
  ['bodySha256', { bodySha256: 'x\ny' }],
  ['host', { host: '' }],
  ['target', { url: '/a#b' }],
  ['target', { url: '/a b' }],
  ['target', { url: '/a\tb' }],
  ['target', { url: '/\x7f' }],
  ['header', { signedHeaders: { 'x-a': 'b\nx-c:d' } }],
  ['header', { signedHeaders: { 'x-a:': 'b' } }],
  ['header', { signedHeaders: { 'x-a': 'b', 'X-A': 'c' } }],
])('sign refuses a %s that would begin another line, or that another parser would read differently', (_, part) => {
  expect(() => sign({ method: 'GET', url: '/', host: 'h', ...part }, KEY)).toThrow(TypeError);
});

it('sign uses the system time only if no clock is given', () => {
  const before = Math.floor(Date.now() / 1000);
  const date = sign({ method: 'GET', url: '/', host: 'h' }, KEY)['x-sdk-date'] ?? '';
  const signedAt = Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z')) / 1000;
  expect(signedAt).toBeGreaterThanOrEqual(before);
  expect(signedAt).toBeLessThanOrEqual(Date.now() / 1000);
});
