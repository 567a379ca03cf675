import { Injectable } from '@nestjs/common';
import { Clock, DAY_MS } from '../../platform/common/clock.js';
import { Database } from '../../platform/database/database.js';
import { LeasedTask } from '../../platform/database/leased-task.js';
import { columnsOf } from '../../platform/database/columns.js';
import type { EndpointScope } from '../delivery-log/endpoint-scope.js';
import { SigningKeysService } from './signing-keys.service.js';
import { SigningKey } from './signing-key.entity.js';

const ENDPOINT = columnsOf(SigningKey).pick('projectId', 'endpointId');
const BATCH = 100;
/** How long before its expiry a key is announced as expiring. */
const ANNOUNCED_MS = DAY_MS;

interface Ending {
  scope: EndpointScope;
  expired: boolean;
}

/**
 * Announces signing keys that expire soon, and deletes expired ones to destroy their secrets. An expired key never signs, whether or not it
 * is deleted.
 *
 * Guarantees: The secret of an expired key is deleted within seconds, and its expiry is announced once.
 * Condition: The write checks again, under the lock of the endpoint, that the key is still due.
 * Degrades: While no process runs, the secret stays in its row, encrypted. The expired key does not sign, because every reader checks the
 * expiry.
 */
@Injectable()
export class ExpiredKeys extends LeasedTask<Ending> {
  constructor(
    database: Database,
    private readonly keys: SigningKeysService,
    clock: Clock,
  ) {
    super(
      database,
      clock,
      { acts: ['AnnounceSigningKeyEnd', 'ExpireSigningKey'] },
      {
        lease: 'expired-signing-keys',
        leaseMs: 20_000,
        everyMs: 5000,
        fault: 'an expiring signing key could not be announced or deleted',
      },
    );
  }

  protected async due(now: number): Promise<Ending[]> {
    const endpoints = (where: string, ...values: number[]) =>
      this.database.rows<EndpointScope>(`SELECT DISTINCT ${ENDPOINT.select} FROM signing_keys WHERE ${where} LIMIT ?`, [
        ...values,
        String(BATCH),
      ]);
    const expired = await endpoints('expires_at <= ?', now);
    const ending = await endpoints('expires_at > ? AND expires_at <= ? AND end_announced_at IS NULL', now, now + ANNOUNCED_MS);
    return [...expired.map((scope) => ({ scope, expired: true })), ...ending.map((scope) => ({ scope, expired: false }))];
  }

  protected async runStep({ scope, expired }: Ending, now: number): Promise<void> {
    await (expired ? this.keys.removeExpired(scope) : this.keys.announceEnds(scope, now + ANNOUNCED_MS));
  }
}
