import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { policiesOf } from '../auth/custom-policies.js';
import { Permissions } from '../auth/permissions.js';
import { ChangesService, type Write, type WriteScope } from '../changes/changes.service.js';
import { Fault } from '../common/api-error.js';
import { Clock, toMicroseconds } from '../common/clock.js';
import type { Caller, Principal } from '../common/principal.js';
import { Database } from '../database/database.js';
import { isOperator } from '../projects/operator.js';
import type { StoredAccessKey } from './access-key.entity.js';
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
import { Delegation } from './delegation.js';
import { Directory, type ProjectRow, rolesHeld, type UserRow } from './directory.js';
import { JwtIdentity } from './jwt-identity.js';

/** As in Huawei Cloud: one in use and its successor. */
export const ACCESS_KEYS_MAX = 2;

type KeyRow = Pick<StoredAccessKey, 'accessKey' | 'userId' | 'description' | 'createdAt'> & { enabled: number };

const SELECT = 'SELECT access_key AS accessKey, user_id AS userId, description, enabled, created_at AS createdAt FROM access_keys';
const UNIQUE_COUNTER = { name: 'PRIMARY', columns: 'change_counters.scope_id' };

/** What it takes to see and change the keys of others in the domain: Huawei's names. */
export const CREDENTIAL_ACTIONS = {
  create: 'iam:credentials:createCredential',
  list: 'iam:credentials:listCredentials',
  show: 'iam:credentials:getCredential',
  update: 'iam:credentials:updateCredential',
  delete: 'iam:credentials:deleteCredential',
} as const;

