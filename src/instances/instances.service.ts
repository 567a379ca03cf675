import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { ChangesService, type Write } from '../changes/changes.service.js';
import { Fault } from '../common/api-error.js';
import { ID_PATTERN, newId } from '../common/ids.js';
import { nameCondition } from '../common/pagination.js';
import type { Caller } from '../common/principal.js';
import type { ProjectScope } from '../common/scope.js';
import { Config, VERSION } from '../config/config.js';
import { Database } from '../database/database.js';
import { violates } from '../database/errors.js';
import type { Param } from '../database/tx.js';
import { operator } from '../projects/operator.js';
import { inProject } from '../projects/projects.service.js';
import { DEMO } from './demo.js';
import { editionOf } from './editions.js';
import { onGateway } from './instance-scope.js';
import { RUNNING, statusNumber } from './instance-status.js';
import { detailsOf, type InstanceDetails, toColumn, windowOf } from './instances.details.js';
import type { InstanceInput, InstanceQuery, InstanceUpdateInput } from './instances.dto.js';
import { GatewayNotFound, InstanceIdTaken, InstanceNameTaken, InstanceQuotaExceeded, SpecNotFound } from './instances.errors.js';
import {
  type InstanceCreatedView,
  type InstanceDetailView,
  type InstanceListView,
  type InstanceRow,
  toDetailView,
  toView,
} from './instances.views.js';
import { RELEASE } from './release.js';

const UNIQUE_NAME = { name: 'uq_instances_project_name', columns: 'instances.project_id, instances.instance_name' };
const INSTANCE_ID = { name: 'PRIMARY', columns: 'instances.id' };
const COUNTER_ID = { name: 'PRIMARY', columns: 'change_counters.scope_id' };
const COLUMNS = 'id, project_id, instance_name, spec, status, description, details, user_id, created_at';
const SELECT = `i.id, i.project_id AS projectId, i.instance_name AS instanceName, i.spec, i.status, i.description, i.details,
  i.user_id AS userId, i.created_at AS createdAt`;
const FIND = `SELECT ${SELECT} FROM instances i WHERE i.id = ? AND i.project_id = ?`;
const GONE = `SELECT c.revision, i.instance_name AS name,
  (SELECT COUNT(*) FROM signs s WHERE s.instance_id = i.id) AS signs,
  (SELECT COUNT(*) FROM sign_bindings b WHERE b.instance_id = i.id) AS bindings
  FROM instances i JOIN change_counters c ON c.scope_id = i.id WHERE i.id = ? AND i.project_id = ?`;

/** A gateway on its way out: its last revision, and what goes with it. */
interface Gone {
  revision: number;
  name: string;
  signs: number;
  bindings: number;
}

