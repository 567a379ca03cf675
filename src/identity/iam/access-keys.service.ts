import { Injectable } from '@nestjs/common';
import type { AuditAction } from '../../platform/audit/actions.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { policiesOf } from '../../platform/auth/custom-policies.js';
import { Permissions } from '../../platform/auth/permissions.js';
import { COUNTER_KEYS, insertCounter } from '../../platform/changes/counters.js';
import { ChangesService, type Write, type WriteScope } from '../../platform/changes/changes.service.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { Clock, toMicroseconds } from '../../platform/common/clock.js';
import type { Caller, Principal } from '../../platform/common/principal.js';
import { Database } from '../../platform/database/database.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { isOperator } from '../projects/operator.js';
import { proof } from '../../platform/vault/mac-tables.js';
import { RowMacs } from '../../platform/vault/row-macs.js';
import { StoredAccessKey } from './access-key.entity.js';
import { ACCESS_KEY, AccessKeySecrets } from './access-key-secrets.js';
import {
  type CredentialAnswerView,
  type CredentialChangeInput,
  type CredentialInput,
  type CredentialListView,
  DURATION_SECONDS,
  type NewCredentialAnswerView,
  type SecurityTokenInput,
  type TemporaryCredentialAnswerView,
  toCredentialView,
} from './access-keys.dto.js';
import { PrivilegeGuard } from './privilege-guard.js';
import { Directory, type ProjectRow, rolesHeld, type UserRow } from './directory.js';
import { JwtIdentity } from './jwt-identity.js';

/** Maximum number of keys of a user, as in Huawei Cloud: one in use and its successor. */
const ACCESS_KEYS_MAX = 2;

const KEY = columnsOf(StoredAccessKey, 'k').except('secretKey', 'mac');
type KeyRow = RowOf<typeof KEY>;

const SELECT = `SELECT ${KEY.select}, ${proof('access_keys', 'k')} FROM access_keys k`;
const OF_KEY = { k: 'access_keys' } as const;

/** Huawei's names of the actions to see and change the keys of other users in the domain. */
export const CREDENTIAL_ACTIONS = {
  create: 'iam:credentials:createCredential',
  list: 'iam:credentials:listCredentials',
  show: 'iam:credentials:getCredential',
  update: 'iam:credentials:updateCredential',
  delete: 'iam:credentials:deleteCredential',
} as const;

