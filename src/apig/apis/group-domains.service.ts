import { Injectable } from '@nestjs/common';
import type { AuditAction } from '../../platform/audit/actions.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { newId } from '../../platform/common/ids.js';
import type { Caller } from '../../platform/common/principal.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import { Config } from '../../platform/config/config.js';
import { columnsOf } from '../../platform/database/columns.js';
import { violates } from '../../platform/database/errors.js';
import { inInstance } from '../instances/instance-scope.js';
import {
  CertificateConflict,
  CertificateNotAttached,
  DomainInvalid,
  DomainNotFound,
  DomainOfAnotherGroup,
  DomainQuotaExceeded,
  DomainTaken,
} from './apis.errors.js';
import { GroupDomain } from './group-domain.entity.js';
import {
  DOMAIN_ROW,
  type DomainCertificatesInput,
  type DomainInput,
  type DomainRow,
  type DomainSettings,
  type DomainSettingsInput,
  type GroupDomainView,
  hostOf,
  isDomain,
  NEW_SETTINGS,
  settingsAfter,
  settingsOf,
  toGroupDomainView,
} from './group-domains.dto.js';
import { findGroup } from './groups.service.js';
import { limitsOf } from './limits.js';
import { findIn, toJson } from './listing.js';

const UNIQUE_HOST = { name: 'uq_group_domains_instance_host', columns: 'group_domains.instance_id, group_domains.host' };
const NEW_DOMAIN = columnsOf(GroupDomain).all();

/** A domain of a group that a path names. */
export interface DomainPath {
  group_id: string;
  domain_id: string;
}

/**
 * Domains of API groups, and the ids of their certificates. Signet only stores them: a gateway node takes its hosts from its own
 * configuration (docs/contracts/apig.md §3.10).
 */
@Injectable()
export class GroupDomainsService {
  constructor(
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /** @throws DomainInvalid, GroupNotFound, DomainQuotaExceeded, DomainTaken, InstanceNotFound */
  async create(scope: InstanceScope, groupId: string, input: DomainInput, caller: Caller): Promise<GroupDomainView> {
    const urlDomain = input.url_domain;
    if (!isDomain(urlDomain)) throw new DomainInvalid();
    const row = { id: newId(), groupId, urlDomain, settings: toJson(settingsAfter(NEW_SETTINGS, input)) };
    return this.changes.write(inInstance(scope), async (write) => {
      const group = await findGroup(write, scope, groupId);
      const [quota] = await write.rows<{ used: number }>('SELECT COUNT(*) AS used FROM group_domains WHERE group_id = ?', [groupId]);
      if ((quota?.used ?? 0) >= limitsOf(this.config)('APIGROUP_DOMAIN_NUM_LIMIT')) throw new DomainQuotaExceeded();
      await write.run(NEW_DOMAIN.insert(), NEW_DOMAIN.values({ ...scope, ...row, host: hostOf(urlDomain) })).catch(taken);
      await this.record(write, caller, 'AssociateDomain', group, row);
      return toGroupDomainView(row);
    });
  }

  /** Changes the given settings. @throws GroupNotFound, DomainNotFound, DomainOfAnotherGroup, InstanceNotFound */
  update(scope: InstanceScope, path: DomainPath, input: DomainSettingsInput, caller: Caller): Promise<GroupDomainView> {
    return this.edit(scope, path, caller, 'UpdateDomain', (before) => settingsAfter(before, input));
  }

  /** @throws GroupNotFound, DomainNotFound, DomainOfAnotherGroup, CertificateConflict, InstanceNotFound */
  async attach(scope: InstanceScope, path: DomainPath, input: DomainCertificatesInput, caller: Caller): Promise<void> {
    const ssl_id = input.certificate_ids[0];
    await this.edit(scope, path, caller, 'AssociateCertificate', (before) => {
      if (before.ssl_id !== undefined && before.ssl_id !== ssl_id) throw new CertificateConflict();
      const verified = input.verified_client_certificate_enabled ?? before.verified_client_certificate_enabled;
      return { ...before, ssl_id, verified_client_certificate_enabled: verified };
    });
  }

  /** @throws GroupNotFound, DomainNotFound, DomainOfAnotherGroup, CertificateNotAttached, InstanceNotFound */
  async detach(scope: InstanceScope, path: DomainPath, input: DomainCertificatesInput, caller: Caller): Promise<void> {
    await this.edit(scope, path, caller, 'DisassociateCertificate', (before) => {
      if (before.ssl_id !== input.certificate_ids[0]) throw new CertificateNotAttached();
      return { ...before, ssl_id: undefined, verified_client_certificate_enabled: false };
    });
  }

  /** @throws GroupNotFound, DomainNotFound, DomainOfAnotherGroup, InstanceNotFound */
  async delete(scope: InstanceScope, path: DomainPath, caller: Caller): Promise<void> {
    await this.edit(scope, path, caller, 'DisassociateDomain', () => undefined);
  }

  /** @param next returns the settings after the write; undefined deletes the domain */
  private edit(
    scope: InstanceScope,
    { group_id: groupId, domain_id: domainId }: DomainPath,
    caller: Caller,
    action: AuditAction,
    next: (before: DomainSettings) => DomainSettings | undefined,
  ): Promise<GroupDomainView> {
    return this.changes.write(inInstance(scope), async (write) => {
      const group = await findGroup(write, scope, groupId);
      const table = { select: DOMAIN_ROW.select, from: 'group_domains d' } as const;
      const domain = await findIn<DomainRow>(write, scope, table, domainId, () => new DomainNotFound());
      if (domain.groupId !== groupId) throw new DomainOfAnotherGroup();
      const after = next(settingsOf(domain));
      const settings = after && toJson(after);
      if (settings === undefined) await write.run('DELETE FROM group_domains WHERE id = ?', [domainId]);
      else await write.run('UPDATE group_domains SET settings = ? WHERE id = ?', [settings, domainId]);
      await this.record(write, caller, action, group, domain);
      return toGroupDomainView({ ...domain, ...(settings !== undefined && { settings }) });
    });
  }

  private async record(
    write: Write,
    caller: Caller,
    action: AuditAction,
    group: { id: string; name: string },
    domain: Pick<DomainRow, 'id' | 'urlDomain'>,
  ): Promise<void> {
    const detail = { domain_id: domain.id, url_domain: domain.urlDomain };
    await this.audit.record(write, caller, { action, resourceType: 'ApiGroup', resourceId: group.id, resourceName: group.name, detail });
    write.change('group', group.id, 'updated');
  }
}

function taken(error: unknown): never {
  throw violates(error, UNIQUE_HOST) ? new DomainTaken() : error;
}
