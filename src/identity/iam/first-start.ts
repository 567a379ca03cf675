import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ADMINISTRATOR } from '../../platform/auth/system-policies.js';
import { ChangesService } from '../../platform/changes/changes.service.js';
import { newId } from '../../platform/common/ids.js';
import { Config } from '../../platform/config/config.js';
import { Secret } from '../../platform/config/secret.js';
import { violates } from '../../platform/database/errors.js';
import { operator } from '../projects/operator.js';
import { inProject, ProjectsService } from '../projects/projects.service.js';
import { PASSWORD_MAX_CHARS, PASSWORD_MIN_CHARS } from './auth-tokens.dto.js';
import { Directory } from './directory.js';
import { UNIQUE_USER_NAME } from './iam-admin.service.js';
import { DEFAULT_DOMAIN, DEFAULT_PROJECT } from './iam-file.js';
import { IamFileService } from './iam-file.service.js';
import { generatePassword, Passwords } from './passwords.js';
import { assignRoles } from './roles.js';
import { TokenKeys } from './token-keys.js';
import { Pulse } from '../../platform/recovery/pulse.js';
import { RowMacs } from '../../platform/vault/row-macs.js';

/** The name of the user that the first start creates. */
const ADMIN = 'admin';
const ADMIN_ROLES = [ADMINISTRATOR, 'APIG FullAccess'];

/**
 * Creates what the first request needs: a key that signs tokens, the default domain and project, an administrator, and the content of
 * `SIGNET_IAM_FILE`. Several processes may start on one empty database at the same time.
 */
@Injectable()
export class FirstStart implements OnApplicationBootstrap {
  #generatedPassword: Secret | undefined;
  #hadAdmin = false;

  constructor(
    private readonly config: Config,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly projects: ProjectsService,
    private readonly directory: Directory,
    private readonly passwords: Passwords,
    private readonly keys: TokenKeys,
    private readonly iamFile: IamFileService,
    private readonly macs: RowMacs,
    private readonly pulse: Pulse,
  ) {}

  /**
   * Returns the administrator's password once, if this process has generated it. The caller prints it, because it is not stored anywhere in
   * plain text.
   */
  takeGeneratedPassword(): string | undefined {
    const password = this.#generatedPassword?.reveal();
    this.#generatedPassword = undefined;
    return password;
  }

  /** Whether an administrator already existed, so that `SIGNET_ADMIN_PASSWORD` was not used. */
  get hadAdmin(): boolean {
    return this.#hadAdmin;
  }

  /** Runs after every onModuleInit, when the vault is open. */
  async onApplicationBootstrap(): Promise<void> {
    // With an external identity service, only the policies of the default domain are needed.
    if (this.config.identity) return void (await this.projects.ensureDomain(DEFAULT_DOMAIN));
    await this.keys.prepare();
    await this.passwords.prepare();
    await this.ensureAdmin();
    this.config.adminPassword?.forget();
    // While a restore waits for a decision, the file is not applied. The next start applies it.
    if (this.config.iamFile !== undefined && !this.pulse.held) await this.iamFile.apply(this.config.iamFile);
  }

  private async ensureAdmin(): Promise<void> {
    const configured = this.config.adminPassword?.reveal();
    const domain = await this.projects.ensureDomain(DEFAULT_DOMAIN);
    const { id: projectId } = await this.projects.ensureProject(domain.id, DEFAULT_PROJECT);
    this.#hadAdmin = (await this.directory.userByName(ADMIN, { id: domain.id })) !== undefined;
    // The restored backup may be older than the administrator. An operator decides whether to create the account again.
    if (this.#hadAdmin || this.pulse.held) return;
    if (configured !== undefined && (configured.length < PASSWORD_MIN_CHARS || configured.length > PASSWORD_MAX_CHARS))
      throw new Error(`SIGNET_ADMIN_PASSWORD: the password must have ${PASSWORD_MIN_CHARS} to ${PASSWORD_MAX_CHARS} characters`);
    const password = configured ?? generatePassword();
    const hash = await this.passwords.hash(password);
    const id = newId();
    const made = await this.changes.write(inProject({ projectId }), async (write) => {
      const user = {
        id,
        domain_id: domain.id,
        name: ADMIN,
        password_hash: hash,
        enabled: 1,
        tokens_valid_from: 0,
        created_at: write.now,
        // A generated password is printed, perhaps into a log, so it must be changed.
        password_expires_at: configured === undefined ? write.now : null,
        totp_id: null,
      };
      const inserted = await this.macs.insert(write, 'users', user).then(
        () => true,
        (error: unknown) => {
          if (violates(error, UNIQUE_USER_NAME)) return false;
          throw error;
        },
      );
      if (!inserted) return false;
      // In the same transaction as the user, so that a role that an operator removes later does not return at a restart.
      await assignRoles(this.macs, write, id, ADMIN_ROLES);
      const entry = { action: 'GrantRole' as const, resourceType: 'Role', resourceId: id, resourceName: ADMINISTRATOR };
      await this.audit.record(write, operator('signet'), { ...entry, detail: { user: ADMIN, roles: ADMIN_ROLES } });
      write.change('role', id, 'created');
      return true;
    });
    if (made && configured === undefined) this.#generatedPassword = new Secret(password);
  }
}
