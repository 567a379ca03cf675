import { Injectable } from '@nestjs/common';
import type { AuditAction } from '../../platform/audit/actions.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { Actions } from '../../platform/auth/actions.js';
import { type PolicyDocument, PolicyFault, readPolicy } from '../../platform/auth/policy.js';
import { isSystemName } from '../../platform/auth/system-policies.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { ApiFault, invalid } from '../../platform/common/api-error.js';
import { newId } from '../../platform/common/ids.js';
import type { Caller } from '../../platform/common/principal.js';
import { Database } from '../../platform/database/database.js';
import { violates } from '../../platform/database/errors.js';
import type { Rows } from '../../platform/database/tx.js';
import { columnsOf } from '../../platform/database/columns.js';
import { inDomain } from '../projects/projects.service.js';
import { proof } from '../../platform/vault/mac-tables.js';
import { RowMacs } from '../../platform/vault/row-macs.js';
import { AuthorizationCacheInvalidator } from './authorization-cache-invalidator.js';
import { PrivilegeGuard } from './privilege-guard.js';
import { NameTaken, PolicyRefused } from './iam.errors.js';
import { Policy, type PolicyType } from './policy.entity.js';

const UNIQUE_NAME = { name: 'uq_policies_domain_name', columns: 'policies.domain_id, policies.name' };
const POLICY = columnsOf(Policy, 'q').except('mac');
const SELECT = `SELECT ${POLICY.select}, ${proof('policies', 'q')} FROM policies q`;
const UPDATE = 'iam:roles:updateRole';
const DELETE = 'iam:roles:deleteRole';

/** The input of a policy. This service validates `policy`. */
export interface PolicyInput {
  name: string;
  type?: PolicyType;
  description?: string;
  policy: unknown;
}

