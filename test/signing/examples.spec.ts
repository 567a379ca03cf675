import { describe, expect, it } from '@jest/globals';
import { type KeyMaterial, sign, signWebhook } from 'signet-signing';
import { rotatingVerifier } from './examples/rotation.js';
import { receive } from './examples/webhook.js';

describe('the remaining examples of docs/signing.md', () => {
  const live: KeyMaterial = { signType: 'hmac', signKey: 'orders-gateway', signSecret: 'Secret-0123456789' };
  const next: KeyMaterial = { ...live, signSecret: 'Another-0123456789' };
  const arrived = (key: KeyMaterial) => ({
    method: 'GET',
    url: '/',
    body: null,
    headers: { host: 'h', ...sign({ method: 'GET', url: '/', host: 'h' }, key) },
  });

  it('accept both secrets of a rotation, and each request once', async () => {
    const verifier = rotatingVerifier(live, next);
    for (const key of [live, next]) {
      const request = arrived(key);
      // Both secrets have one id and sign the same content, so the second request counts as the same one.
      expect(await verifier.verify(request)).toMatchObject(key === live ? { ok: true } : { code: 'replayed' });
    }
    expect(await rotatingVerifier(live, next).verify(arrived(next))).toMatchObject({ ok: true });
    expect(await rotatingVerifier(live, next).verify(arrived({ ...live, signKey: 'other-gateway' }))).toMatchObject({
      code: 'unknown_key',
    });
  });

  it('accept a current webhook delivery', () => {
    const secret = 'whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY';
    const body = Buffer.from('{"a":1}');
    const headers = signWebhook({ id: 'msg_1', timestamp: Math.floor(Date.now() / 1000), body }, 'standard', [secret]);
    expect(receive({ headers, body }, [secret])).toMatchObject({ ok: true, id: 'msg_1' });
  });
});