/** Access keys over HTTP and on the command line, in the shape of Huawei Cloud's identity service. */
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
    private readonly delegation: Delegation,
    private readonly permissions: Permissions,
  ) {}

  /**
   * A new key; its secret is in this answer and nowhere else.
   * @throws Fault `not_found` for a user that is not the caller's business, `conflict` for one that has its two keys, `forbidden` for a
   *   caller with a temporary key, which must not outlive itself in another; NotHeld for a user that may do what the caller may not
   */
  async create({ credential }: CredentialInput, caller: Caller): Promise<NewCredentialAnswerView> {
    if (isTemporary(caller.principal)) throw new Fault('forbidden');
    const user = await this.subject(credential.user_id ?? caller.principal.userId, caller, CREDENTIAL_ACTIONS.create);
    const projects = await this.directory.projectsOf(user.id);
    const { accessKey, secret } = this.secrets.generate();
    const sealed = await this.secrets.seal(accessKey, secret);
    const { description = '' } = credential;
    return this.write(user.domainId, async (write) => {
      if (user.id !== caller.principal.userId) await this.assertHeld(write, caller, user, projects);
      const held = await write.rows('SELECT access_key FROM access_keys WHERE user_id = ?', [user.id]);
      if (held.length >= ACCESS_KEYS_MAX) throw new Fault('conflict');
      await write.run(
        'INSERT INTO access_keys (access_key, user_id, secret_key, description, enabled, locked_until, created_at) VALUES (?, ?, ?, ?, 1, 0, ?)',
        [accessKey, user.id, sealed, description, write.now],
      );
      await this.record(write, caller, 'CreatePermanentAccessKey', accessKey, user);
      write.change('access_key', accessKey, 'created');
      const view = toCredentialView({ accessKey, userId: user.id, enabled: true, createdAt: write.now, description });
      return { credential: { ...view, secret } };
    });
  }

  /** A user's keys, newest first, without their secrets. @throws Fault `not_found` */
  async list(userId: string | undefined, caller: Caller): Promise<CredentialListView> {
    const user = await this.subject(userId ?? caller.principal.userId, caller, CREDENTIAL_ACTIONS.list);
    const sql = `${SELECT} WHERE user_id = ? ORDER BY created_at DESC, access_key`;
    return { credentials: (await this.database.rows<KeyRow>(sql, [user.id])).map(toCredentialView) };
  }

  /** @throws Fault `not_found` */
  async show(accessKey: string, caller: Caller): Promise<CredentialAnswerView> {
    return { credential: toCredentialView((await this.find(accessKey, caller, CREDENTIAL_ACTIONS.show)).row) };
  }

  /**
   * Enables, disables, describes a key. One that is disabled stops at once here, elsewhere within five seconds. A lock runs its time.
   * @throws Fault `not_found`, `forbidden` for a caller with a temporary key
   */
  async update(
    accessKey: string,
    { credential: { status, description } }: CredentialChangeInput,
    caller: Caller,
  ): Promise<CredentialAnswerView> {
    if (isTemporary(caller.principal)) throw new Fault('forbidden');
    const { user } = await this.find(accessKey, caller, CREDENTIAL_ACTIONS.update);
    const row = await this.write(user.domainId, async (write) => {
      const [before] = await write.rows<KeyRow>(`${SELECT} WHERE access_key = ? AND user_id = ?`, [accessKey, user.id]);
      if (!before) throw new Fault('not_found');
      const enabled = status === undefined ? before.enabled : status === 'active' ? 1 : 0;
      const after = { ...before, enabled, description: description ?? before.description };
      if (after.enabled === before.enabled && after.description === before.description) return before;
      await write.run('UPDATE access_keys SET enabled = ?, description = ? WHERE access_key = ?', [
        after.enabled,
        after.description,
        accessKey,
      ]);
      await this.record(write, caller, 'UpdatePermanentAccessKey', accessKey, user, { ...(status !== undefined && { status }) });
      write.change('access_key', accessKey, 'updated');
      return after;
    });
    return { credential: toCredentialView(row) };
  }

  /** Stops a key at once here, elsewhere within five seconds. @throws as {@link update} */
  async delete(accessKey: string, caller: Caller): Promise<void> {
    if (isTemporary(caller.principal)) throw new Fault('forbidden');
    const { user } = await this.find(accessKey, caller, CREDENTIAL_ACTIONS.delete);
    await this.write(user.domainId, async (write) => {
      const { affected } = await write.run('DELETE FROM access_keys WHERE access_key = ? AND user_id = ?', [accessKey, user.id]);
      if (affected === 0) throw new Fault('not_found');
      await this.record(write, caller, 'DeletePermanentAccessKey', accessKey, user);
      write.change('access_key', accessKey, 'deleted');
    });
  }

  /**
   * A temporary key for whoever holds a token. It does what its user may do, ends with the token at the latest, and with its
   * revocation. Nothing of it is stored: the security token holds it, sealed.
   * @throws Fault `token_invalid`, `token_expired` for a token that does not count or is another user's, `missing` when there is none
   */
  async createTemporary(
    { auth: { identity } }: SecurityTokenInput,
    tokenOfRequest: string | undefined,
    { principal }: Caller,
  ): Promise<TemporaryCredentialAnswerView> {
    const token = identity.token?.id ?? tokenOfRequest;
    if (token === undefined || token === '') throw new Fault('missing', { parameter: 'auth.identity.token.id', where: 'body' });
    const { claims, user } = await this.identity.session(token);
    if (user.id !== principal.userId) throw new Fault('token_invalid');
    const issuedAt = this.clock.now();
    const seconds = identity.token?.duration_seconds ?? DURATION_SECONDS.default;
    const expiresAt = Math.min(issuedAt + seconds * 1000, claims.expiresAt);
    const { accessKey, secret } = this.secrets.generate();
    const { tokenId } = claims;
    // The user's own instant of the token counts, so that a new password ends the key as it ends the token.
    const key = { secret, userId: user.id, tokenId, issuedAt: claims.issuedAt, expiresAt };
    const securitytoken = await this.secrets.sealTemporary(accessKey, key);
    return { credential: { access: accessKey, secret, securitytoken, expires_at: toMicroseconds(expiresAt) } };
  }

  /** A user whose keys the caller may see or change: itself, or with the action anyone of its domain. */
  private async subject(userId: string, caller: Caller, action: string): Promise<UserRow> {
    const { userId: own, domainId } = caller.principal;
    const user = await this.directory.userById(userId);
    const administered = user?.domainId === domainId && (await this.permissions.of(caller.principal)).allows(action);
    if (!user || !(isOperator(caller) || user.id === own || administered)) throw new Fault('not_found');
    return user;
  }

  private async find(accessKey: string, caller: Caller, action: string): Promise<{ row: KeyRow; user: UserRow }> {
    const [row] = ACCESS_KEY.test(accessKey) ? await this.database.rows<KeyRow>(`${SELECT} WHERE access_key = ?`, [accessKey]) : [];
    if (!row) throw new Fault('not_found');
    return { row, user: await this.subject(row.userId, caller, action) };
  }

  /** Whoever makes another's key can act as that user: it must hold all that the user holds, in every project (docs/adr/0022). */
  private async assertHeld(write: Write, caller: Caller, user: UserRow, projects: readonly ProjectRow[]): Promise<void> {
    for (const { id: projectId } of projects) {
      const gained = await policiesOf(write, user.domainId, await rolesHeld(write, user.id, projectId));
      await this.delegation.assert(write, caller, { projectId, action: CREDENTIAL_ACTIONS.create, gained });
    }
  }

  private record(
    write: Write,
    caller: Caller,
    action: string,
    accessKey: string,
    user: UserRow,
    detail: Record<string, unknown> = {},
  ): Promise<void> {
    const entry = { action, resourceType: 'AccessKey', resourceId: accessKey, resourceName: user.name };
    return this.audit.record(write, caller, { ...entry, detail: { user_id: user.id, ...detail } });
  }

  /** A write in the domain's own chain: users belong to no project. Its counter is made with the first one. */
  private async write<T>(domainId: string, body: (write: Write) => Promise<T>): Promise<T> {
    const scope: WriteScope = { scopeId: domainId, projectId: domainId, missing: () => new NoCounter() };
    try {
      return await this.changes.write(scope, body);
    } catch (error) {
      if (!(error instanceof NoCounter)) throw error;
      const sql = 'INSERT INTO change_counters (scope_id, project_id, revision) VALUES (?, ?, 0)';
      await this.database.insertOnce((tx) => tx.run(sql, [domainId, domainId]), UNIQUE_COUNTER);
      return await this.changes.write(scope, body);
    }
  }
}

/** The domain has had no write yet. */
class NoCounter extends Error {}

const isTemporary = ({ accessKeyId, expiresAt }: Principal) => accessKeyId !== undefined && Number.isFinite(expiresAt);
