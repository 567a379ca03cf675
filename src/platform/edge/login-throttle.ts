import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ApiFault } from '../common/api-error.js';
import { networkOf } from '../common/address.js';
import type { RateLimit } from './rate-limit.js';
import { RateLimits } from './rate-limits.service.js';

/**
 * Limits failed logins by user, by user and address, and by address. Never checks whether the user exists, so that unknown and known users
 * get identical responses.
 */
@Injectable()
export class LoginThrottle {
  constructor(private readonly limits: RateLimits) {}

  /**
   * @param user the identifier of the user as sent
   * @throws ApiFault `rate_limited` when one of the limits is reached
   */
  async admit(user: string, address: string): Promise<void> {
    for (const [limit, key] of this.keys(user, address)) {
      const { allowed, resetSeconds } = await limit.peek(key);
      if (!allowed) throw new ApiFault('rate_limited', { retryAfterSeconds: resetSeconds });
    }
  }

  async failed(user: string, address: string): Promise<void> {
    await Promise.all(this.keys(user, address).map(([limit, key]) => limit.consume(key)));
  }

  /**
   * Counts a one-time password before it is checked, so that many at once cannot pass the limit together.
   * @throws ApiFault `rate_limited`
   */
  async admitPasscode(userId: string): Promise<void> {
    const state = await this.limits.passcodesOfUser?.consume(keyOf(userId));
    if (state && !state.allowed) throw new ApiFault('rate_limited', { retryAfterSeconds: state.resetSeconds });
  }

  async passcodeSucceeded(userId: string): Promise<void> {
    await this.limits.passcodesOfUser?.reset(keyOf(userId));
  }

  /** Resets the failures of this user and address after a correct password. Failures from other addresses stay. */
  async succeeded(user: string, address: string): Promise<void> {
    await this.limits.loginsOfPair?.reset(pairOf(user, address));
  }

  private keys(user: string, address: string): [RateLimit, string][] {
    const { loginsOfPair, loginsOfUser, loginsOfAddress } = this.limits;
    return [
      ...(loginsOfPair ? [[loginsOfPair, pairOf(user, address)] as [RateLimit, string]] : []),
      ...(loginsOfUser ? [[loginsOfUser, keyOf(user)] as [RateLimit, string]] : []),
      ...(loginsOfAddress ? [[loginsOfAddress, networkOf(address)] as [RateLimit, string]] : []),
    ];
  }
}

/** Hashes the name, because people type passwords into name fields by mistake. */
const keyOf = (user: string) => hash('sha256', user, 'base64url');
const pairOf = (user: string, address: string) => keyOf(JSON.stringify([user, networkOf(address)]));