/** Custom policies of a domain. */
@Injectable()
export class PoliciesService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly actions: Actions,
    private readonly privileges: PrivilegeGuard,
    private readonly authorizationCache: AuthorizationCacheInvalidator,
    private readonly macs: RowMacs,
  ) {}

  /** Creates a policy, which is not assigned to anybody yet. @throws PolicyRefused, NameTaken */
  async create(domainId: string, { name, type = 'XA', description = '', policy }: PolicyInput, caller: Caller): Promise<Policy> {
    if (isSystemName(name)) throw new NameTaken();
    const document = JSON.stringify(this.judge(policy));
    const id = newId();
    const created = await this.changes.write(inDomain(domainId), async (write) => {
      const row: Policy = { id, domainId, name, type, description, document, createdAt: write.now, updatedAt: write.now };
      const { now } = write;
      const columns = { id, domain_id: domainId, name, type, description, document, created_at: now, updated_at: now };
      await this.macs.insert(write, 'policies', columns).catch(nameTaken);
      await this.record(write, caller, 'CreatePolicy', row, { policy: JSON.parse(document) as object });
      write.change('policy', id, 'created');
      return row;
    });
    // Tokens of an external issuer may already name the policy.
    this.authorizationCache.invalidate();
    return created;
  }

  /** Returns the policies of the domain, by name. */
  list(domainId: string): Promise<Policy[]> {
    return this.read(this.database, 'q.domain_id = ? ORDER BY q.name', [domainId]);
  }

  /** @throws ApiFault `not_found` */
  async get(domainId: string, id: string): Promise<Policy> {
    return this.find(await this.read(this.database, 'q.id = ? AND q.domain_id = ?', [id, domainId]));
  }

  /**
   * Changes a policy for all users and groups that have it. The caller must have the rights that they gain, in every project in which they
   * have the policy.
   * @throws ApiFault `not_found`, `invalid` for another name; PolicyRefused, PrivilegeEscalation
   */
  async update(domainId: string, id: string, input: Partial<PolicyInput>, caller: Caller): Promise<Policy> {
    const policy = input.policy === undefined ? undefined : this.judge(input.policy);
    const updated = await this.changes.write(inDomain(domainId), async (write) => {
      const before = this.find(await this.read(write, 'q.id = ? AND q.domain_id = ?', [id, domainId]));
      if (input.name !== undefined && input.name !== before.name) throw invalid('role.display_name');
      const document = policy ? JSON.stringify(policy) : before.document;
      const { gained, lost } = difference(JSON.parse(before.document) as PolicyDocument, JSON.parse(document) as PolicyDocument);
      for (const projectId of await projectsWith(write, id)) {
        const named = (each: PolicyDocument) => [{ name: before.name, document: each }];
        await this.privileges.assertHolds(write, caller, { projectId, action: UPDATE, gained: named(gained), lost: named(lost) });
      }
      const { type = before.type, description = before.description } = input;
      const row: Policy = { ...before, type, description, document, updatedAt: write.now };
      await this.macs.update(write, 'policies', { id }, { type, description, document, updated_at: write.now });
      await this.record(write, caller, 'UpdatePolicy', row, { policy: JSON.parse(document) as object });
      write.change('policy', id, 'updated');
      return row;
    });
    this.authorizationCache.invalidate();
    return updated;
  }

  /** Deletes a policy and, by foreign key, its assignments. @throws ApiFault `not_found`; PrivilegeEscalation */
  async delete(domainId: string, id: string, caller: Caller): Promise<void> {
    await this.changes.write(inDomain(domainId), async (write) => {
      const policy = this.find(await this.read(write, 'q.id = ? AND q.domain_id = ?', [id, domainId]));
      const lost = [{ name: policy.name, document: JSON.parse(policy.document) as PolicyDocument }];
      const projects = await projectsWith(write, id);
      for (const projectId of projects) await this.privileges.assertHolds(write, caller, { projectId, action: DELETE, lost });
      await write.run('DELETE FROM policies WHERE id = ?', [id]);
      await this.record(write, caller, 'DeletePolicy', policy, { held_in_projects: projects.length });
      write.change('policy', id, 'deleted');
    });
    this.authorizationCache.invalidate();
  }

  private async read(reads: Rows, condition: string, values: readonly string[]): Promise<Policy[]> {
    return this.macs.verified(reads, await reads.rows<Policy>(`${SELECT} WHERE ${condition}`, values), { q: 'policies' });
  }

  private judge(policy: unknown): PolicyDocument {
    try {
      return readPolicy(policy, this.actions.all);
    } catch (error) {
      throw error instanceof PolicyFault ? new PolicyRefused(error.message) : error;
    }
  }

  private find([row]: Policy[]): Policy {
    if (!row) throw new ApiFault('not_found');
    return row;
  }

  private record(write: Write, caller: Caller, action: AuditAction, { id, name }: Policy, detail: Record<string, unknown>): Promise<void> {
    return this.audit.record(write, caller, { action, resourceType: 'Policy', resourceId: id, resourceName: name, detail });
  }
}

/** Returns the projects in which any user or group has the policy. */
async function projectsWith(write: Write, policyId: string): Promise<string[]> {
  const sql = `SELECT project_id AS projectId FROM role_assignments WHERE policy_id = ?
    UNION SELECT project_id AS projectId FROM group_role_assignments WHERE policy_id = ?`;
  return (await write.rows<{ projectId: string }>(sql, [policyId, policyId])).map(({ projectId }) => projectId);
}

/** Returns the statements that only one of two versions of a policy contains. */
function difference(before: PolicyDocument, after: PolicyDocument): { gained: PolicyDocument; lost: PolicyDocument } {
  const without = (policy: PolicyDocument, other: PolicyDocument): PolicyDocument => ({
    ...policy,
    Statement: policy.Statement.map((statement) => {
      const same = other.Statement.filter(({ Effect }) => Effect === statement.Effect).flatMap(({ Action }) => Action);
      return { ...statement, Action: statement.Action.filter((action) => !same.includes(action)) };
    }),
  });
  return { gained: without(after, before), lost: without(before, after) };
}

function nameTaken(error: unknown): never {
  throw violates(error, UNIQUE_NAME) ? new NameTaken() : error;
}
