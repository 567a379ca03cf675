import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Fault } from '../common/api-error.js';
import { networkOf } from './address.js';
import type { Quota } from './quota.js';
import { Quotas } from './quotas.service.js';

/**
 * Failed logins by user, by user and address, and by address. It counts what was sent and never asks whether such a user exists:
 * an unknown user is throttled as a known one is, word for word.
 */
@Injectable()
export class LoginThrottle {
  constructor(private readonly quotas: Quotas) {}

  /**
   * @param user what names the user, as it was sent
   * @throws Fault `rate_limited` when one of the quotas is used up
   */
  async admit(user: string, address: string): Promise<void> {
    for (const [quota, key] of this.keys(user, address)) {
      const { allowed, resetSeconds } = await quota.look(key);
      if (!allowed) throw new Fault('rate_limited', { retryAfterSeconds: resetSeconds });
    }
  }

  async failed(user: string, address: string): Promise<void> {
    await Promise.all(this.keys(user, address).map(([quota, key]) => quota.take(key)));
  }

  /** Whoever knows the password has its few mistakes forgiven; those of others for the same user stay. */
  async succeeded(user: string, address: string): Promise<void> {
    await this.quotas.loginsOfPair?.forget(pairOf(user, address));
  }

  private keys(user: string, address: string): [Quota, string][] {
    const { loginsOfPair, loginsOfUser, loginsOfAddress } = this.quotas;
    return [
      ...(loginsOfPair ? [[loginsOfPair, pairOf(user, address)] as [Quota, string]] : []),
      ...(loginsOfUser ? [[loginsOfUser, keyOf(user)] as [Quota, string]] : []),
      ...(loginsOfAddress ? [[loginsOfAddress, networkOf(address)] as [Quota, string]] : []),
    ];
  }
}

/** People type passwords where names belong: the store sees neither. */
const keyOf = (user: string) => hash('sha256', user, 'base64url');
const pairOf = (user: string, address: string) => keyOf(JSON.stringify([user, networkOf(address)]));
