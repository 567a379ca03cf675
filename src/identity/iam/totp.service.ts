import { Injectable, Logger } from '@nestjs/common';
import type { AuditAction } from '../../platform/audit/actions.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { Clock, MINUTE_MS, since } from '../../platform/common/clock.js';
import { newId } from '../../platform/common/ids.js';
import type { Caller } from '../../platform/common/principal.js';
import { Config } from '../../platform/config/config.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { Database } from '../../platform/database/database.js';
import { LoginThrottle } from '../../platform/edge/login-throttle.js';
import { proof } from '../../platform/vault/mac-tables.js';
import { RowMacs } from '../../platform/vault/row-macs.js';
import { DecryptionFailed, type EncryptionContext, toColumn } from '../../platform/vault/sealed.js';
import { VaultService } from '../../platform/vault/vault.service.js';
import { inDomain } from '../projects/projects.service.js';
import { callerOfUser } from './caller-of-user.js';
import { Directory, type UserRow } from './directory.js';
import type { NewTotpView, TotpEnd, TotpView } from './my-totp.dto.js';
import { PasswordCheck } from './password-check.js';
import { isTotpCode, newRecoveryCodes, newTotpSecret, recoveryCodeHash, stepOf, totpUri } from './totp.js';
import { TotpCredential } from './totp-credential.entity.js';

/** The secrets belong to no project; no project can have this id (platform/common/ids.ts). */
const BOX = 'iam';
const NEW = columnsOf(TotpCredential).pick('id', 'userId', 'secret', 'lastStep', 'createdAt');
const STORED = columnsOf(TotpCredential, 't').pick('id', 'secret', 'createdAt');
type StoredRow = RowOf<typeof STORED>;
type From = Pick<Caller, 'requestId' | 'sourceAddress'>;

/** How long a generated secret waits for its first code. */
const PENDING_MS = 15 * MINUTE_MS;

const contextOf = (id: string, userId: string): EncryptionContext => ({
  projectId: BOX,
  ownerId: userId,
  field: 'totp_credentials.secret',
  rowId: id,
  version: 1,
});
const wrong = () => new ApiFault('forbidden', { detail: 'The password or the passcode is wrong.' });

/**
 * One-time passwords (TOTP) of users. The row of the user says whether there are any, and has a MAC: write access to the database alone
 * switches them off for nobody.
 */
@Injectable()
export class TotpService {
  readonly #logger = new Logger(TotpService.name);
  readonly #issuer: string;

  constructor(
    config: Config,
    private readonly clock: Clock,
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly vault: VaultService,
    private readonly macs: RowMacs,
    private readonly directory: Directory,
    private readonly passwords: PasswordCheck,
    private readonly throttle: LoginThrottle,
  ) {
    this.#issuer = `Signet ${new URL(config.publicUrl).host}`;
  }

  /**
   * Whether a passcode is right: a code of the app, or a recovery code. Each is accepted once.
   * @throws ApiFault `rate_limited` after too many wrong ones, from whatever address
   */
  async accepts(user: UserRow, passcode: string, from: From): Promise<boolean> {
    await this.throttle.admitPasscode(user.id);
    const accepted = isTotpCode(passcode) ? await this.acceptsCode(user, passcode) : await this.acceptsRecoveryCode(user, passcode, from);
    if (accepted) await this.throttle.passcodeSucceeded(user.id);
    return accepted;
  }

  async show(userId: string): Promise<TotpView> {
    const { totpId } = await this.user(userId);
    const sql = 'SELECT COUNT(*) AS codes FROM totp_recovery_codes WHERE user_id = ?';
    const [row] = totpId === null ? [] : await this.database.rows<{ codes: number }>(sql, [userId]);
    return { enabled: totpId !== null, recovery_codes: row?.codes ?? 0 };
  }

