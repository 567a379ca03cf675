import { expect, it } from '@jest/globals';
import { sha256 } from './body.js';
import { explain } from './explain.js';
import { sign } from './sign.js';

const KEY = { signType: 'hmac', signKey: 'access-key', signSecret: 'Secret-0123456789' } as const;
const REQUEST = { method: 'POST', url: '/v1/orders?a=1', host: 'backend', body: 'x' };
const sent = { ...REQUEST, headers: { host: REQUEST.host, ...(sign(REQUEST, KEY) as object) } as Record<string, string> };

it.each([
  ['method', { method: 'PUT' }, 'PUT', 'POST', 1],
  ['uri', { url: '/v1/order?a=1' }, '/v1/order/', '/v1/orders/', 9],
  ['query', { url: '/v1/orders?a=2' }, 'a=2', 'a=1', 2],
  ['header host', { headers: { ...sent.headers, host: 'proxy' } }, 'host:proxy', 'host:backend', 5],
  ['payload', { body: 'y' }, sha256('y'), sha256('x'), 0],
])('explain names the first part that differs: %s', (part, change, received, signed, column) => {
  const explanation = explain({ ...sent, ...change }, sent);
  expect(explanation).toMatchObject({ ok: true, firstDifference: { part, received, signed, column } });
});

it("explain compares with the canonical request in the signer's log", () => {
  const same = explain(sent, sent);
  if (!same.ok) throw new Error(same.hint);
  const logged = same.signed.canonicalRequest;
  expect(same.firstDifference).toBeUndefined();
  expect(explain(sent, logged)).toMatchObject({ firstDifference: undefined });
  expect(explain(sent, logged.replace(/\w+$/, 'other'))).toMatchObject({ firstDifference: { part: 'payload', signed: 'other' } });
  expect(explain(sent, logged.slice(0, -70))).toMatchObject({ firstDifference: { part: 'signedHeaders' } });
  expect(JSON.stringify(same)).not.toContain(KEY.signSecret);
});

it('explain gives the reason why a request has no canonical form', () => {
  expect(explain({ ...sent, headers: {} }, sent)).toMatchObject({ ok: false, code: 'no_authorization' });
});
