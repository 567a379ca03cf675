import { expect, it } from '@jest/globals';
import { createHmac } from 'node:crypto';
import { UNSIGNED_PAYLOAD } from './canonical-request.js';
import { sign } from './sign.js';

const KEY = { signType: 'hmac', signKey: 'access-key', signSecret: 'Secret-0123456789' } as const;
const now = () => Date.UTC(2026, 11, 31, 23, 59, 59, 999);

it('signs host, body hash and date, exactly as the contract spells it', () => {
  const payload = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  const canonical = `GET\n/a/\n\nhost:h:1\nx-sdk-content-sha256:${payload}\nx-sdk-date:20261231T235959Z\n\nhost;x-sdk-content-sha256;x-sdk-date\n${payload}`;
  const { hash } = process.getBuiltinModule('node:crypto');
  const toSign = `SDK-HMAC-SHA256\n20261231T235959Z\n${hash('sha256', canonical)}`;
  const signature = createHmac('sha256', KEY.signSecret).update(toSign).digest('hex');
  expect(sign({ method: 'GET', url: '/a', host: 'h:1' }, KEY, { now })).toEqual({
    authorization: `SDK-HMAC-SHA256 Access=access-key, SignedHeaders=host;x-sdk-content-sha256;x-sdk-date, Signature=${signature}`,
    'x-sdk-date': '20261231T235959Z',
    'x-sdk-content-sha256': payload,
  });
});

it('signs without the body where the caller cannot have it', () => {
  expect(sign({ method: 'POST', url: '/', host: 'h', bodySha256: UNSIGNED_PAYLOAD }, KEY)['x-sdk-content-sha256']).toBe(UNSIGNED_PAYLOAD);
});

it.each([
  ['host', { host: 'h\nx-sdk-date:20300101T000000Z' }],
  ['method', { method: 'GET\n/other/' }],
  ['bodySha256', { bodySha256: 'x\ny' }],
  ['host', { host: '' }],
])('refuses a %s that would start another line', (_, part) => {
  expect(() => sign({ method: 'GET', url: '/', host: 'h', ...part }, KEY)).toThrow(TypeError);
});

it('takes the time from the system only where no clock is given', () => {
  const before = Math.floor(Date.now() / 1000);
  const date = sign({ method: 'GET', url: '/', host: 'h' }, KEY)['x-sdk-date'] ?? '';
  const signedAt = Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z')) / 1000;
  expect(signedAt).toBeGreaterThanOrEqual(before);
  expect(signedAt).toBeLessThanOrEqual(Date.now() / 1000);
});