  /**
   * Generates a secret. It replaces one that still waits for its first code.
   * @throws ApiFault `forbidden` for a wrong password, `conflict` when one-time passwords are enabled
   */
  async create(password: string, caller: Caller): Promise<NewTotpView> {
    const user = await this.withPassword(password, caller);
    if (user.totpId !== null) throw new ApiFault('conflict');
    const [id, secret] = [newId(), newTotpSecret()];
    const sealed = toColumn((await this.vault.cipher(BOX)).seal(contextOf(id, user.id), secret));
    await this.database.transaction(async (tx) => {
      // What the row of the user names stays, because another request may have enabled it meanwhile.
      const named = 'SELECT COALESCE(u.totp_id, ?) FROM users u WHERE u.id = ?';
      await tx.run(`DELETE FROM totp_credentials WHERE user_id = ? AND id NOT IN (${named})`, [user.id, '', user.id]);
      await tx.run(NEW.insert(), NEW.values({ id, userId: user.id, secret: sealed, lastStep: 0, createdAt: this.clock.now() }));
    });
    return { secret, uri: totpUri(secret, this.#issuer, user.name) };
  }

  /**
   * Enables one-time passwords.
   * @returns the recovery codes, which are stored only as hashes
   * @throws ApiFault `forbidden` for a wrong code, `conflict` when they are enabled or no secret waits
   */
  async confirm(code: string, caller: Caller): Promise<string[]> {
    const user = await this.user(caller.principal.userId);
    await this.throttle.admitPasscode(user.id);
    const sql = `SELECT ${STORED.select} FROM totp_credentials t WHERE t.user_id = ? ORDER BY t.id DESC LIMIT 1`;
    const [waiting] = user.totpId === null ? await this.database.rows<StoredRow>(sql, [user.id]) : [];
    const now = this.clock.now();
    if (!waiting || since(waiting.createdAt, now) > PENDING_MS) throw new ApiFault('conflict');
    const step = await this.stepOf(user.id, waiting, code, now);
    if (step === undefined) throw wrong();
    const codes = newRecoveryCodes();
    const enabled = await this.changes.write(inDomain(user.domainId), async (write) => {
      const { affected } = await write.run('UPDATE totp_credentials SET last_step = ? WHERE id = ?', [step, waiting.id]);
      const none = (before: Record<string, unknown>) => before['totp_id'] === null;
      if (affected === 0 || !(await this.macs.update(write, 'users', { id: user.id }, { totp_id: waiting.id }, none))) return false;
      await write.run('DELETE FROM totp_recovery_codes WHERE user_id = ?', [user.id]);
      for (const each of codes)
        await this.macs.insert(write, 'totp_recovery_codes', { user_id: user.id, code_hash: recoveryCodeHash(user.id, each) });
      await this.record(write, 'EnableTotp', user, caller);
      return true;
    });
    if (!enabled) throw new ApiFault('conflict');
    await this.throttle.passcodeSucceeded(user.id);
    return codes;
  }

  /** @throws ApiFault `forbidden` for a wrong password or passcode, `conflict` when one-time passwords are not enabled */
  async disable({ password, passcode }: TotpEnd, caller: Caller): Promise<void> {
    const user = await this.withPassword(password, caller);
    if (user.totpId === null) throw new ApiFault('conflict');
    if (!(await this.accepts(user, passcode, caller))) throw wrong();
    await this.remove(user, caller);
  }

  /** Removes them without a passcode. @returns whether there were any */
  async remove(user: UserRow, caller: Caller): Promise<boolean> {
    return this.changes.write(inDomain(user.domainId), async (write) => {
      const some = (before: Record<string, unknown>) => before['totp_id'] !== null;
      if (!(await this.macs.update(write, 'users', { id: user.id }, { totp_id: null }, some))) return false;
      await write.run('DELETE FROM totp_credentials WHERE user_id = ?', [user.id]);
      await write.run('DELETE FROM totp_recovery_codes WHERE user_id = ?', [user.id]);
      await this.record(write, 'DisableTotp', user, caller);
      return true;
    });
  }

  private async acceptsCode({ id: userId, totpId }: UserRow, code: string): Promise<boolean> {
    const sql = `SELECT ${STORED.select} FROM totp_credentials t WHERE t.id = ? AND t.user_id = ?`;
    const [stored] = totpId === null ? [] : await this.database.rows<StoredRow>(sql, [totpId, userId]);
    if (!stored) {
      if (totpId !== null) this.#logger.error(`the secret of the one-time passwords of the user ${userId} is missing`);
      return false;
    }
    const step = await this.stepOf(userId, stored, code, this.clock.now());
    if (step === undefined) return false;
    // Of several logins with one code, one updates the row.
    const { affected } = await this.database.transaction((tx) =>
      tx.run('UPDATE totp_credentials SET last_step = ? WHERE id = ? AND last_step < ?', [step, stored.id, step]),
    );
    return affected === 1;
  }

  private async acceptsRecoveryCode(user: UserRow, code: string, from: From): Promise<boolean> {
    if (user.totpId === null) return false;
    const key = [user.id, recoveryCodeHash(user.id, code)];
    return this.changes.write(inDomain(user.domainId), async (write) => {
      const sql = `SELECT ${proof('totp_recovery_codes', 'c')} FROM totp_recovery_codes c WHERE c.user_id = ? AND c.code_hash = ?`;
      if (!(await this.macs.one(write, await write.rows<object>(sql, key), { c: 'totp_recovery_codes' }))) return false;
      await write.run('DELETE FROM totp_recovery_codes WHERE user_id = ? AND code_hash = ?', key);
      await this.record(write, 'UseRecoveryCode', user, callerOfUser(user, from));
      return true;
    });
  }

  private async stepOf(userId: string, { id, secret }: StoredRow, code: string, now: number): Promise<number | undefined> {
    const opened = await this.vault.open(contextOf(id, userId), secret).catch((error: unknown) => {
      if (!(error instanceof DecryptionFailed)) throw error;
      this.#logger.error(`the secret of the one-time passwords of the user ${userId} was altered, or is not its own: ${error.message}`);
    });
    return opened === undefined ? undefined : stepOf(opened, code, now);
  }

  /** The caller, who must prove the password, because a token may be stolen. */
  private async withPassword(password: string, { principal, sourceAddress }: Caller): Promise<UserRow> {
    const { user } = await this.passwords.check({ id: principal.userId }, password, sourceAddress).catch((error: unknown) => {
      // A 401 would say that the token is not valid.
      throw error instanceof ApiFault && error.kind === 'credentials_wrong' ? wrong() : error;
    });
    return user;
  }

  private async user(id: string): Promise<UserRow> {
    const user = await this.directory.userById(id);
    if (!user) throw new ApiFault('token_invalid');
    return user;
  }

  private async record(write: Write, action: AuditAction, { id, name }: UserRow, caller: Caller): Promise<void> {
    await this.audit.record(write, caller, { action, resourceType: 'User', resourceId: id, resourceName: name });
    write.change('user', id, 'updated');
  }
}