/** Gateways: apig §3.1. */
@Injectable()
export class InstancesService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /**
   * Creates a gateway with the default environment; it runs at once. Belongs to the project's log, because the gateway's own
   * begins with it.
   * @throws SpecNotFound, ZoneMissing, MaintenanceWindowHour, MaintenanceWindowLength, InstanceQuotaExceeded,
   * InstanceNameTaken, InstanceIdTaken
   */
  async create(scope: ProjectScope, input: InstanceInput, caller: Caller): Promise<InstanceCreatedView> {
    if (!editionOf(input.spec_id)) throw new SpecNotFound();
    const details = detailsOf(input);
    const id = input.instance_id ?? newId();
    await this.changes.write(inProject(scope), async (write) => {
      const [quota] = await write.rows<{ used: number }>('SELECT COUNT(*) AS used FROM instances WHERE project_id = ?', [scope.projectId]);
      if ((quota?.used ?? 0) >= this.config.instanceNumLimit) throw new InstanceQuotaExceeded();
      await write
        .run(`INSERT INTO instances (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, [
          id,
          scope.projectId,
          input.instance_name,
          input.spec_id,
          RUNNING,
          input.description ?? '',
          toColumn(details),
          caller.principal.userId,
          write.now,
        ])
        .catch(taken);
      if (input.instance_id !== undefined) await assertNeverUsed(write, id);
      await write
        .run('INSERT INTO change_counters (scope_id, project_id, revision) VALUES (?, ?, 0)', [id, scope.projectId])
        .catch((error: unknown) => {
          throw violates(error, COUNTER_ID) ? new InstanceIdTaken() : error;
        });
      await write.run('INSERT INTO environments (instance_id, id, project_id, name, remark, created_at) VALUES (?, ?, ?, ?, ?, ?)', [
        id,
        RELEASE.id,
        scope.projectId,
        RELEASE.name,
        '',
        write.now,
      ]);
      await this.audit.record(write, caller, {
        action: 'CreateInstance',
        resourceType: 'Instance',
        resourceId: id,
        resourceName: input.instance_name,
        detail: { spec: input.spec_id },
      });
      write.change('instance', id, 'created');
    });
    return { instance_id: id, message: 'The gateway has been created.', job_id: `JOB-${newId()}` };
  }

  /** Gateways of a project, newest first (apig §3.1). @throws Fault 400 for a status that is none */
  async list(scope: ProjectScope, query: InstanceQuery): Promise<InstanceListView> {
    const conditions = ['i.project_id = ?'];
    const values: Param[] = [scope.projectId];
    if (query.instance_id !== undefined) {
      conditions.push('i.id = ?');
      values.push(query.instance_id);
    }
    if (query.instance_name !== undefined) {
      const { sql, value } = nameCondition('i.instance_name', query.instance_name, false);
      conditions.push(sql);
      values.push(value);
    }
    if (query.status !== undefined) {
      const status = statusNumber(query.status);
      if (status === undefined) throw new Fault('invalid', { parameter: 'status', where: 'query' });
      conditions.push('i.status = ?');
      values.push(status);
    }
    const from = `FROM instances i WHERE ${conditions.join(' AND ')}`;
    // An id of the caller's choice is not ordered by time.
    const rows = await this.database.rows<InstanceRow & { total: number }>(
      `SELECT ${SELECT}, COUNT(*) OVER () AS total ${from} ORDER BY i.created_at DESC, i.id DESC LIMIT ? OFFSET ?`,
      [...values, String(query.limit), String(query.offset)],
    );
    const total = rows[0]?.total ?? (await this.count(from, values));
    return { total, size: rows.length, instances: rows.map((row) => toView(parsed(row))) };
  }

  /** @throws GatewayNotFound when it is not there, or another project's */
  async detail(scope: ProjectScope, instanceId: string): Promise<InstanceDetailView> {
    return this.view(await this.row(scope, instanceId));
  }

  /** The stored gateway. @throws GatewayNotFound */
  async row(scope: ProjectScope, instanceId: string): Promise<InstanceRow> {
    if (!ID_PATTERN.test(instanceId)) throw new GatewayNotFound();
    return found(await this.database.rows<InstanceRow>(FIND, [instanceId, scope.projectId]));
  }

  /**
   * Changes what the body names; the rest stays.
   * @throws GatewayNotFound, InstanceNameTaken, MaintenanceWindowHour, MaintenanceWindowLength
   */
  async update(scope: ProjectScope, instanceId: string, input: InstanceUpdateInput, caller: Caller): Promise<InstanceDetailView> {
    const window = windowOf(input);
    return this.changes.write(onGateway(scope, instanceId), async (write) => {
      const before = found(await write.rows<InstanceRow>(FIND, [instanceId, scope.projectId]));
      const after: InstanceRow = {
        ...before,
        instanceName: input.instance_name ?? before.instanceName,
        description: input.description ?? before.description,
        details: {
          ...before.details,
          ...(window && { maintainBegin: window.begin, maintainEnd: window.end }),
          securityGroupId: input.security_group_id ?? before.details.securityGroupId,
          endpointName: input.vpcep_service_name ?? before.details.endpointName,
        },
      };
      await write
        .run('UPDATE instances SET instance_name = ?, description = ?, details = ? WHERE id = ?', [
          after.instanceName,
          after.description,
          toColumn(after.details),
          instanceId,
        ])
        .catch(taken);
      await this.audit.record(write, caller, {
        action: 'UpdateInstance',
        resourceType: 'Instance',
        resourceId: instanceId,
        resourceName: after.instanceName,
      });
      write.change('instance', instanceId, 'updated');
      return this.view(after);
    });
  }

  /**
   * Deletes a gateway and, by foreign keys, all it holds. The project's counter is locked first, then the gateway's, so that
   * a write under way in the gateway either lands before and goes with it, or finds no gateway. Both logs say so: those who
   * watch the project, and those who watch the gateway and would otherwise wait for ever; both audit chains end with it.
   * @throws GatewayNotFound
   */
  async delete(scope: ProjectScope, instanceId: string, caller: Caller): Promise<void> {
    if (!ID_PATTERN.test(instanceId)) throw new GatewayNotFound();
    const lastWriteId = newId();
    await this.changes.write(inProject(scope), async (write) => {
      const { affected } = await write.run('UPDATE change_counters SET revision = revision + 1 WHERE scope_id = ? AND project_id = ?', [
        instanceId,
        scope.projectId,
      ]);
      // The project's own counter answers to its id, which is no gateway's.
      const [gone] = affected === 1 ? await write.rows<Gone>(GONE, [instanceId, scope.projectId]) : [];
      if (!gone) throw new GatewayNotFound();
      const { revision, name, ...detail } = gone;
      const entry = { action: 'DeleteInstance', resourceType: 'Instance', resourceId: instanceId, resourceName: name, detail };
      await write.run(
        "INSERT INTO changes (scope_id, revision, ordinal, kind, target_id, op, write_id, created_at) VALUES (?, ?, 0, 'instance', ?, 'deleted', ?, ?)",
        [instanceId, revision, instanceId, lastWriteId, write.now],
      );
      await this.audit.record({ ...write, scopeId: instanceId, revision }, caller, entry);
      await write.run('DELETE FROM instances WHERE id = ?', [instanceId]);
      await write.run('DELETE FROM change_counters WHERE scope_id = ?', [instanceId]);
      await this.audit.record(write, caller, entry);
      write.change('instance', instanceId, 'deleted');
      write.wake(instanceId, revision);
    });
  }

  /**
   * A gateway to begin with, for a project that has none. Safe to call from several processes at once.
   * @returns its id; `undefined` when the project has gateways, none of which has the name
   */
  async ensureDemo(projectId: string): Promise<string | undefined> {
    const scope = { projectId };
    const [there] = await this.database.rows('SELECT 1 AS one FROM instances WHERE project_id = ? LIMIT 1', [projectId]);
    if (!there) {
      try {
        return (await this.create(scope, DEMO, operator('signet'))).instance_id;
      } catch (error) {
        // Another process was quicker.
        if (!(error instanceof InstanceNameTaken || error instanceof InstanceQuotaExceeded)) throw error;
      }
    }
    const sql = 'SELECT id FROM instances WHERE project_id = ? AND instance_name = ?';
    const [demo] = await this.database.rows<{ id: string }>(sql, [projectId, DEMO.instance_name]);
    return demo?.id;
  }

  private view(row: InstanceRow): InstanceDetailView {
    return toDetailView(row, { region: this.config.region, version: VERSION });
  }

  private async count(from: string, values: readonly Param[]): Promise<number> {
    const [row] = await this.database.rows<{ total: number }>(`SELECT COUNT(*) AS total ${from}`, values);
    return row?.total ?? 0;
  }
}

/** The one row as the code knows it. @throws GatewayNotFound */
function found([row]: readonly InstanceRow[]): InstanceRow {
  if (!row) throw new GatewayNotFound();
  return parsed(row);
}

/** SQLite and MariaDB give a JSON column as text, MySQL as what the text says. */
const parsed = (row: InstanceRow): InstanceRow => {
  const { details } = row as { details: InstanceDetails | string };
  return typeof details === 'string' ? { ...row, details: JSON.parse(details) as InstanceDetails } : row;
};

function taken(error: unknown): never {
  if (violates(error, UNIQUE_NAME)) throw new InstanceNameTaken();
  throw violates(error, INSTANCE_ID) ? new InstanceIdTaken() : error;
}

/**
 * A gateway that is gone leaves its change log and its audit chain, and a second gateway must not write on in them.
 * @throws InstanceIdTaken
 */
async function assertNeverUsed(write: Write, id: string): Promise<void> {
  const used = await write.rows('SELECT 1 AS one FROM audit_events WHERE scope_id = ? LIMIT 1', [id]);
  if (used.length > 0) throw new InstanceIdTaken();
}
