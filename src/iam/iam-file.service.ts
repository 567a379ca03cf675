import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { operator } from '../projects/operator.js';
import { ProjectsService } from '../projects/projects.service.js';
import { Directory } from './directory.js';
import { IamAdminError, IamAdminService } from './iam-admin.service.js';
import { type IamFile, projectKey, readIamFile } from './iam-file.js';
import { Passwords } from './passwords.js';

type UserEntry = IamFile['users'][number];

/**
 * Applies `SIGNET_IAM_FILE` at every start: what it names is there afterwards as it says, what it does not name is left alone.
 * Applying it again changes nothing, and several processes may do so at once.
 */
@Injectable()
export class IamFileService {
  constructor(
    private readonly database: Database,
    private readonly projects: ProjectsService,
    private readonly directory: Directory,
    private readonly passwords: Passwords,
    private readonly admin: IamAdminService,
  ) {}

  /** @throws IamFileError naming every fault at once, before anything is changed */
  async apply(path: string): Promise<void> {
    const domains = await this.database.rows<{ name: string }>('SELECT name FROM domains');
    const file = readIamFile(path, {
      domains: new Set(domains.map(({ name }) => name)),
      projects: new Set((await this.admin.listProjects()).map(({ domain, name }) => projectKey(domain, name))),
    });
    for (const { name } of file.domains) await this.projects.ensureDomain(name);
    for (const { name, domain, description } of file.projects) {
      await this.projects.ensureProject((await this.projects.ensureDomain(domain)).id, name, description);
    }
    for (const user of file.users) {
      await this.applyUser(user);
      for (const { project, role } of user.roles) {
        await this.admin.grant({ user: user.name, project, role, domain: user.domain }, operator('signet'));
      }
    }
  }

  private async applyUser(entry: UserEntry): Promise<void> {
    const { name, domain, enabled } = entry;
    const given = entry.password_hash !== undefined ? { passwordHash: entry.password_hash } : { password: entry.password ?? '' };
    const there = await this.directory.userByName(name, { name: domain });
    if (!there) {
      try {
        await this.admin.addUser({ name, domain }, given, enabled);
        return;
      } catch (error) {
        // Another process applies the same file and was faster: what it made is checked like any other user.
        if (!(error instanceof IamAdminError)) throw error;
      }
    }
    const user = there ?? (await this.directory.userByName(name, { name: domain }));
    const stored = await this.directory.passwordHash(user?.id ?? '');
    if (!user || stored === undefined) throw new Error(`the user ${name} vanished while ${domain} was set up`);
    if (!(await this.matches(stored, entry))) await this.admin.setPassword({ name, domain }, given, stored);
    if (enabled !== undefined) await this.admin.setEnabled({ name, domain }, enabled);
  }

  private async matches(stored: string, { password, password_hash: hash }: UserEntry): Promise<boolean> {
    return hash !== undefined ? stored === hash : this.passwords.verify(stored, password ?? '');
  }
}
