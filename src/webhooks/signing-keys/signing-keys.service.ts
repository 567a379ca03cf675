import { Injectable } from '@nestjs/common';
import type { AuditAction } from '../../platform/audit/actions.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { invalid } from '../../platform/common/api-error.js';
import { Clock, toMilliseconds } from '../../platform/common/clock.js';
import { newId } from '../../platform/common/ids.js';
import type { Caller } from '../../platform/common/principal.js';
import type { Committed } from '../../platform/common/committed.js';
import { Database } from '../../platform/database/database.js';
import { columnsOf } from '../../platform/database/columns.js';
import { UnusableKeyError } from '#signing/errors.js';
import { newWebhookKeyPair, newWebhookSecret, readWebhookKey, type WebhookKeyText } from '#signing/webhook-keys.js';
import { ClockActs } from '../../identity/projects/clock-acts.js';
import { toColumn } from '../../platform/vault/sealed.js';
import { VaultService } from '../../platform/vault/vault.service.js';
import { endsSignatures, writtenOfEndpoint } from '../delivery-log/delivery-log.js';
import { assertAlive, type EndpointScope, inEndpoint, readOfEndpoint } from '../delivery-log/endpoint-scope.js';
import {
  CannotDeleteLastSigningKey,
  LastSigningKeyNeverExpires,
  MaxSigningKeysReached,
  SigningKeyNotFound,
} from './signing-keys.errors.js';
import { isLive, secretContext } from './live-keys.js';
import { Pepper } from '../api-keys/pepper.js';
import {
  describeKey,
  eventOf,
  insertSigningKey,
  LIST_SIGNING_KEYS,
  liveKeysOf,
  secretIdentity,
  type SigningKeyRow,
} from './signing-key-rows.js';
import {
  type DeletionPreviewView,
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
import { SigningKey } from './signing-key.entity.js';

const DESCRIBED = columnsOf(SigningKey).pick('id', 'type', 'keyHint');
const ENDING = columnsOf(SigningKey).pick('id', 'type', 'keyHint', 'expiresAt');
const KEYS_MAX = 2;

/**
 * The signing keys of an endpoint (docs/contracts/endpoints.md §1.5). There are always one or two, even under concurrent writes. Every
 * write increments the endpoint's counter first, so the writes are serialised (docs/adr/0015).
 */
@Injectable()
export class SigningKeysService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly vault: VaultService,
    private readonly clock: Clock,
    private readonly pepper: Pepper,
    private readonly acts: ClockActs,
  ) {}

  /** Returns an endpoint's keys, newest first, without their secrets. @throws EndpointNotFound */
  async list(scope: EndpointScope): Promise<SigningKeyView[]> {
    return (await this.read(scope)).map(toView);
  }

  /** As {@link list}, with fields that are not part of the contract. @throws EndpointNotFound */
  async listDetails(scope: EndpointScope): Promise<SigningKeyListView> {
    return { signing_keys: (await this.read(scope)).map(toDetailView) };
  }

  /**
   * Adds a key. Later deliveries are signed with both keys. Only this response contains the secret.
   * @throws EndpointNotFound, MaxSigningKeysReached
   */
  async create(scope: EndpointScope, caller: Caller): Promise<Committed<NewSigningKeyView>> {
    const key = newWebhookSecret();
    const written = await this.add(scope, key, { origin: 'generated' }, caller);
    return written.with({ ...toView(written.value), signing_secret: key.secret });
  }

  /**
   * Adds an imported or a generated key of either type. With `overlap_seconds`, the existing key expires after that time. The response
   * never contains a private key or an imported secret.
   * @throws ApiFault 400 for a malformed secret or one of another type; EndpointNotFound, MaxSigningKeysReached, SigningSecretUsed
   */
  async createWith(scope: EndpointScope, input: SigningKeyInput, caller: Caller): Promise<Committed<NewSigningKeyDetailView>> {
    const imported = typeof input.secret === 'string' ? readKey(input.secret) : undefined;
    const key = imported ?? (input.type === 'ed25519' ? newWebhookKeyPair() : newWebhookSecret());
    const { type } = describeKey(key);
    if (input.type && input.type !== type) throw invalid('type', { rule: `type must match the secret, which has the type ${type}` });
    const origin = imported ? 'imported' : 'generated';
    const written = await this.add(scope, key, { origin, overlapSeconds: input.overlap_seconds ?? undefined }, caller);
    const signing_secret = origin === 'generated' && type === 'hmac' ? key.secret : null;
    return written.with({ ...toDetailView(written.value), signing_secret });
  }

  /**
   * Sets or removes the expiry of a key. At least one key of an endpoint must have no expiry.
   * @throws ApiFault 400 for a time in the past; EndpointNotFound, SigningKeyNotFound, LastSigningKeyNeverExpires
   */
  async expire(
    scope: EndpointScope,
    keyId: string,
    { expires_at }: SigningKeyPatch,
    caller: Caller,
  ): Promise<Committed<SigningKeyDetailView>> {
    const expiresAt = expires_at === null ? null : Date.parse(expires_at);
    return writtenOfEndpoint(this.changes, this.database, scope, async (write) => {
      await assertAlive(write);
      const { key, others } = await this.find(write, keyId);
      if (expiresAt !== null && !(expiresAt > write.now)) throw invalid('expires_at', { rule: 'expires_at must be in the future' });
      if (expiresAt !== null && !others.some((other) => other.expiresAt === null)) throw new LastSigningKeyNeverExpires();
      if (expiresAt === key.expiresAt) return toDetailView(key);
      await write.run('UPDATE signing_keys SET expires_at = ?, end_announced_at = NULL WHERE id = ?', [expiresAt, key.id]);
      await this.record(write, caller, 'UpdateSigningKey', key.id, { expires_at: expiresAt });
      write.change('signing_key', key.id, 'updated');
      await endsSignatures(write);
      return toDetailView({ ...key, expiresAt });
    });
  }

  /**
   * Deletes a key, and removes the expiry of the remaining one. If two deletions are concurrent, one of them fails. A key of another
   * endpoint is reported as missing before the check for the last key.
   * @throws EndpointNotFound, SigningKeyNotFound, CannotDeleteLastSigningKey
   */
  async delete(scope: EndpointScope, keyId: string, caller: Caller): Promise<Committed<void>> {
    return writtenOfEndpoint(this.changes, this.database, scope, async (write) => {
      await assertAlive(write);
      const { key, others } = await this.find(write, keyId);
      const [left] = others;
      if (!left) throw new CannotDeleteLastSigningKey();
      await write.run('DELETE FROM signing_keys WHERE id = ?', [key.id]);
      const stays = left.expiresAt !== null;
      if (stays) await write.run('UPDATE signing_keys SET expires_at = NULL, end_announced_at = NULL WHERE id = ?', [left.id]);
      await this.record(write, caller, 'DeleteSigningKey', key.id, stays ? { no_longer_expires: left.id } : {});
      const data = { ...eventOf(scope.endpointId, key), reason: 'deleted', by: caller.principal.userId };
      await this.acts.tell(write, { kind: 'signing_key.deleted', data });
      write.change('signing_key', key.id, 'deleted');
      await endsSignatures(write);
    });
  }

  /** A dry run of {@link delete}. @throws the errors of {@link delete} */
  async previewDeletion(scope: EndpointScope, keyId: string): Promise<DeletionPreviewView> {
    const keys = await this.read(scope);
    const key = keys.find(({ id }) => id === keyId);
    if (!key) throw new SigningKeyNotFound();
    const [left] = keys.filter((other) => other !== key);
    if (!left) throw new CannotDeleteLastSigningKey();
    const { last_used_at } = toDetailView(key);
    return { dry_run: true, id: keyId, remaining_key_id: left.id, remaining_key_keeps_no_end: left.expiresAt !== null, last_used_at };
  }

  /** Deletes expired keys with their secrets. Called by a periodic task. Another process may already have deleted them. */
  async removeExpired(scope: EndpointScope): Promise<void> {
    await this.changes.write(inEndpoint(scope), async (write) => {
      const expired = await removeExpired(write);
      for (const key of expired) {
        const data = { ...eventOf(scope.endpointId, key), reason: 'expired', by: 'signet' };
        await this.acts.record(write, 'ExpireSigningKey', entryOf(write, key.id), data);
        write.change('signing_key', key.id, 'deleted');
      }
      if (expired.length > 0) await endsSignatures(write);
    });
  }

  /**
   * Announces keys that expire soon, once per expiry. Called by a periodic task.
   * @param before the latest expiry that is announced, as Unix time in milliseconds
   */
  async announceEnds(scope: EndpointScope, before: number): Promise<void> {
    await this.changes.write(inEndpoint(scope), async (write) => {
      const sql = `SELECT ${ENDING.select} FROM signing_keys
        WHERE endpoint_id = ? AND expires_at > ? AND expires_at <= ? AND end_announced_at IS NULL`;
      const keys = await write.rows<Ending>(sql, [scope.endpointId, write.now, before]);
      for (const key of keys) {
        const expires_at = toMilliseconds(key.expiresAt);
        await write.run('UPDATE signing_keys SET end_announced_at = ? WHERE id = ?', [write.now, key.id]);
        await this.acts.record(write, 'AnnounceSigningKeyEnd', entryOf(write, key.id, { expires_at }), {
          ...eventOf(scope.endpointId, key),
          expires_at,
        });
        write.change('signing_key', key.id, 'updated');
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
  ): Promise<Committed<SigningKeyRow>> {
    // Refuses a malformed id before anything is encrypted.
    inEndpoint(scope);
    const id = `sk_${newId()}`;
    const sealedSecret = toColumn(
      (await this.vault.cipher(scope.projectId)).seal(secretContext(scope.projectId, scope.endpointId, id), text.secret),
    );
    const secretHash = await this.pepper.hash(secretIdentity(scope.projectId, text));
    return writtenOfEndpoint(this.changes, this.database, scope, async (write) => {
      await assertAlive(write);
      const keys = await liveKeysOf(write);
      if (keys.length >= KEYS_MAX) throw new MaxSigningKeysReached();
      // An expired key occupies a slot until it is deleted.
      const expired = await removeExpired(write);
      if (overlapSeconds !== undefined) {
        const end = write.now + overlapSeconds * 1000;
        await write.run('UPDATE signing_keys SET expires_at = ?, end_announced_at = NULL WHERE endpoint_id = ?', [end, write.scope.id]);
      }
      const slot = keys.some((other) => other.slot === 1) ? 2 : 1;
      const key = { ...describeKey(text), id, slot, createdBy: caller.principal.userId };
      await insertSigningKey(write, { ...key, endpointId: write.scope.id, sealedSecret, secretHash });
      await this.record(write, caller, 'CreateSigningKey', id, {
        type: key.type,
        origin,
        ...(overlapSeconds !== undefined && { overlap_seconds: overlapSeconds }),
        ...(expired.length > 0 && { expired: expired.map((gone) => gone.id) }),
      });
      write.change('signing_key', id, 'created');
      await this.acts.tell(write, {
        kind: 'signing_key.created',
        data: { ...eventOf(scope.endpointId, key), origin, by: caller.principal.userId },
      });
      for (const gone of expired) {
        write.change('signing_key', gone.id, 'deleted');
        const data = { ...eventOf(scope.endpointId, gone), reason: 'expired', by: 'signet' };
        await this.acts.tell(write, { kind: 'signing_key.deleted', data });
      }
      // From now on, attempts must sign with both keys, or the existing key has a new expiry.
      await endsSignatures(write);
      return { ...key, expiresAt: null, lastUsedAt: null, createdAt: write.now };
    });
  }

  /** Returns a key of the endpoint, and its other keys. @throws SigningKeyNotFound */
  private async find(write: Write, keyId: string): Promise<{ key: SigningKeyRow; others: SigningKeyRow[] }> {
    const keys = await liveKeysOf(write);
    const key = keys.find(({ id }) => id === keyId);
    if (!key) throw new SigningKeyNotFound();
    return { key, others: keys.filter((other) => other !== key) };
  }

  private record(write: Write, caller: Caller, action: AuditAction, keyId: string, detail: Record<string, unknown>): Promise<void> {
    return this.audit.record(write, caller, { action, ...entryOf(write, keyId, detail) });
  }
}

type Described = Pick<SigningKeyRow, 'id' | 'type' | 'keyHint'>;
type Ending = Described & { expiresAt: number };

const entryOf = (write: Write, keyId: string, detail: Record<string, unknown> = {}) => ({
  resourceType: 'SigningKey',
  resourceId: keyId,
  detail: { endpoint_id: write.scope.id, ...detail },
});

/** Deletes expired keys. @returns the deleted keys; at most one, because one key has no expiry */
async function removeExpired(write: Write): Promise<Described[]> {
  const values = [write.scope.id, write.now];
  const sql = `SELECT ${DESCRIBED.select} FROM signing_keys WHERE endpoint_id = ? AND expires_at <= ?`;
  const rows = await write.rows<Described>(sql, values);
  if (rows.length > 0) await write.run('DELETE FROM signing_keys WHERE endpoint_id = ? AND expires_at <= ?', values);
  return rows;
}

function readKey(text: string): WebhookKeyText {
  try {
    return readWebhookKey(text);
  } catch (error) {
    if (error instanceof UnusableKeyError) throw invalid('secret', { rule: `secret must be a valid key: ${error.message}` });
    throw error;
  }
}
