import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { UnusableKeyError } from './errors.js';
import { signWebhook, verifyWebhook, type WebhookDialect, type WebhookVerifyOptions } from './webhook.js';

const SECRETS = ['whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY', 'whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4'];
const MESSAGE = { id: 'msg_1', timestamp: 1_767_225_600, body: '{"a":1}' };
const now = () => MESSAGE.timestamp * 1000;

const verify = (dialect: WebhookDialect, headers: Record<string, string>, options: Partial<WebhookVerifyOptions> = {}) =>
  verifyWebhook({ headers, body: MESSAGE.body }, { dialect, secrets: SECRETS.slice(0, 1), now, ...options });

describe.each<[WebhookDialect, string]>([
  ['x-webhook', 'x-webhook'],
  ['standard', 'webhook'],
])('%s', (dialect, header) => {
  const headers = signWebhook(MESSAGE, dialect, SECRETS);

  it('accepts a delivery for a receiver with either of two keys', () => {
    for (const secret of SECRETS) expect(verify(dialect, headers, { secrets: [secret] })).toMatchObject({ ok: true });
    expect(verify(dialect, headers, { secrets: ['whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz'] })).toMatchObject({ code: 'signature_mismatch' });
  });

  it('refuses a changed body, timestamp or signature as a mismatch', () => {
    expect(verifyWebhook({ headers, body: `${MESSAGE.body} ` }, { dialect, secrets: SECRETS, now })).toMatchObject({
      code: 'signature_mismatch',
    });
    expect(verify(dialect, { ...headers, [`${header}-timestamp`]: String(MESSAGE.timestamp + 1) })).toMatchObject({
      code: 'signature_mismatch',
    });
    expect(verify(dialect, { ...headers, [`${header}-signature`]: 'v1,AAAA' })).toMatchObject({ code: 'signature_mismatch' });
  });

  it.each([
    [-300, true],
    [300, true],
    [-301, false],
    [301, false],
  ])('accepts a timestamp that is %d s away from now: %s', (away, inTime) => {
    const verdict = verify(dialect, headers, { now: () => (MESSAGE.timestamp + away) * 1000 });
    expect(verdict).toMatchObject(inTime ? { ok: true } : { code: 'skew' });
  });

  it('reports what is missing', () => {
    expect(verify(dialect, {})).toMatchObject({ code: 'no_signature' });
    expect(verify(dialect, { ...headers, [`${header}-timestamp`]: '1e9' })).toMatchObject({ code: 'malformed' });
    expect(verifyWebhook({ headers, body: { a: 1 } as never }, { dialect, secrets: SECRETS, now })).toMatchObject({ code: 'malformed' });
  });

  it('does not read the headers of the other dialect', () => {
    const other = dialect === 'standard' ? 'x-webhook' : 'standard';
    expect(verify(other, headers)).toMatchObject({ code: 'no_signature' });
  });

  it('refuses an empty secret', () => {
    expect(() => signWebhook(MESSAGE, dialect, [''])).toThrow(UnusableKeyError);
    expect(() => signWebhook(MESSAGE, dialect, [])).toThrow(UnusableKeyError);
    expect(() => verify(dialect, headers, { secrets: [''] })).toThrow(UnusableKeyError);
  });

  it('never throws for any delivery', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('1767225600', 'v1,', 'v1a,AA', 'sha256=', ' , , '),
      fc.anything(),
    );
    const names = ['id', 'timestamp', 'signature'].map((part) => `${header}-${part}`);
    fc.assert(
      fc.property(fc.oneof(fc.dictionary(fc.constantFrom(...names), value), fc.anything()), fc.anything(), (any, body) => {
        expect(verifyWebhook({ headers: any as never, body: body as never }, { dialect, secrets: SECRETS, now }).ok).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('what a signature covers', () => {
  it('standard covers the id, and x-webhook neither covers nor reports it', () => {
    const standard = signWebhook(MESSAGE, 'standard', SECRETS);
    expect(verify('standard', standard)).toMatchObject({ ok: true, id: 'msg_1' });
    expect(verify('standard', { ...standard, 'webhook-id': 'msg_2' })).toMatchObject({ code: 'signature_mismatch' });
    const other = signWebhook(MESSAGE, 'x-webhook', SECRETS);
    expect(verify('x-webhook', { ...other, 'x-webhook-id': 'msg_2' })).toEqual({ ok: true, timestamp: MESSAGE.timestamp });
  });

  it('an id with a full stop is refused, because it would shift the border to the timestamp', () => {
    expect(() => signWebhook({ ...MESSAGE, id: 'a.1' }, 'standard', SECRETS)).toThrow(TypeError);
    const headers = { ...signWebhook(MESSAGE, 'standard', SECRETS), 'webhook-id': 'a.1' };
    expect(verify('standard', headers)).toMatchObject({ code: 'malformed' });
  });
});

describe('v1a', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const seed = privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(-32);
  const open = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
  const whpk = `whpk_${open.toString('base64')}`;

  it.each([
    ['a seed', seed],
    ['a seed and its public key', Buffer.concat([seed, open])],
  ])('signs with %s and verifies with the public key', (_, bytes) => {
    const headers = signWebhook(MESSAGE, 'standard', [`whsk_${bytes.toString('base64')}`]);
    expect(headers['webhook-signature']).toMatch(/^v1a,[A-Za-z0-9+/]{86}==$/);
    expect(verify('standard', headers, { secrets: [whpk] })).toMatchObject({ ok: true });
    expect(verify('standard', headers, { secrets: SECRETS })).toMatchObject({ code: 'signature_mismatch' });
  });

  it('cannot sign with a public key, and refuses a key of another length', () => {
    expect(() => signWebhook(MESSAGE, 'standard', [whpk])).toThrow(UnusableKeyError);
    expect(() => signWebhook(MESSAGE, 'standard', ['whsk_AAAA'])).toThrow(UnusableKeyError);
    expect(() =>
      verify('standard', { 'webhook-signature': 'x', 'webhook-id': 'i', 'webhook-timestamp': '1767225600' }, { secrets: ['whpk_AAAA'] }),
    ).toThrow(UnusableKeyError);
  });
});

describe('a hexadecimal signature with characters outside ASCII', () => {
  const headers = signWebhook(MESSAGE, 'x-webhook', SECRETS.slice(0, 1));
  const told = (signature: string) => verify('x-webhook', { ...headers, 'x-webhook-signature': signature });

  it.each([61, 62, 63, 64])('is a mismatch for a letter whose lower case has two characters, with %d zeros', (zeros) => {
    const bytes = Buffer.from(`sha256=\u0130${'0'.repeat(zeros)}`).toString('latin1');
    for (const signature of [bytes, `sha256=\u0130${'0'.repeat(zeros)}`])
      expect(told(signature)).toMatchObject({ code: 'signature_mismatch' });
  });

  it('is a mismatch for characters whose low byte is the digit', () => {
    const right = headers['x-webhook-signature']!;
    const wide = right.slice(7).replace(/./g, (digit) => String.fromCharCode(0x100 + digit.charCodeAt(0)));
    expect(told(right)).toMatchObject({ ok: true });
    expect(told(`sha256=${wide}`)).toMatchObject({ code: 'signature_mismatch' });
  });
});
