import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { ChangesService, type Write } from '../changes/changes.service.js';
import { invalid } from '../common/api-error.js';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import type { Caller } from '../common/principal.js';
import { Database } from '../database/database.js';
import { UnusableKeyError } from '../lib/signing/errors.js';
import { newWebhookKeyPair, newWebhookSecret, readWebhookKey, type WebhookKeyText } from '../lib/signing/webhook-keys.js';
import { toColumn } from '../vault/sealed.js';
import { VaultService } from '../vault/vault.service.js';
import { assertAlive, type EndpointScope, inEndpoint, readOfEndpoint } from './endpoint-scope.js';
import { CannotDeleteLastSigningKey, LastSigningKeyNeverExpires, MaxSigningKeysReached, SigningKeyNotFound } from './endpoints.errors.js';
import { isLive, secretPlace } from './live-keys.js';
import { describeKey, insertSigningKey, LIST_SIGNING_KEYS, liveKeysOf, type SigningKeyRow } from './signing-key-rows.js';
import {
  type NewSigningKeyDetailView,
  type NewSigningKeyView,
  type SigningKeyDetailView,
  type SigningKeyInput,
  type SigningKeyListView,
  type SigningKeyPatch,
  type SigningKeyView,
  toDetailView,
  toView,
} from './signing-keys.dto.js';

const KEYS_MAX = 2;

