import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { keyRules, type SignAlgorithm, type SignType } from './algorithms.js';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';
const ALNUM = LETTERS + DIGITS;

interface Half {
  min: number;
  max: number;
  first: string;
  rest: string;
}

/** The table of the contract (docs/contracts/apig.md §1.3), written independently of the source and without regular expressions. */
const TABLE: [type: SignType, algorithm: SignAlgorithm | null, key: Half, secret: Half][] = [
  ['hmac', null, { min: 8, max: 32, first: ALNUM, rest: `${ALNUM}_-` }, { min: 16, max: 64, first: ALNUM, rest: `${ALNUM}_-!@#$%` }],
  ['basic', null, { min: 4, max: 32, first: LETTERS, rest: `${ALNUM}_-` }, { min: 8, max: 64, first: ALNUM, rest: `${ALNUM}_-!@#$%` }],
  [
    'public_key',
    null,
    { min: 8, max: 512, first: `${ALNUM}+/`, rest: `${ALNUM}_-+/=` },
    { min: 16, max: 2048, first: `${ALNUM}+/`, rest: `${ALNUM}_-!@#$%+/=` },
  ],
  [
    'aes',
    'aes-128-cfb',
    { min: 16, max: 16, first: `${ALNUM}+/`, rest: `${ALNUM}_-!@#$%+/=` },
    { min: 16, max: 16, first: `${ALNUM}+/`, rest: `${ALNUM}_-!@#$%+/=` },
  ],
  [
    'aes',
    'aes-256-cfb',
    { min: 32, max: 32, first: `${ALNUM}+/`, rest: `${ALNUM}_-!@#$%+/=` },
    { min: 16, max: 16, first: `${ALNUM}+/`, rest: `${ALNUM}_-!@#$%+/=` },
  ],
];

const legal = ({ min, max, first, rest }: Half) =>
  fc
    .tuple(fc.constantFrom(...first), fc.string({ unit: fc.constantFrom(...rest), minLength: min - 1, maxLength: max - 1 }))
    .map((parts) => parts.join(''));

const allows = ({ min, max, first, rest }: Half, text: string) =>
  text.length >= min && text.length <= max && first.includes(text[0] ?? '?') && [...text.slice(1)].every((c) => rest.includes(c));

/** Texts close to the rule, with permitted and forbidden characters, and with lengths around both limits. */
const near = ({ min, max, rest }: Half) =>
  fc.string({
    unit: fc.oneof(
      { weight: 30, arbitrary: fc.constantFrom(...rest) },
      fc.constantFrom(' ', '\n', 'é', '密', '.', '*', "'", '\u0000', '_', '-', '+'),
    ),
    minLength: Math.max(0, min - 2),
    maxLength: max + 2,
  });

describe.each(TABLE)('%s %s', (type, algorithm, key, secret) => {
  const rules = keyRules(type, algorithm, { basicKeyLeadingDigit: false });

  it.each([
    ['sign_key', key, rules.key],
    ['sign_secret', secret, rules.secret],
  ])('accepts every valid %s and nothing else', (_, half, rule) => {
    fc.assert(
      fc.property(legal(half), (text) => rule.test(text)),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(near(half), (text) => rule.test(text) === allows(half, text)),
      { numRuns: 2000 },
    );
    expect(rule.test(half.first[0]! + half.rest[0]!.repeat(half.max))).toBe(false);
    expect(rule.test(`${half.first[0]!}${half.rest[0]!.repeat(half.max - 1)}\n`)).toBe(false);
  });

  it('generates new valid halves each time, and keeps a given half', async () => {
    const runs = type === 'public_key' ? 2 : 200;
    const seen = new Set<string>();
    for (let i = 0; i < runs; i++) {
      const made = await rules.generate({});
      expect(made.key).toMatch(rules.key);
      expect(made.secret).toMatch(rules.secret);
      seen.add(made.key).add(made.secret);
    }
    expect(seen.size).toBe(runs * 2);
    const given = await rules.generate({ key: 'given-key-0000000' });
    expect(given.key).toBe('given-key-0000000');
    expect((await rules.generate({ secret: 'given-secret-000' })).secret).toBe('given-secret-000');
  });
});

describe('basic', () => {
  it('accepts a key that starts with a digit in the compatibility mode', () => {
    expect(keyRules('basic', null, { basicKeyLeadingDigit: true }).key.test('1abc')).toBe(true);
    expect(keyRules('basic', null, { basicKeyLeadingDigit: false }).key.test('1abc')).toBe(false);
  });
});

describe('public_key', () => {
  const rules = keyRules('public_key', null, { basicKeyLeadingDigit: false });

  it('generates an RSA pair whose halves match', async () => {
    const { key, secret } = await rules.generate({});
    const privateKey = createPrivateKey({ key: Buffer.from(secret, 'base64'), format: 'der', type: 'pkcs8' });
    const publicKey = createPublicKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'spki' });
    const message = Buffer.from('message');
    expect(verify('sha256', message, publicKey, sign('sha256', message, privateKey))).toBe(true);
  });

  it('derives the public half if only a private key is given', async () => {
    const { key, secret } = await rules.generate({});
    expect(await rules.generate({ secret })).toEqual({ key, secret });
  });
});

describe('aes', () => {
  it('is no valid type without an algorithm', () => {
    expect(() => keyRules('aes', null, { basicKeyLeadingDigit: false })).toThrow(TypeError);
  });
});

describe('http-message-signatures', () => {
  const rules = (algorithm: SignAlgorithm) => keyRules('http-message-signatures', algorithm, { basicKeyLeadingDigit: false });

  it.each(['ed25519', 'hmac-sha256'] as const)(
    '%s: a generated pair follows the rules and can be loaded, for any bytes',
    async (algorithm) => {
      for (let i = 0; i < 50; i++) {
        const made = await rules(algorithm).generate({});
        expect(made.key).toMatch(rules(algorithm).key);
        expect(made.secret).toMatch(rules(algorithm).secret);
        const key = rules(algorithm).scheme.load({ signKey: made.key, signSecret: made.secret });
        expect(key.verify('base', key.sign('base'))).toBe(true);
      }
    },
  );

  it('hmac-sha256: takes base64 of 32 to 64 bytes, canonical, and nothing else', () => {
    const { secret } = rules('hmac-sha256');
    for (let length = 28; length <= 70; length++) {
      const text = Buffer.alloc(length, 0xa7).toString('base64');
      expect([length, secret.test(text)]).toEqual([length, length >= 32 && length <= 64]);
    }
    for (const text of [`${'A'.repeat(42)}B=`, `${'A'.repeat(43)}`, `${'A'.repeat(42)}_=`]) expect(secret.test(text)).toBe(false);
  });

  it('derives the public half from a private one, and returns another one than a given public half without it', async () => {
    const { key, secret } = await rules('ed25519').generate({});
    expect(await rules('ed25519').generate({ secret })).toEqual({ key, secret });
    expect((await rules('ed25519').generate({ key })).key).not.toBe(key);
  });

  it('has no cipher of aes, and aes none of its algorithms', () => {
    expect(() => rules('aes-128-cfb')).toThrow(TypeError);
    expect(() => keyRules('aes', 'ed25519', { basicKeyLeadingDigit: false })).toThrow(TypeError);
  });
});
