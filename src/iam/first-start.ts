import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { ADMINISTRATOR } from '../auth/system-policies.js';
import { ChangesService } from '../changes/changes.service.js';
import { newId } from '../common/ids.js';
import { Config } from '../config/config.js';
import { Secret } from '../config/secret.js';
import { violates } from '../database/errors.js';
import { operator } from '../projects/operator.js';
import { inProject, ProjectsService } from '../projects/projects.service.js';
import { Directory } from './directory.js';
import { UNIQUE_USER_NAME } from './iam-admin.service.js';
import { DEFAULT_DOMAIN, DEFAULT_PROJECT } from './iam-file.js';
import { IamFileService } from './iam-file.service.js';
import { generatePassword, Passwords } from './passwords.js';
import { assignRoles } from './roles.js';
import { TokenKeys } from './token-keys.js';

/** The user that the first start makes. */
export const ADMIN = 'admin';
const ADMIN_ROLES = [ADMINISTRATOR, 'APIG FullAccess'];

/**
 * What has to be there before the first request: a key that signs tokens, the default domain and project, an administrator, and
 * whatever `SIGNET_IAM_FILE` adds. Any number of processes may start at once on an empty database; each thing is made once.
 */
@Injectable()
export class FirstStart implements OnApplicationBootstrap {
  #generatedPassword: Secret | undefined;

  constructor(
    private readonly config: Config,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly projects: ProjectsService,
    private readonly directory: Directory,
    private readonly passwords: Passwords,
    private readonly keys: TokenKeys,
    private readonly iamFile: IamFileService,
  ) {}

  /**
   * The administrator's password, if this process made it up: whoever starts the process prints it, because nothing else ever
   * will. Answers once.
   */
  takeGeneratedPassword(): string | undefined {
    const password = this.#generatedPassword?.reveal();
    this.#generatedPassword = undefined;
    return password;
  }

  /** After every onModuleInit: the vault is open by then. */
  async onApplicationBootstrap(): Promise<void> {
    // Whose users are somebody else's has policies of the default domain, and nothing more.
    if (this.config.identity) return void (await this.projects.ensureDomain(DEFAULT_DOMAIN));
    await this.keys.prepare();
    await this.passwords.prepare();
    await this.ensureAdmin();
    if (this.config.iamFile !== undefined) await this.iamFile.apply(this.config.iamFile);
  }

  private async ensureAdmin(): Promise<void> {
    const domain = await this.projects.ensureDomain(DEFAULT_DOMAIN);
    const { id: projectId } = await this.projects.ensureProject(domain.id, DEFAULT_PROJECT);
    if (await this.directory.userByName(ADMIN, { id: domain.id })) return;
    const configured = this.config.adminPassword?.reveal();
    const password = configured ?? generatePassword();
    const hash = await this.passwords.hash(password);
    const id = newId();
    const made = await this.changes.write(inProject({ projectId }), async (write) => {
      const sql =
        'INSERT INTO users (id, domain_id, name, password_hash, enabled, tokens_valid_from, created_at) VALUES (?, ?, ?, ?, 1, 0, ?)';
      const inserted = await write.run(sql, [id, domain.id, ADMIN, hash, write.now]).then(
        () => true,
        (error: unknown) => {
          if (violates(error, UNIQUE_USER_NAME)) return false;
          throw error;
        },
      );
      if (!inserted) return false;
      // In the same transaction as the user: an operator who takes a role away later must not find it back after a restart.
      await assignRoles(write, id, ADMIN_ROLES);
      const entry = { action: 'GrantRole', resourceType: 'Role', resourceId: id, resourceName: ADMINISTRATOR };
      await this.audit.record(write, operator('signet'), { ...entry, detail: { user: ADMIN, roles: ADMIN_ROLES } });
      write.change('role', id, 'created');
      return true;
    });
    if (made && configured === undefined) this.#generatedPassword = new Secret(password);
  }
}
