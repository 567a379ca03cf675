import { Injectable } from '@nestjs/common';
import { Actions } from '../../platform/auth/actions.js';
import { Database } from '../../platform/database/database.js';
import { operator } from '../projects/operator.js';
import { ProjectsService } from '../projects/projects.service.js';
import { AccessAdminService } from './access-admin.service.js';
import { Directory } from './directory.js';
import { IamAdminError, IamAdminService } from './iam-admin.service.js';
import { type IamFile, type Known, ownedKey, readIamFile } from './iam-file.js';
import { Passwords } from './passwords.js';

type UserEntry = IamFile['users'][number];

/**
 * Applies `SIGNET_IAM_FILE` at every start. Everything that the file names gets the state in the file; everything else stays. Idempotent,
 * even if several processes do it.
 */
@Injectable()
export class IamFileService {
  constructor(
    private readonly database: Database,
    private readonly projects: ProjectsService,
    private readonly directory: Directory,
    private readonly passwords: Passwords,
    private readonly admin: IamAdminService,
    private readonly access: AccessAdminService,
    private readonly actions: Actions,
  ) {}

  /** @throws IamFileError with all errors at once, before anything is changed */
  async apply(path: string): Promise<void> {
    const file = readIamFile(path, await this.known());
    for (const { name } of file.domains) await this.projects.ensureDomain(name);
    for (const { name, domain, description } of file.projects) {
      await this.projects.ensureProject((await this.projects.ensureDomain(domain)).id, name, description);
    }
    for (const { name, domain, policy, description } of file.policies) {
      await this.access.putPolicy({ name, domain }, { policy, description }, operator('signet'));
    }
    for (const user of file.users) {
      await this.applyUser(user);
      for (const { project, role } of user.roles) {
        await this.admin.grant({ user: user.name, project, role, domain: user.domain }, operator('signet'));
      }
    }
    for (const { name, domain, description, users, roles } of file.groups) {
      await this.access.ensureGroup({ name, domain }, description, operator('signet'));
      for (const user of users) await this.access.join({ group: name, user, domain }, operator('signet'));
      for (const { project, role } of roles) await this.admin.grant({ group: name, project, role, domain }, operator('signet'));
    }
  }

  private async known(): Promise<Known> {
    const names = (table: string) =>
      this.database.rows<{ name: string; domain: string }>(
        `SELECT t.name, d.name AS domain FROM ${table} t JOIN domains d ON d.id = t.domain_id`,
      );
    const domains = await this.database.rows<{ name: string }>('SELECT name FROM domains');
    const keys = (rows: { name: string; domain: string }[]) => new Set(rows.map(({ name, domain }) => ownedKey(domain, name)));
    return {
      domains: new Set(domains.map(({ name }) => name)),
      projects: keys(await names('projects')),
      policies: keys(await names('policies')),
      users: keys(await names('users')),
      actions: this.actions.all,
    };
  }

  private async applyUser(entry: UserEntry): Promise<void> {
    const { name, domain, enabled } = entry;
    const given = entry.password_hash !== undefined ? { passwordHash: entry.password_hash } : { password: entry.password ?? '' };
    const there = await this.directory.userByName(name, { name: domain });
    if (!there) {
      try {
        await this.admin.addUser({ name, domain }, given, { enabled, caller: operator('signet') });
        return;
      } catch (error) {
        // Another process that applies the same file has created the user, who is checked like any existing user.
        if (!(error instanceof IamAdminError)) throw error;
      }
    }
    const user = there ?? (await this.directory.userByName(name, { name: domain }));
    const stored = await this.directory.passwordHash(user?.id ?? '');
    if (!user || stored === undefined) throw new Error(`the user ${name} was deleted while the domain ${domain} was being set up`);
    if (!(await this.matches(stored, entry)))
      await this.admin.setPassword({ name, domain }, given, { replaces: stored, caller: operator('signet') });
    if (enabled !== undefined) await this.admin.setEnabled({ name, domain }, enabled, operator('signet'));
  }

  private async matches(stored: string, { password, password_hash: hash }: UserEntry): Promise<boolean> {
    return hash !== undefined ? stored === hash : this.passwords.verify(stored, password ?? '');
  }
}
