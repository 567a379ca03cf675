import { createSecretKey, type KeyObject, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, linkSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, inDataDir } from '../config/config.js';

/** Key-encryption keys. The primary one wraps; all unwrap. */
export interface Keyring {
  primary: string;
  keys: ReadonlyMap<string, KeyObject>;
}

/** Name of the keyring file that the local mode creates in the data folder. */
export const LOCAL_KEK_FILE = 'kek';
const CREDENTIAL = 'signet-kek';
const KEY_BYTES = 32;
const LINE = /^([A-Za-z0-9._-]{1,64}):([A-Za-z0-9+/]{43}=)$/;

/**
 * Reads the keyring from `SIGNET_KEK_FILE`, the systemd credential `signet-kek`, or `SIGNET_KEK`, in this order. The local mode creates a
 * keyring in the data folder, readable by its owner only. Production refuses to start without one.
 * @param sealed whether the database contains encrypted data: a new key could not decrypt it
 * @throws Error with advice for the operator
 */
export function readKeyring(config: Config, sealed = false): Keyring {
  const ring = configuredKeyring(config);
  if (ring) return ring;
  if (config.mode === 'production') {
    throw new Error(
      'no key-encryption key: set SIGNET_KEK_FILE, or create a file with: signet admin kek generate --out kek. In production none is created automatically.',
    );
  }
  const local = inDataDir(config, LOCAL_KEK_FILE);
  if (!existsSync(local)) {
    if (sealed)
      throw new Error(
        `the database is encrypted with a key-encryption key, but ${local} does not exist: restore this file, or set SIGNET_KEK_FILE. No new key was created.`,
      );
    createOnce(local);
  }
  return parse(readPrivate(local), local);
}

/**
 * Reads the keyring that only unwraps, because another provider wraps. @returns undefined when none is configured; none is created @throws
 * as {@link readKeyring}
 */
export function readUnwrapKeyring(config: Config): Keyring | undefined {
  const local = inDataDir(config, LOCAL_KEK_FILE);
  return configuredKeyring(config) ?? (config.mode === 'local' && existsSync(local) ? parse(readPrivate(local), local) : undefined);
}

function configuredKeyring(config: Config): Keyring | undefined {
  const { file, inline, credentialsDirectory } = config.kek;
  if (file) return parse(named('SIGNET_KEK_FILE', file), file);
  const credential = credentialsDirectory && join(credentialsDirectory, CREDENTIAL);
  if (credential && existsSync(credential)) return parse(readFileSync(credential, 'utf8'), credential);
  return inline && parse(inline.reveal(), 'SIGNET_KEK');
}

/** Creates one line of a keyring file: a name with the current date, and 32 random bytes. */
export function generateLine(): string {
  return `k${new Date().toISOString().slice(0, 10).replaceAll('-', '')}-${randomBytes(3).toString('hex')}:${randomBytes(KEY_BYTES).toString('base64')}\n`;
}

/**
 * Creates the file once. Several processes may start on an empty folder at the same time; linking is atomic, so all of them read the same
 * key.
 */
function createOnce(path: string): void {
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, generateLine(), { mode: 0o600, flag: 'wx', flush: true });
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
}

function named(variable: string, path: string): string {
  try {
    return readPrivate(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(`${variable}: ${code === undefined ? message : `${path} cannot be read (${code})`}`, { cause: error });
  }
}

/**
 * Writes a keyring with one new key to a new file, readable by its owner only. @throws Error when the file exists, because it may be in use
 */
export function generateFile(path: string): void {
  try {
    writeFileSync(path, generateLine(), { mode: 0o600, flag: 'wx', flush: true });
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    throw new Error(
      code === 'EEXIST'
        ? `${path} already exists: choose another name, because a key is never overwritten`
        : `${path} cannot be written (${code})`,
      {
        cause: error,
      },
    );
  }
}

function readPrivate(path: string): string {
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o137) !== 0) throw new Error(`${path} contains key-encryption keys and has mode ${mode.toString(8)}: set mode 600 or 640`);
  return readFileSync(path, 'utf8');
}

function parse(text: string, source: string): Keyring {
  const keys = new Map<string, KeyObject>();
  const lines = text.split('\n').map((line) => line.trim());
  for (const [index, line] of lines.entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const [, id, base64] = LINE.exec(line) ?? [];
    if (!id || !base64) throw new Error(`${source}, line ${index + 1}: expected id:base64 of ${KEY_BYTES} bytes`);
    if (keys.has(id)) throw new Error(`${source}, line ${index + 1}: the id ${id} is used twice`);
    const bytes = Buffer.from(base64, 'base64');
    if (new Set(bytes).size < 8) throw new Error(`${source}, line ${index + 1}: the key ${id} is not random`);
    keys.set(id, createSecretKey(bytes));
    bytes.fill(0);
  }
  const [primary] = keys.keys();
  if (!primary) throw new Error(`${source} contains no key-encryption key`);
  return { primary, keys };
}