/**
 * Signing keys of an endpoint (endpoints §1.5): one or two, whoever races. Every decision is taken with the endpoint's counter bumped
 * first, so that it sees all that was decided before it (docs/adr/0015).
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
    return (await this.read(scope)).map(toView);
  }

  /** The same with what the contract does not show. @throws EndpointNotFound */
  async listDetails(scope: EndpointScope): Promise<SigningKeyListView> {
    return { signing_keys: (await this.read(scope)).map(toDetailView) };
  }

  /**
   * Adds a key, which signs every delivery from now on beside the one that is there. Its secret is in this answer and nowhere else.
   * @throws EndpointNotFound, MaxSigningKeysReached
   */
  async create(scope: EndpointScope, caller: Caller): Promise<NewSigningKeyView> {
    const key = newWebhookSecret();
    const row = await this.add(scope, key, { origin: 'generated' }, caller);
    return { ...toView(row), signing_secret: key.secret };
  }

  /**
   * Adds a key of the caller's, or an Ed25519 key, and ends the one that is there after a while if asked to. A private key is never shown,
   * and neither is what the caller has brought.
   * @throws Fault 400 for a secret that is no key, or not of the type; EndpointNotFound, MaxSigningKeysReached
   */
  async createWith(scope: EndpointScope, input: SigningKeyInput, caller: Caller): Promise<NewSigningKeyDetailView> {
    const imported = typeof input.secret === 'string' ? readKey(input.secret) : undefined;
    const key = imported ?? (input.type === 'ed25519' ? newWebhookKeyPair() : newWebhookSecret());
    const { type } = describeKey(key);
    if (input.type && input.type !== type) throw invalid('type', { rule: `type must be that of the secret: ${type}` });
    const origin = imported ? 'imported' : 'generated';
    const row = await this.add(scope, key, { origin, overlapSeconds: input.overlap_seconds ?? undefined }, caller);
    return { ...toDetailView(row), signing_secret: origin === 'generated' && type === 'hmac' ? key.secret : null };
  }

  /**
   * Sets or takes back the end of a key. One key of an endpoint never has one.
   * @throws Fault 400 for an end that is past; EndpointNotFound, SigningKeyNotFound, LastSigningKeyNeverExpires
   */
  async expire(scope: EndpointScope, keyId: string, { expires_at }: SigningKeyPatch, caller: Caller): Promise<SigningKeyDetailView> {
    const lock = inEndpoint(scope);
    const expiresAt = expires_at === null ? null : Date.parse(expires_at);
    return this.changes.write(lock, async (write) => {
      await assertAlive(write);
      const { key, others } = await this.find(write, keyId);
      if (expiresAt !== null && !(expiresAt > write.now)) throw invalid('expires_at', { rule: 'expires_at must lie in the future' });
      if (expiresAt !== null && !others.some((other) => other.expiresAt === null)) throw new LastSigningKeyNeverExpires();
      if (expiresAt === key.expiresAt) return toDetailView(key);
      await write.run('UPDATE signing_keys SET expires_at = ? WHERE id = ?', [expiresAt, key.id]);
      await this.record(write, caller, 'UpdateSigningKey', key.id, { expires_at: expiresAt });
      write.change('signing_key', key.id, 'updated');
      return toDetailView({ ...key, expiresAt });
    });
  }

  /**
   * Deletes a key, which signs nothing from now on. Whether it is this endpoint's is looked at before whether it is the last; of two
   * that are deleted at once, one stays. The key that is left never expires.
   * @throws EndpointNotFound, SigningKeyNotFound, CannotDeleteLastSigningKey
   */
  async delete(scope: EndpointScope, keyId: string, caller: Caller): Promise<void> {
    await this.changes.write(inEndpoint(scope), async (write) => {
      await assertAlive(write);
      const { key, others } = await this.find(write, keyId);
      const [left] = others;
      if (!left) throw new CannotDeleteLastSigningKey();
      await write.run('DELETE FROM signing_keys WHERE id = ?', [key.id]);
      const stays = left.expiresAt !== null;
      if (stays) await write.run('UPDATE signing_keys SET expires_at = NULL WHERE id = ?', [left.id]);
      await this.record(write, caller, 'DeleteSigningKey', key.id, stays ? { no_longer_expires: left.id } : {});
      write.change('signing_key', key.id, 'deleted');
    });
  }

  /** Removes what has expired, secret and all; it has signed nothing since. Finding nothing is no fault: others tidy up too. */
  async removeExpired(scope: EndpointScope, caller: Caller): Promise<void> {
    await this.changes.write(inEndpoint(scope), async (write) => {
      for (const id of await removeExpired(write)) {
        await this.record(write, caller, 'ExpireSigningKey', id, {});
        write.change('signing_key', id, 'deleted');
      }
    });
  }

  private async read(scope: EndpointScope): Promise<SigningKeyRow[]> {
    const rows = await this.database.snapshot((reads) => readOfEndpoint<SigningKeyRow>(reads, scope, LIST_SIGNING_KEYS));
    return rows.filter((row) => isLive(row, this.clock.now()));
  }

  private async add(
    scope: EndpointScope,
    text: WebhookKeyText,
    { origin, overlapSeconds }: { origin: 'generated' | 'imported'; overlapSeconds?: number | undefined },
    caller: Caller,
  ): Promise<SigningKeyRow> {
    const lock = inEndpoint(scope);
    const id = `sk_${newId()}`;
    const sealedSecret = toColumn((await this.vault.box(scope.projectId)).seal(secretPlace(scope.projectId, id), text.secret));
    return this.changes.write(lock, async (write) => {
      await assertAlive(write);
      const keys = await liveKeysOf(write);
      if (keys.length >= KEYS_MAX) throw new MaxSigningKeysReached();
      // It holds a slot until somebody tidies up.
      const expired = await removeExpired(write);
      if (overlapSeconds !== undefined) {
        const end = write.now + overlapSeconds * 1000;
        await write.run('UPDATE signing_keys SET expires_at = ? WHERE endpoint_id = ?', [end, write.scopeId]);
      }
      const slot = keys.some((other) => other.slot === 1) ? 2 : 1;
      const key = { ...describeKey(text), id, slot, createdBy: caller.principal.userId };
      await insertSigningKey(write, { ...key, endpointId: write.scopeId, sealedSecret });
      await this.record(write, caller, 'CreateSigningKey', id, {
        type: key.type,
        origin,
        ...(overlapSeconds !== undefined && { overlap_seconds: overlapSeconds }),
        ...(expired.length > 0 && { expired }),
      });
      write.change('signing_key', id, 'created');
      for (const gone of expired) write.change('signing_key', gone, 'deleted');
      return { ...key, expiresAt: null, lastUsedAt: null, createdAt: write.now };
    });
  }

  /** A key of the endpoint and those beside it. @throws SigningKeyNotFound */
  private async find(write: Write, keyId: string): Promise<{ key: SigningKeyRow; others: SigningKeyRow[] }> {
    const keys = await liveKeysOf(write);
    const key = keys.find(({ id }) => id === keyId);
    if (!key) throw new SigningKeyNotFound();
    return { key, others: keys.filter((other) => other !== key) };
  }

  private record(write: Write, caller: Caller, action: string, keyId: string, detail: Record<string, unknown>): Promise<void> {
    const entry = { action, resourceType: 'SigningKey', resourceId: keyId, detail: { endpoint_id: write.scopeId, ...detail } };
    return this.audit.record(write, caller, entry);
  }
}

/** @returns ids of the keys that had expired and are gone now: one at most, since one never expires */
async function removeExpired(write: Write): Promise<string[]> {
  const values = [write.scopeId, write.now];
  const rows = await write.rows<{ id: string }>('SELECT id FROM signing_keys WHERE endpoint_id = ? AND expires_at <= ?', values);
  if (rows.length > 0) await write.run('DELETE FROM signing_keys WHERE endpoint_id = ? AND expires_at <= ?', values);
  return rows.map(({ id }) => id);
}

function readKey(text: string): WebhookKeyText {
  try {
    return readWebhookKey(text);
  } catch (error) {
    if (error instanceof UnusableKeyError) throw invalid('secret', { rule: `secret is no key: ${error.message}` });
    throw error;
  }
}
