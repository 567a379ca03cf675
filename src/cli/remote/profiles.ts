import { constants, type Stats } from 'node:fs';
import { chmod, open, readdir, rename, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { makeFolder } from '../../platform/config/folder.js';
import { Exit, usage } from '../exit-codes.js';
import type { Io } from '../io.js';

/** What a profile proves who calls with. */
export type Proof =
  | { readonly kind: 'token'; readonly token: string; readonly expires_at?: string }
  | { readonly kind: 'api-key'; readonly api_key: string }
  | { readonly kind: 'access-key'; readonly access: string; readonly secret: string };

/** A service, and how to call it. */
export interface Profile {
  readonly url: string;
  readonly proof: Proof;
  readonly project_id?: string;
  /** Id or name of the gateway that commands work on. */
  readonly gateway?: string;
  readonly user?: string;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const FILE_MODE = 0o600;
const OTHERS = 0o077;
const BYTES_MAX = 65_536;

/** The profiles of a user, one file each, in `$XDG_CONFIG_HOME/signet` or `~/.config/signet`. */
export class Profiles {
  readonly #folder: string;

  constructor({ env }: Io) {
    const { XDG_CONFIG_HOME: config = '', HOME: home = homedir() } = env;
    // A relative one is not valid (XDG Base Directory Specification).
    this.#folder = join(isAbsolute(config) ? config : join(home, '.config'), 'signet', 'profiles');
  }

  path(name: string): string {
    if (!NAME.test(name)) throw usage('the name of a profile is 1 to 64 letters, digits, ., _ and -, and begins with a letter or digit');
    return join(this.#folder, `${name}.json`);
  }

  async names(): Promise<string[]> {
    const files = await readdir(this.#folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    return files.flatMap((file) => (file.endsWith('.json') && NAME.test(file.slice(0, -5)) ? [file.slice(0, -5)] : [])).sort();
  }

  /** @returns undefined when there is no such profile @throws Exit `denied` when others may read it or it is not a profile */
  async read(name: string): Promise<Profile | undefined> {
    const path = this.path(name);
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw new Exit('denied', `${path} cannot be read (${error.code ?? error.message})`);
    });
    if (file === undefined) return undefined;
    try {
      // Of the open file: a path may have become another one.
      assertOwn(path, await file.stat());
      return parsed(path, await file.readFile('utf8'));
    } finally {
      await file.close();
    }
  }

  /** Replaces the file as a whole: a reader sees the old one or the new one. */
  async write(name: string, profile: Profile): Promise<void> {
    const path = this.path(name);
    makeFolder(this.#folder);
    const beside = `${path}.${randomBytes(6).toString('hex')}`;
    try {
      const file = await open(beside, 'wx', FILE_MODE);
      try {
        // Whatever the umask.
        await chmod(beside, FILE_MODE);
        await file.writeFile(`${JSON.stringify(profile, null, 2)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(beside, path);
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    }
  }

  async delete(name: string): Promise<void> {
    await rm(this.path(name), { force: true });
  }
}

function assertOwn(path: string, { mode, uid, size }: Stats): void {
  if ((mode & OTHERS) !== 0)
    throw new Exit('denied', `${path} can be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600 it, and sign in again`);
  const own = process.getuid?.();
  if (own !== undefined && uid !== own) throw new Exit('denied', `${path} belongs to another user`);
  if (size > BYTES_MAX) throw new Exit('denied', `${path} is not a profile: delete it, and sign in again`);
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Its text is in no error: it has a secret. */
function parsed(path: string, text: string): Profile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const texts = (of: Record<string, unknown>, ...names: string[]) => names.every((name) => typeof of[name] === 'string' && of[name] !== '');
  const proof = isObject(value) ? value['proof'] : undefined;
  const usable =
    isObject(value) &&
    texts(value, 'url') &&
    isObject(proof) &&
    ((proof['kind'] === 'token' && texts(proof, 'token')) ||
      (proof['kind'] === 'api-key' && texts(proof, 'api_key')) ||
      (proof['kind'] === 'access-key' && texts(proof, 'access', 'secret')));
  if (!usable) throw new Exit('denied', `${path} is not a profile: delete it, and sign in again`);
  return value as Profile;
}
