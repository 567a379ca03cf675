import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { Actions } from '../auth/actions.js';
import { type PolicyDocument, PolicyFault, readPolicy } from '../auth/policy.js';
import { isSystemName } from '../auth/system-policies.js';
import { ChangesService, type Write } from '../changes/changes.service.js';
import { Fault, invalid } from '../common/api-error.js';
import { newId } from '../common/ids.js';
import type { Caller } from '../common/principal.js';
import { Database } from '../database/database.js';
import { violates } from '../database/errors.js';
import { inDomain } from '../projects/projects.service.js';
import { AccessChanges } from './access-changes.js';
import { Delegation } from './delegation.js';
import { NameTaken, PolicyRefused } from './iam.errors.js';
import type { Policy, PolicyType } from './policy.entity.js';

const UNIQUE_NAME = { name: 'uq_policies_domain_name', columns: 'policies.domain_id, policies.name' };
const COLUMNS = 'id, domain_id, name, type, description, document, created_at, updated_at';
const SELECT = `SELECT id, domain_id AS domainId, name, type, description, document, created_at AS createdAt, updated_at AS updatedAt FROM policies`;
const UPDATE = 'iam:roles:updateRole';
const DELETE = 'iam:roles:deleteRole';

/** What a policy is made of; `policy` is judged here. */
export interface PolicyInput {
  name: string;
  type?: PolicyType;
  description?: string;
  policy: unknown;
}

/** Policies that a domain makes for itself. */
@Injectable()
export class PoliciesService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly actions: Actions,
    private readonly delegation: Delegation,
    private readonly access: AccessChanges,
  ) {}

  /** A new policy, which nobody holds yet. @throws PolicyRefused, NameTaken */
  async create(domainId: string, { name, type = 'XA', description = '', policy }: PolicyInput, caller: Caller): Promise<Policy> {
    if (isSystemName(name)) throw new NameTaken();
    const document = JSON.stringify(this.read(policy));
    const id = newId();
    const created = await this.changes.write(inDomain(domainId), async (write) => {
      const row: Policy = { id, domainId, name, type, description, document, createdAt: write.now, updatedAt: write.now };
      const values = [id, domainId, name, type, description, document, write.now, write.now];
      await write.run(`INSERT INTO policies (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, values).catch(nameTaken);
      await this.record(write, caller, 'CreatePolicy', row, { policy: JSON.parse(document) as object });
      write.change('policy', id, 'created');
      return row;
    });
    // A token of another issuer may name it already.
    this.access.committed();
    return created;
  }

  /** Policies of the domain, by name. */
  list(domainId: string): Promise<Policy[]> {
    return this.database.rows<Policy>(`${SELECT} WHERE domain_id = ? ORDER BY name`, [domainId]);
  }

  /** @throws Fault `not_found` */
  async get(domainId: string, id: string): Promise<Policy> {
    return this.find(await this.database.rows<Policy>(`${SELECT} WHERE id = ? AND domain_id = ?`, [id, domainId]));
  }

  /**
   * Changes a policy for everybody who holds it, of whom the caller must be allowed, wherever that is, what they gain by it.
   * @throws Fault `not_found`, `invalid` for another name; PolicyRefused, NotHeld
   */
  async update(domainId: string, id: string, input: Partial<PolicyInput>, caller: Caller): Promise<Policy> {
    const policy = input.policy === undefined ? undefined : this.read(input.policy);
    const updated = await this.changes.write(inDomain(domainId), async (write) => {
      const before = this.find(await write.rows<Policy>(`${SELECT} WHERE id = ? AND domain_id = ?`, [id, domainId]));
      if (input.name !== undefined && input.name !== before.name) throw invalid('role.display_name');
      const document = policy ? JSON.stringify(policy) : before.document;
      const { gained, lost } = difference(JSON.parse(before.document) as PolicyDocument, JSON.parse(document) as PolicyDocument);
      for (const projectId of await projectsWith(write, id)) {
        const named = (each: PolicyDocument) => [{ name: before.name, document: each }];
        await this.delegation.assert(write, caller, { projectId, action: UPDATE, gained: named(gained), lost: named(lost) });
      }
      const { type = before.type, description = before.description } = input;
      const row: Policy = { ...before, type, description, document, updatedAt: write.now };
      const sql = 'UPDATE policies SET type = ?, description = ?, document = ?, updated_at = ? WHERE id = ?';
      await write.run(sql, [type, description, document, write.now, id]);
      await this.record(write, caller, 'UpdatePolicy', row, { policy: JSON.parse(document) as object });
      write.change('policy', id, 'updated');
      return row;
    });
    this.access.committed();
    return updated;
  }

  /** Deletes a policy; whoever holds it holds it no more, by foreign key. @throws Fault `not_found`; NotHeld */
  async delete(domainId: string, id: string, caller: Caller): Promise<void> {
    await this.changes.write(inDomain(domainId), async (write) => {
      const policy = this.find(await write.rows<Policy>(`${SELECT} WHERE id = ? AND domain_id = ?`, [id, domainId]));
      const lost = [{ name: policy.name, document: JSON.parse(policy.document) as PolicyDocument }];
      const projects = await projectsWith(write, id);
      for (const projectId of projects) await this.delegation.assert(write, caller, { projectId, action: DELETE, lost });
      await write.run('DELETE FROM policies WHERE id = ?', [id]);
      await this.record(write, caller, 'DeletePolicy', policy, { held_in_projects: projects.length });
      write.change('policy', id, 'deleted');
    });
    this.access.committed();
  }

  private read(policy: unknown): PolicyDocument {
    try {
      return readPolicy(policy, this.actions.all);
    } catch (error) {
      throw error instanceof PolicyFault ? new PolicyRefused(error.message) : error;
    }
  }

  private find([row]: Policy[]): Policy {
    if (!row) throw new Fault('not_found');
    return row;
  }

  private record(write: Write, caller: Caller, action: string, { id, name }: Policy, detail: Record<string, unknown>): Promise<void> {
    return this.audit.record(write, caller, { action, resourceType: 'Policy', resourceId: id, resourceName: name, detail });
  }
}

/** Where somebody holds the policy. */
async function projectsWith(write: Write, policyId: string): Promise<string[]> {
  const sql = `SELECT project_id AS projectId FROM role_assignments WHERE policy_id = ?
    UNION SELECT project_id AS projectId FROM group_role_assignments WHERE policy_id = ?`;
  return (await write.rows<{ projectId: string }>(sql, [policyId, policyId])).map(({ projectId }) => projectId);
}

/** What stands in only one of two versions of a policy. */
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
