import { Injectable } from '@nestjs/common';
import { ApiFault } from '../../platform/common/api-error.js';
import { LoginThrottle } from '../../platform/edge/login-throttle.js';
import { Directory, type Reference, type UserRow } from './directory.js';
import { Passwords } from './passwords.js';

/** A user by id, or by name and domain. */
export interface UserReference extends Reference {
  domain?: Reference;
}

/** A right password. Whoever checks more than that says how the login ended. */
export interface PasswordProof {
  user: UserRow;
  /** The stored hash that the password fits. */
  stored: string;
  /** Counts the attempt as failed. */
  failed: () => Promise<void>;
  /** Resets the failures of this user and address. */
  succeeded: () => Promise<void>;
}

/**
 * Checks the password of a user. Failed attempts are limited, and the check of an unknown user takes as long as that of a wrong password.
 */
@Injectable()
export class PasswordCheck {
  constructor(
    private readonly directory: Directory,
    private readonly passwords: Passwords,
    private readonly throttle: LoginThrottle,
  ) {}

  /**
   * @param address the address of the client, for counting failed attempts
   * @throws ApiFault `credentials_wrong`, the same for an unknown user, a wrong password and a disabled user; `rate_limited`
   */
  async check({ id, name, domain }: UserReference, given: string, address: string): Promise<PasswordProof> {
    const user = id !== undefined ? await this.directory.userById(id) : await this.directory.userByName(name ?? '', domain ?? {});
    // All failed logins of a user share one counter, whether the user is given by id or by name. An unknown user is counted by name and
    // domain, with the same number of look-ups.
    const meant = id === undefined ? await this.directory.domainId(domain ?? {}) : undefined;
    const domainId = user?.domainId ?? meant;
    const named = JSON.stringify(user ? { name: user.name, domainId } : id !== undefined ? { id } : { name, domainId: domainId ?? domain });
    // Checked before the login waits and again when it is its turn, because failures of other waiting logins are counted only then.
    const admit = () => this.throttle.admit(named, address);
    await admit();
    const stored = await this.directory.passwordHash(user?.id ?? '');
    const proved =
      stored !== undefined ? await this.passwords.verify(stored, given, admit) : await this.passwords.verifyNobody(given, admit);
    if (!proved || stored === undefined || !user?.enabled) {
      await this.throttle.failed(named, address);
      throw new ApiFault('credentials_wrong');
    }
    return {
      user,
      stored,
      failed: () => this.throttle.failed(named, address),
      succeeded: () => this.throttle.succeeded(named, address),
    };
  }
}
