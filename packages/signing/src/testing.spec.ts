import { expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SIGN_TYPES, traitsOf } from './algorithms.js';
import { expressVerifier } from './express.js';
import { signatureOf } from './raw-body.js';
import { TEST_KEY_ID, TestSigner } from './testing.js';
import { verifySignature } from './verify.js';

const ORDER = { method: 'POST', url: '/v1/orders?b=2&a=1', body: '{"n":1}' };

it('a request of a test signer is accepted with its key and with no other', () => {
  const signer = new TestSigner();
  const received = { ...ORDER, headers: signer.headers(ORDER) };
  expect(verifySignature(received, { keys: [signer.key] })).toMatchObject({ ok: true, keyId: TEST_KEY_ID, bodySigned: true });
  expect(verifySignature(received, { keys: [new TestSigner().key] })).toMatchObject({ code: 'unknown_key' });
  expect(verifySignature({ ...received, body: '{}' }, { keys: [signer.key] })).toMatchObject({ code: 'signature_mismatch' });
});

it('a test signer signs for another time and host, so that refusals can be tested', () => {
  const signer = new TestSigner();
  const late = { ...ORDER, headers: signer.headers({ ...ORDER, host: 'backend' }, { now: () => Date.now() - 901_000 }) };
  expect(late.headers['host']).toBe('backend');
  expect(verifySignature(late, { keys: [signer.key] })).toMatchObject({ code: 'skew' });
});

const KINDS = SIGN_TYPES.flatMap((type) => {
  const { algorithms } = traitsOf(type);
  return (algorithms.length === 0 ? [null] : algorithms).map((algorithm) => ({ type, algorithm }));
});

it.each(KINDS)('a test signer has a key of the type $type ($algorithm)', async ({ type, algorithm }) => {
  const signer = await TestSigner.of(type, algorithm);
  expect(verifySignature({ ...ORDER, headers: signer.headers(ORDER) }, { keys: [signer.key] })).toMatchObject({
    ok: true,
    keyId: TEST_KEY_ID,
  });
});

it('fetches with a signed request', async () => {
  const signer = new TestSigner();
  const verify = expressVerifier({ keys: [signer.key] });
  const server = createServer((request, response) => verify(request, response, () => response.end(signatureOf(request)?.keyId)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const posted = await signer.fetch(`${base}/v1/a%2Fb?b=2&a=1`, {
      method: 'POST',
      body: ORDER.body,
      headers: { 'content-type': 'text/plain' },
    });
    expect(await posted.text()).toBe(TEST_KEY_ID);
    expect(await (await signer.fetch(base)).text()).toBe(TEST_KEY_ID);
    expect((await fetch(base)).status).toBe(401);
  } finally {
    server.close();
  }
});
