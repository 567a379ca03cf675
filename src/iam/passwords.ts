import { hash, type Options, parseOptions, verify } from '@node-rs/argon2';
import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Fault } from '../common/api-error.js';

/** Argon2id, 19 MiB, two passes, one lane: OWASP's first choice for interactive logins. */
const COST: Options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** Hashes at a time: each takes 19 MiB and one of Node's four worker threads, of which DNS and files need one too. */
const AT_ONCE = 3;
/** Logins that may wait for their turn; at about 20 ms a hash the last one waits a few seconds. */
const WAITING_MAX = 512;
const PREFIX = '$argon2id$';
const HASH_MAX_CHARS = 255;
const GENERATED_BYTES = 18;

/** 24 characters that survive a shell, a URL and a double click. */
export const generatePassword = (): string => randomBytes(GENERATED_BYTES).toString('base64url');

/** Whether a hash made elsewhere can be stored: Argon2id in PHC format, at a cost that neither betrays nor exhausts us. */
export function isUsableHash(text: string): boolean {
  if (!text.startsWith(PREFIX) || text.length > HASH_MAX_CHARS) return false;
  try {
    const { memoryCost, timeCost, parallelism } = parseOptions(text);
    return memoryCost >= 8192 && memoryCost <= 131_072 && timeCost >= 1 && timeCost <= 10 && parallelism <= 4;
  } catch {
    return false;
  }
}

/** Hashes and checks passwords, a few at a time, so that a storm of logins cannot take the memory of everybody else. */
@Injectable()
export class Passwords {
  #free = AT_ONCE;
  readonly #waiting: (() => void)[] = [];
  #nobody: Promise<string> | undefined;

  /** The password as it is stored. */
  hash(password: string): Promise<string> {
    return this.inTurn(() => hash(password, COST));
  }

  /**
   * Whether the password is the one behind the hash.
   * @param admit asked when it is this one's turn: what it throws is thrown, and nothing is hashed
   */
  verify(stored: string, password: string, admit: () => Promise<void> = async () => undefined): Promise<boolean> {
    return this.inTurn(async () => {
      await admit();
      return verify(stored, password);
    });
  }

  /**
   * Takes as long as {@link verify} and is never true: for a user that does not exist, so that the time of the answer does not
   * tell who does.
   */
  async verifyNobody(password: string, admit?: () => Promise<void>): Promise<false> {
    this.#nobody ??= hash(generatePassword(), COST);
    await this.verify(await this.#nobody, password, admit);
    return false;
  }

  /** Makes the hash of nobody before the first login, which would show by being slow. */
  async prepare(): Promise<void> {
    await this.verifyNobody('');
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) {
      if (this.#waiting.length >= WAITING_MAX)
        throw new Fault('unavailable', {}, { cause: new Error('too many logins are waiting for their turn') });
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#free--;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}