/** Access keys for HTTP and the command line, in the format of Huawei Cloud's identity service. */
@Injectable()
export class AccessKeysService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly clock: Clock,
    private readonly directory: Directory,
    private readonly secrets: AccessKeySecrets,
    private readonly identity: JwtIdentity,
    private readonly privileges: PrivilegeGuard,
    private readonly permissions: Permissions,
    private readonly macs: RowMacs,
  ) {}

  /**
   * Creates a key. Only this response contains its secret.
   * @throws ApiFault `not_found` for a user that the caller may not see, `conflict` for a user that already has two keys, `forbidden` for a
   * caller with a temporary key, because the new key would outlive it; PrivilegeEscalation for a user with rights that the caller does not
   * have
   */
  async create({ credential }: CredentialInput, caller: Caller): Promise<NewCredentialAnswerView> {
    if (isTemporary(caller.principal)) throw new ApiFault('forbidden');
    const user = await this.subject(credential.user_id ?? caller.principal.userId, caller, CREDENTIAL_ACTIONS.create);
    const projects = await this.directory.projectsOf(user.id);
    const { accessKey, secret } = this.secrets.generate();
    const sealed = await this.secrets.seal(accessKey, user.id, secret);
    const { description = '' } = credential;
    return this.write(user.domainId, async (write) => {
      if (user.id !== caller.principal.userId) await this.assertHeld(write, caller, user, projects);
      const held = await write.rows('SELECT access_key FROM access_keys WHERE user_id = ?', [user.id]);
      if (held.length >= ACCESS_KEYS_MAX) throw new ApiFault('conflict');
      await this.macs.insert(write, 'access_keys', {
        access_key: accessKey,
        user_id: user.id,
        secret_key: sealed,
        description,
        enabled: 1,
        created_at: write.now,
      });
      await this.record(write, caller, 'CreatePermanentAccessKey', accessKey, user);
      write.change('access_key', accessKey, 'created');
      const view = toCredentialView({ accessKey, userId: user.id, enabled: true, createdAt: write.now, description });
      return { credential: { ...view, secret } };
    });
  }

  /** Returns a user's keys, newest first, without their secrets. @throws ApiFault `not_found` */
  async list(userId: string | undefined, caller: Caller): Promise<CredentialListView> {
    const user = await this.subject(userId ?? caller.principal.userId, caller, CREDENTIAL_ACTIONS.list);
    const sql = `${SELECT} WHERE k.user_id = ? ORDER BY k.created_at DESC, k.access_key`;
    const rows = await this.macs.verified(this.database, await this.database.rows<KeyRow>(sql, [user.id]), OF_KEY);
    return { credentials: rows.map(toCredentialView) };
  }

  /** @throws ApiFault `not_found` */
  async show(accessKey: string, caller: Caller): Promise<CredentialAnswerView> {
    return { credential: toCredentialView((await this.find(accessKey, caller, CREDENTIAL_ACTIONS.show)).row) };
  }

  /**
   * Enables or disables a key, or changes its description. This process refuses a disabled key at once, other processes within five
   * seconds. Enabling a key does not end a lock after too many bad signatures.
   * @throws ApiFault `not_found`, `forbidden` for a caller with a temporary key
   */
  async update(
    accessKey: string,
    { credential: { status, description } }: CredentialChangeInput,
    caller: Caller,
  ): Promise<CredentialAnswerView> {
    if (isTemporary(caller.principal)) throw new ApiFault('forbidden');
    const { user } = await this.find(accessKey, caller, CREDENTIAL_ACTIONS.update);
    const row = await this.write(user.domainId, async (write) => {
      const rows = await write.rows<KeyRow>(`${SELECT} WHERE k.access_key = ? AND k.user_id = ?`, [accessKey, user.id]);
      const before = await this.macs.one(write, rows, OF_KEY);
      if (!before) throw new ApiFault('not_found');
      const enabled = status === undefined ? before.enabled : status === 'active' ? 1 : 0;
      const after = { ...before, enabled, description: description ?? before.description };
      if (after.enabled === before.enabled && after.description === before.description) return before;
      await this.macs.update(write, 'access_keys', { access_key: accessKey }, { enabled, description: after.description });
      await this.record(write, caller, 'UpdatePermanentAccessKey', accessKey, user, { ...(status !== undefined && { status }) });
      write.change('access_key', accessKey, 'updated');
      return after;
    });
    return { credential: toCredentialView(row) };
  }

  /** Deletes a key. This process refuses the key at once, other processes within five seconds. @throws as {@link update} */
  async delete(accessKey: string, caller: Caller): Promise<void> {
    if (isTemporary(caller.principal)) throw new ApiFault('forbidden');
    const { user } = await this.find(accessKey, caller, CREDENTIAL_ACTIONS.delete);
    await this.write(user.domainId, async (write) => {
      const { affected } = await write.run('DELETE FROM access_keys WHERE access_key = ? AND user_id = ?', [accessKey, user.id]);
      if (affected === 0) throw new ApiFault('not_found');
      await this.record(write, caller, 'DeletePermanentAccessKey', accessKey, user);
      write.change('access_key', accessKey, 'deleted');
    });
  }

  /**
   * Creates a temporary key for the holder of a token. The key has the rights of the user, expires with the token, and is revoked with it.
   * Nothing is stored, because the encrypted security token contains the key.
   * @throws ApiFault `token_invalid`, `token_expired` for a token that is not valid or belongs to another user, `missing` when there is
   * none
   */
  async createTemporary(
    { auth: { identity } }: SecurityTokenInput,
    tokenOfRequest: string | undefined,
    { principal }: Caller,
  ): Promise<TemporaryCredentialAnswerView> {
    const token = identity.token?.id ?? tokenOfRequest;
    if (token === undefined || token === '') throw new ApiFault('missing', { parameter: 'auth.identity.token.id', where: 'body' });
    const { claims, user } = await this.identity.session(token);
    if (user.id !== principal.userId) throw new ApiFault('token_invalid');
    const issuedAt = this.clock.now();
    const seconds = identity.token?.duration_seconds ?? DURATION_SECONDS.default;
    const expiresAt = Math.min(issuedAt + seconds * 1000, claims.expiresAt);
    const { accessKey, secret } = this.secrets.generate();
    const { tokenId, sessionId } = claims;
    // Contains the time when the token was issued, so that a new password ends the key as it ends the token.
    const key = { secret, userId: user.id, tokenId, sessionId, issuedAt: claims.issuedAt, expiresAt };
    const securitytoken = await this.secrets.sealTemporary(accessKey, key);
    return { credential: { access: accessKey, secret, securitytoken, expires_at: toMicroseconds(expiresAt) } };
  }

  /** Returns a user whose keys the caller may see or change: the caller itself, or with the action any user in its domain. */
  private async subject(userId: string, caller: Caller, action: string): Promise<UserRow> {
    const { userId: own, domainId } = caller.principal;
    const user = await this.directory.userById(userId);
    const administered = user?.domainId === domainId && (await this.permissions.of(caller.principal)).allows(action);
    if (!user || !(isOperator(caller) || user.id === own || administered)) throw new ApiFault('not_found');
    return user;
  }

  private async find(accessKey: string, caller: Caller, action: string): Promise<{ row: KeyRow; user: UserRow }> {
    const rows = ACCESS_KEY.test(accessKey) ? await this.database.rows<KeyRow>(`${SELECT} WHERE k.access_key = ?`, [accessKey]) : [];
    const row = await this.macs.one(this.database, rows, OF_KEY);
    if (!row) throw new ApiFault('not_found');
    return { row, user: await this.subject(row.userId, caller, action) };
  }

  /**
   * Checks that the caller has every right of the user in every project, because whoever creates another user's key can act as that user
   * (docs/adr/0022).
   */
  private async assertHeld(write: Write, caller: Caller, user: UserRow, projects: readonly ProjectRow[]): Promise<void> {
    for (const { id: projectId } of projects) {
      const gained = await policiesOf(this.macs, write, user.domainId, await rolesHeld(this.macs, write, user.id, projectId));
      await this.privileges.assertHolds(write, caller, { projectId, action: CREDENTIAL_ACTIONS.create, gained });
    }
  }

  private record(
    write: Write,
    caller: Caller,
    action: AuditAction,
    accessKey: string,
    user: UserRow,
    detail: Record<string, unknown> = {},
  ): Promise<void> {
    const entry = { action, resourceType: 'AccessKey', resourceId: accessKey, resourceName: user.name };
    return this.audit.record(write, caller, { ...entry, detail: { user_id: user.id, ...detail } });
  }

  /**
   * Runs a write in the audit chain of the domain, because users belong to no project. The first write creates the counter of the domain.
   */
  private async write<T>(domainId: string, body: (write: Write) => Promise<T>): Promise<T> {
    const scope: WriteScope = { scope: { kind: 'domain', id: domainId }, projectId: domainId, notFound: () => new NoCounter() };
    try {
      return await this.changes.write(scope, body);
    } catch (error) {
      if (!(error instanceof NoCounter)) throw error;
      await this.database.insertOnce((tx) => insertCounter(tx, scope.scope, domainId), ...COUNTER_KEYS);
      return await this.changes.write(scope, body);
    }
  }
}

/** The domain has no counter yet. */
class NoCounter extends Error {}

const isTemporary = ({ accessKeyId, expiresAt }: Principal) => accessKeyId !== undefined && Number.isFinite(expiresAt);
