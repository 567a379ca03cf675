import { hash } from '@node-rs/argon2';
import { describe, expect, it } from '@jest/globals';
import type { ApiFault } from '../../platform/common/api-error.js';
import { generatePassword, isUsableHash, Passwords } from './passwords.js';

describe('Passwords', () => {
  it('hashes with Argon2id, 19 MiB, two passes, one lane and a new salt for each hash', async () => {
    const passwords = new Passwords();
    const [one, two] = await Promise.all([passwords.hash('secret'), passwords.hash('secret')]);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(one).not.toBe(two);
    expect(await passwords.verify(one, 'secret')).toBe(true);
    expect(await passwords.verify(one, 'Secret')).toBe(false);
    expect(await passwords.verifyNobody('secret')).toBe(false);
  });

  it('refuses logins when the queue is full, which limits memory, serves all others, and recovers', async () => {
    const passwords = new Passwords();
    const cheap = await hash('secret', { memoryCost: 8, timeCost: 1, parallelism: 1 });
    const results = await Promise.allSettled(Array.from({ length: 600 }, () => passwords.verify(cheap, 'secret')));
    const refused = results.filter((result) => result.status === 'rejected').map(({ reason }) => (reason as ApiFault).kind);
    expect(refused).toEqual(Array(600 - 512 - 3).fill('unavailable'));
    expect(await passwords.verify(cheap, 'secret')).toBe(true);
  });

  it('generates 24 url-safe characters', () => {
    expect(generatePassword()).toMatch(/^[\w-]{24}$/);
    expect(generatePassword()).not.toBe(generatePassword());
  });

  it('accepts external hashes only if they are Argon2id with a bounded cost', async () => {
    const made = (memoryCost: number, timeCost = 2) =>
      `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=1$c29tZXNhbHRzb21lc2FsdA$${'A'.repeat(43)}`;
    expect(isUsableHash(await new Passwords().hash('x'))).toBe(true);
    expect(isUsableHash(made(65_536))).toBe(true);
    for (const hash of [
      made(8),
      made(4_000_000),
      made(19_456, 1000),
      made(19_456).replace('argon2id', 'argon2i'),
      '$2b$10$abc',
      '$argon2id$',
      '',
      'x',
    ]) {
      expect([hash, isUsableHash(hash)]).toEqual([hash, false]);
    }
  });
});
