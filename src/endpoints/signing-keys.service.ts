import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { ChangesService } from '../changes/changes.service.js';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import type { Caller } from '../common/principal.js';
import { Database } from '../database/database.js';
import { toColumn } from '../vault/sealed.js';
import { VaultService } from '../vault/vault.service.js';
import { assertAlive, type EndpointScope, inEndpoint, readOfEndpoint } from './endpoint-scope.js';
import { CannotDeleteLastSigningKey, MaxSigningKeysReached, SigningKeyNotFound } from './endpoints.errors.js';
import { isLive, newHmacSecret, secretPlace } from './live-keys.js';
import { insertSigningKey, LIST_SIGNING_KEYS, liveKeysOf, type SigningKeyRow } from './signing-key-rows.js';
import { type NewSigningKeyView, type SigningKeyView, toView } from './signing-keys.dto.js';

const KEYS_MAX = 2;

/**
 * Signing keys of an endpoint (endpoints §1.5): one or two, whoever races. Every decision is taken with the endpoint's counter bumped
 * first, so that it sees all that was decided before it.
 */
@Injectable()
export class SigningKeysService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly vault: VaultService,
    private readonly clock: Clock,
  ) {}

  /** An endpoint's keys, newest first, without their secrets. @throws EndpointNotFound */
  async list(scope: EndpointScope): Promise<SigningKeyView[]> {
    const rows = await this.database.snapshot((reads) => readOfEndpoint<SigningKeyRow>(reads, scope, LIST_SIGNING_KEYS));
    return rows.filter((row) => isLive(row, this.clock.now())).map(toView);
  }

  /**
   * Adds a key, which signs every delivery from now on beside the one that is there. Its secret is in this answer and nowhere else.
   * @throws EndpointNotFound, MaxSigningKeysReached
   */
  async create(scope: EndpointScope, caller: Caller): Promise<NewSigningKeyView> {
    const lock = inEndpoint(scope);
    const id = `sk_${newId()}`;
    const key = newHmacSecret();
    const sealedSecret = toColumn((await this.vault.box(scope.projectId)).seal(secretPlace(scope.projectId, id), key.secret));
    return this.changes.write(lock, async (write) => {
      await assertAlive(write);
      const keys = await liveKeysOf(write);
      if (keys.length >= KEYS_MAX) throw new MaxSigningKeysReached();
      // What has expired holds a slot until somebody tidies up.
      await write.run('DELETE FROM signing_keys WHERE endpoint_id = ? AND expires_at <= ?', [write.scopeId, write.now]);
      const slot = keys.some((other) => other.slot === 1) ? 2 : 1;
      const createdBy = caller.principal.userId;
      await insertSigningKey(write, { ...key, id, endpointId: write.scopeId, slot, sealedSecret, expiresAt: null, createdBy });
      const entry = { action: 'CreateSigningKey', resourceType: 'SigningKey', resourceId: id, detail: { endpoint_id: write.scopeId } };
      await this.audit.record(write, caller, entry);
      write.change('signing_key', id, 'created');
      return { ...toView({ id, keyHint: key.keyHint, createdAt: write.now }), signing_secret: key.secret };
    });
  }

  /**
   * Deletes a key, which signs nothing from now on. Whether it is this endpoint's is looked at before whether it is the last; of two
   * that remained to be deleted at once, one stays. The key that is left never expires.
   * @throws EndpointNotFound, SigningKeyNotFound, CannotDeleteLastSigningKey
   */
  async delete(scope: EndpointScope, keyId: string, caller: Caller): Promise<void> {
    await this.changes.write(inEndpoint(scope), async (write) => {
      await assertAlive(write);
      const keys = await liveKeysOf(write);
      const key = keys.find(({ id }) => id === keyId);
      if (!key) throw new SigningKeyNotFound();
      const [left] = keys.filter((other) => other !== key);
      if (!left) throw new CannotDeleteLastSigningKey();
      await write.run('DELETE FROM signing_keys WHERE id = ?', [key.id]);
      const kept = left.expiresAt !== null;
      if (kept) await write.run('UPDATE signing_keys SET expires_at = NULL WHERE id = ?', [left.id]);
      const detail = { endpoint_id: write.scopeId, ...(kept && { no_longer_expires: left.id }) };
      await this.audit.record(write, caller, { action: 'DeleteSigningKey', resourceType: 'SigningKey', resourceId: key.id, detail });
      write.change('signing_key', key.id, 'deleted');
    });
  }
}
