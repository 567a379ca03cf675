import { hash, type Options, parseOptions, verify } from '@node-rs/argon2';
import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ApiFault } from '../../platform/common/api-error.js';

/** Argon2id with 19 MiB, two passes and one lane: the first choice of OWASP for interactive logins. */
const COST: Options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** Maximum number of concurrent hashes. Each takes 19 MiB and one of libuv's four threads, which DNS and files need too. */
const AT_ONCE = 3;
/** Maximum number of logins that wait. With about 20 ms per hash, the last one waits a few seconds. */
const WAITING_MAX = 512;
const PREFIX = '$argon2id$';
const HASH_MAX_CHARS = 255;
const GENERATED_BYTES = 18;

/** Generates 24 characters without a special meaning in a shell or a URL. A double click selects all of them. */
export const generatePassword = (): string => randomBytes(GENERATED_BYTES).toString('base64url');

/**
 * Whether a hash that was created elsewhere can be stored: Argon2id in PHC format, with a cost that is neither too low to be safe nor too
 * high to be checked.
 */
export function isUsableHash(text: string): boolean {
  if (!text.startsWith(PREFIX) || text.length > HASH_MAX_CHARS) return false;
  try {
    const { memoryCost, timeCost, parallelism } = parseOptions(text);
    return memoryCost >= 8192 && memoryCost <= 131_072 && timeCost >= 1 && timeCost <= 10 && parallelism <= 4;
  } catch {
    return false;
  }
}

/** Hashes and checks passwords, a few at a time, so that many logins cannot exhaust the memory. */
@Injectable()
export class Passwords {
  #free = AT_ONCE;
  readonly #waiting: (() => void)[] = [];
  #nobody: Promise<string> | undefined;

  /** Returns the hash to store. */
  hash(password: string): Promise<string> {
    return this.inTurn(() => hash(password, COST));
  }

  /**
   * Checks a password against a stored hash.
   * @param admit called when it is this login's turn. If it throws, nothing is hashed
   */
  verify(stored: string, password: string, admit: () => Promise<void> = async () => undefined): Promise<boolean> {
    return this.inTurn(async () => {
      await admit();
      return verify(stored, password);
    });
  }

  /** Takes as long as {@link verify} and returns false, so that the response time does not reveal whether a user exists. */
  async verifyNobody(password: string, admit?: () => Promise<void>): Promise<false> {
    this.#nobody ??= hash(generatePassword(), COST);
    await this.verify(await this.#nobody, password, admit);
    return false;
  }

  /** Computes the dummy hash at the start, because otherwise the first login with an unknown user would be slower. */
  async prepare(): Promise<void> {
    await this.verifyNobody('');
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) {
      if (this.#waiting.length >= WAITING_MAX)
        throw new ApiFault('unavailable', {}, { cause: new Error('too many logins are waiting for their turn') });
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
