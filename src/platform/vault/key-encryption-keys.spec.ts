import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readConfig } from '../config/config.js';
import { generateLine, LOCAL_KEK_FILE, readKeyring } from './key-encryption-keys.js';

const bytes = () => randomBytes(32).toString('base64');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signet-kek-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const ring = (env: Record<string, string> = {}) => readKeyring(readConfig({ SIGNET_DATA_DIR: folder, ...env }));
const file = (text: string, mode = 0o600) => {
  const path = join(folder, 'ring');
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};

describe('the keyring of key-encryption keys', () => {
  it('is created once in the local mode, readable by its owner only', () => {
    const first = ring();
    const path = join(folder, LOCAL_KEK_FILE);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const text = readFileSync(path, 'utf8');
    expect(ring().primary).toBe(first.primary);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('is never created in production', () => {
    expect(() => ring({ SIGNET_MODE: 'production' })).toThrow('In production none is created automatically');
  });

  it('has its primary key in the first line, and decrypts with all keys', () => {
    const { primary, keys } = ring({ SIGNET_KEK_FILE: file(`# newest first\nb:${bytes()}\n\na:${bytes()}\n`) });
    expect(primary).toBe('b');
    expect([...keys.keys()]).toEqual(['b', 'a']);
  });

  it('is also read from a systemd credential or from the environment', () => {
    writeFileSync(join(folder, 'signet-kek'), generateLine());
    expect(ring({ CREDENTIALS_DIRECTORY: folder }).keys.size).toBe(1);
    expect(ring({ SIGNET_KEK: `e:${bytes()}` }).primary).toBe('e');
  });

  it('is removed from the environment after it has been read', () => {
    const env = { SIGNET_DATA_DIR: folder, SIGNET_KEK: `e:${bytes()}` };
    readConfig(env);
    expect(env).not.toHaveProperty('SIGNET_KEK');
  });

  it.each([
    ['a key of another length', `a:${randomBytes(16).toString('base64')}`, 'line 1: expected id:base64 of 32 bytes'],
    ['a line without an id', bytes(), 'line 1: expected'],
    ['an id that is used twice', `a:${bytes()}\na:${bytes()}`, 'line 2: the id a is used twice'],
    ['bytes that are not random', `a:${Buffer.alloc(32).toString('base64')}`, 'line 1: the key a is not random'],
    ['nothing', '# empty', 'contains no key-encryption key'],
  ])('is refused with %s', (_, text, words) => {
    expect(() => ring({ SIGNET_KEK_FILE: file(text) })).toThrow(words);
  });

  it.each([0o644, 0o660, 0o604, 0o700])('is refused when its file has mode %o', (mode) => {
    expect(() => ring({ SIGNET_KEK_FILE: file(generateLine(), mode) })).toThrow('set mode 600');
  });

  it('contains no key in its error messages', () => {
    const key = bytes();
    expect(() => ring({ SIGNET_KEK_FILE: file(`a:${key}\na:${key}`) })).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining(key) }),
    );
  });
});
