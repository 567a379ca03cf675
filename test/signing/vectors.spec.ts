import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { type KeyMaterial, sign, signWebhook, verifySignature, verifyWebhook, type WebhookDialect } from 'signet-signing';
import { generate, type VectorFile } from '../vectors/generate.js';

const read = <T>(name: string) => JSON.parse(readFileSync(`test/vectors/${name}`, 'utf8')) as T;

describe('requests signed by the SDK of Huawei Cloud', () => {
  const file = read<VectorFile>('sdk-hmac-sha256.json');
  const verify = ({ method, url, headers, body, key, secret, authorization }: VectorFile['vectors'][number]) =>
    verifySignature(
      { method, url, headers: { ...headers, authorization }, body },
      {
        keys: [{ signType: 'hmac', signKey: key, signSecret: secret }],
        allowUnsignedPayload: true,
        now: () => dateOf(headers['x-sdk-date']),
      },
    );

  it('equal what the SDK signs today', () => {
    expect(generate()).toEqual(file);
    expect(file.vectors.length).toBeGreaterThanOrEqual(500);
  });

  it('all verify', () => {
    expect(file.vectors.filter((vector) => !verify(vector).ok)).toEqual([]);
  });

  it('are refused if one character of their signature is changed', () => {
    const forged = file.vectors.map((vector) => ({
      ...vector,
      authorization: vector.authorization.replace(/.$/, (c) => (c === '0' ? '1' : '0')),
    }));
    expect(forged.filter((vector) => verify(vector).ok)).toEqual([]);
  });

  it.each([
    ['CJK', /%e4%b8%ad/i],
    ['emoji', /%f0%9f/i],
    ['+', /\?.*\+/],
    ['%', /%25/],
    ['*', /\*/],
    ['an empty value', /=(&|$)/],
    ['a name without =', /[?&][^=&]+(&|$)/],
    ['a repeated name', /[?&](\w+)=.*&\1=/],
    ['//', /\/\//],
    ['/./', /\/\.\//],
    ['%2F', /\/[^?]*%2f/i],
  ])('have %s among them', (_, pattern) => {
    expect(file.vectors.filter(({ url }) => pattern.test(url)).length).toBeGreaterThan(4);
  });
});

type SchemeVector = KeyMaterial & { method: string; url: string; host: string; body: string; headers: Record<string, string> };

describe.each(read<{ vectors: SchemeVector[] }>('schemes.json').vectors)(
  '$signType $signAlgorithm $method',
  ({ method, url, host, body, headers, ...key }) => {
    const now = () => Date.UTC(2026, 0, 1);
    it('verifies', () => {
      expect(verifySignature({ method, url, body, headers: { host, ...headers } }, { keys: [key], now })).toMatchObject({ ok: true });
    });

    it('equals the result of sign(), unless signatures have a salt', () => {
      const again = sign({ method, url, host, body }, key, { now });
      const unsalted = (text = '') => (key.signType === 'public_key' ? text.replace(/Signature=\w+/, '') : text);
      expect({ ...again, authorization: unsalted(again.authorization) }).toEqual({
        ...headers,
        authorization: unsalted(headers['authorization']),
      });
    });
  },
);

interface WebhookVector {
  source: string;
  dialect: WebhookDialect;
  id: string;
  timestamp: number;
  body: string;
  secrets: string[];
  verifySecrets: string[];
  headers: Record<string, string>;
}

describe.each(read<{ vectors: WebhookVector[] }>('webhooks.json').vectors)(
  'webhook $dialect of $secrets.length keys ($source)',
  ({ dialect, secrets, verifySecrets, headers, ...message }) => {
    it('equals the result of signing it again', () => {
      expect(signWebhook(message, dialect, secrets)).toEqual(headers);
    });

    it.each(verifySecrets)('verifies for a receiver with one of its secrets', (secret) => {
      const options = { dialect, secrets: [secret], now: () => message.timestamp * 1000 };
      expect(verifyWebhook({ headers, body: message.body }, options)).toMatchObject({ ok: true, timestamp: message.timestamp });
    });
  },
);

const dateOf = (date = '') => Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
