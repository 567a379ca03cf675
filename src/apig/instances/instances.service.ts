import { Injectable } from '@nestjs/common';
import { type AuditEntry, AuditService } from '../../platform/audit/audit.service.js';
import { insertCounter, isCounterTaken } from '../../platform/changes/counters.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { Change } from '../../platform/changes/change.entity.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { ID_PATTERN, newId } from '../../platform/common/ids.js';
import { type NameCondition, nameCondition } from '../../platform/common/pagination.js';
import type { Caller } from '../../platform/common/principal.js';
import type { ProjectScope, Scope } from '../../platform/common/scope.js';
import { Committed } from '../../platform/common/committed.js';
import { Config } from '../../platform/config/config.js';
import { VERSION } from '../../platform/config/version.js';
import { Database } from '../../platform/database/database.js';
import { violates } from '../../platform/database/errors.js';
import type { Param } from '../../platform/database/tx.js';
import { columnsOf } from '../../platform/database/columns.js';
import { DEFAULT_LEASE_SECONDS } from '../../lib/protocol/protocol.js';
import { operator } from '../../identity/projects/operator.js';
import { inProject } from '../../identity/projects/projects.service.js';
import { ReceiptsService } from '../../platform/receipts/receipts.service.js';
import { editionOf } from './editions.js';
import { onGateway } from './instance-scope.js';
import { RUNNING, statusNumber } from './instance-status.js';
import { detailsOf, type InstanceDetails, toColumn, windowOf } from './instances.details.js';
import type { InstanceInput, InstanceQuery, InstanceUpdateInput } from './instances.dto.js';
import { GatewayNotFound, InstanceIdTaken, InstanceNameTaken, InstanceQuotaExceeded, SpecNotFound } from './instances.errors.js';
import {
  INSTANCE,
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
const NEW_CHANGE = columnsOf(Change).all();
const FIND = `SELECT ${INSTANCE.select} FROM instances i WHERE i.id = ? AND i.project_id = ?`;
const GONE = `SELECT c.revision, i.instance_name AS name,
  (SELECT COUNT(*) FROM signs s WHERE s.instance_id = i.id) AS signs,
  (SELECT COUNT(*) FROM sign_bindings b WHERE b.instance_id = i.id) AS bindings
  FROM instances i JOIN change_counters c ON c.scope_kind = 'instance' AND c.scope_id = i.id WHERE i.id = ? AND i.project_id = ?`;

/** A gateway that is about to be deleted: its last revision, and how much is deleted together with it. */
interface GatewayToDelete {
  revision: number;
  name: string;
  signs: number;
  bindings: number;
}

/** The gateway that the local mode creates at its first start. */
const DEMO: InstanceInput = {
  instance_name: 'demo',
  description: 'Gateway for the first steps',
  spec_id: 'PLATINUM',
  vpc_id: 'local',
  subnet_id: 'local',
  security_group_id: 'local',
  available_zone_ids: ['local-a'],
};

/** Gateways (docs/contracts/apig.md §3.1). */
@Injectable()
export class InstancesService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly config: Config,
    private readonly receipts: ReceiptsService,
  ) {}

  /**
   * Creates a gateway with the default environment. It runs at once. The project's change log records the creation, because the gateway's
   * own log begins with it.
   * @throws SpecNotFound, ZoneMissing, MaintenanceWindowHour, MaintenanceWindowLength, InstanceQuotaExceeded, InstanceNameTaken,
   * InstanceIdTaken
   */
  async create(scope: ProjectScope, input: InstanceInput, caller: Caller): Promise<InstanceCreatedView> {
    if (!editionOf(input.spec_id)) throw new SpecNotFound();
    const id = input.instance_id ?? newId();
    const details = detailsOf(input, id);
    await this.changes.write(inProject(scope), async (write) => {
      const [quota] = await write.rows<{ used: number }>('SELECT COUNT(*) AS used FROM instances WHERE project_id = ?', [scope.projectId]);
      if ((quota?.used ?? 0) >= this.config.instanceNumLimit) throw new InstanceQuotaExceeded();
      await write
        .run(
          INSTANCE.insert(),
          INSTANCE.values({
            id,
            projectId: scope.projectId,
            instanceName: input.instance_name,
            spec: input.spec_id,
            status: RUNNING,
            description: input.description ?? '',
            details: toColumn(details),
            userId: caller.principal.userId,
            createdAt: write.now,
          }),
        )
        .catch(taken);
      if (input.instance_id !== undefined) await assertNeverUsed(write, id);
      await insertCounter(write, { kind: 'instance', id }, scope.projectId).catch((error: unknown) => {
        throw isCounterTaken(error) ? new InstanceIdTaken() : error;
      });
      // A default lease: without one, a node that lost its connection would delay receipts until an operator vouches for it.
      await write.run('INSERT INTO gateway_settings (instance_id, project_id, lease_seconds, updated_at) VALUES (?, ?, ?, ?)', [
        id,
        scope.projectId,
        DEFAULT_LEASE_SECONDS,
        write.now,
      ]);
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

  /** Returns the gateways of a project, newest first (docs/contracts/apig.md §3.1). @throws ApiFault 400 for an unknown status */
  async list(scope: ProjectScope, query: InstanceQuery): Promise<InstanceListView> {
    const conditions = ['i.project_id = ?'];
    const values: Param[] = [scope.projectId];
    let exact: NameCondition['exactFirst'] | undefined;
    if (query.instance_id !== undefined) {
      conditions.push('i.id = ?');
      values.push(query.instance_id);
    }
    if (query.instance_name !== undefined) {
      const { sql, value, exactFirst } = nameCondition('i.instance_name', query.instance_name, false);
      conditions.push(sql);
      values.push(value);
      exact = exactFirst;
    }
    if (query.status !== undefined) {
      const status = statusNumber(query.status);
      if (status === undefined) throw new ApiFault('invalid', { parameter: 'status', where: 'query' });
      conditions.push('i.status = ?');
      values.push(status);
    }
    const from = `FROM instances i WHERE ${conditions.join(' AND ')}`;
    // Sorts by time as well, because ids that callers choose are not ordered by time.
    const rows = await this.database.rows<InstanceRow & { total: number }>(
      `SELECT ${INSTANCE.select}, COUNT(*) OVER () AS total ${from} ORDER BY ${exact ? `${exact.sql}, ` : ''}i.created_at DESC, i.id DESC LIMIT ? OFFSET ?`,
      [...values, ...(exact ? [exact.value] : []), String(query.limit), String(query.offset)],
    );
    const total = rows[0]?.total ?? (await this.count(from, values));
    return { total, size: rows.length, instances: rows.map((row) => toView(parsed(row))) };
  }

  /** @throws GatewayNotFound, also for a gateway of another project */
  async detail(scope: ProjectScope, instanceId: string): Promise<InstanceDetailView> {
    return this.view(await this.row(scope, instanceId));
  }

  /** Returns all gateways of a project, newest first. */
  async all(scope: ProjectScope): Promise<InstanceRow[]> {
    const sql = `SELECT ${INSTANCE.select} FROM instances i WHERE i.project_id = ? ORDER BY i.created_at DESC, i.id DESC`;
    return (await this.database.rows<InstanceRow>(sql, [scope.projectId])).map(parsed);
  }

  /** Returns the stored gateway. @throws GatewayNotFound */
  async row(scope: ProjectScope, instanceId: string): Promise<InstanceRow> {
    if (!ID_PATTERN.test(instanceId)) throw new GatewayNotFound();
    return found(await this.database.rows<InstanceRow>(FIND, [instanceId, scope.projectId]));
  }

  /**
   * Changes the fields in the body. All others keep their values.
   * @throws GatewayNotFound, InstanceNameTaken, MaintenanceWindowHour, MaintenanceWindowLength
   */
  async update(scope: ProjectScope, instanceId: string, input: InstanceUpdateInput, caller: Caller): Promise<InstanceDetailView> {
    const window = windowOf(input);
    const after = await this.change(scope, instanceId, caller, { action: 'UpdateInstance' }, (before) => ({
      ...before,
      instanceName: input.instance_name ?? before.instanceName,
      description: input.description ?? before.description,
      details: {
        ...before.details,
        ...(window && { maintainBegin: window.begin, maintainEnd: window.end }),
        securityGroupId: input.security_group_id ?? before.details.securityGroupId,
        endpointName: input.vpcep_service_name ?? before.details.endpointName,
      },
    }));
    return this.view(after);
  }

  /**
   * Changes the row of a gateway in one write, with an audit row of its own.
   * @param change returns the changed gateway. If it returns the same object, nothing is written
   * @throws GatewayNotFound, InstanceNameTaken, and the errors that `change` throws
   */
  async change(
    scope: ProjectScope,
    instanceId: string,
    caller: Caller,
    entry: Pick<AuditEntry, 'action' | 'detail'>,
    change: (before: InstanceRow) => InstanceRow,
  ): Promise<InstanceRow> {
    return this.changes.write(onGateway(scope, instanceId), async (write) => {
      const before = found(await write.rows<InstanceRow>(FIND, [instanceId, scope.projectId]));
      const after = change(before);
      if (after === before) return before;
      await write
        .run('UPDATE instances SET instance_name = ?, spec = ?, description = ?, details = ? WHERE id = ?', [
          after.instanceName,
          after.spec,
          after.description,
          toColumn(after.details),
          instanceId,
        ])
        .catch(taken);
      await this.audit.record(write, caller, {
        ...entry,
        resourceType: 'Instance',
        resourceId: instanceId,
        resourceName: after.instanceName,
      });
      write.change('instance', instanceId, 'updated');
      return after;
    });
  }

  /**
   * Deletes a gateway, and, by foreign keys, everything in it. Locks the project's counter first, then the gateway's, so that a concurrent
   * write in the gateway either commits before or finds no gateway. Both change logs and both audit chains record the deletion, because
   * nodes that follow the gateway's log would otherwise wait for ever. Returns the gateway's last revision, which its nodes acknowledge.
   * @throws GatewayNotFound
   */
  async delete(scope: ProjectScope, instanceId: string, caller: Caller): Promise<Committed<void>> {
    if (!ID_PATTERN.test(instanceId)) throw new GatewayNotFound();
    const lastWriteId = newId();
    const instance: Scope = { kind: 'instance', id: instanceId };
    const written = await this.changes.write(inProject(scope), async (write) => {
      const { affected } = await write.run(
        "UPDATE change_counters SET revision = revision + 1 WHERE scope_kind = 'instance' AND scope_id = ? AND project_id = ?",
        [instanceId, scope.projectId],
      );
      const [gone] = affected === 1 ? await write.rows<GatewayToDelete>(GONE, [instanceId, scope.projectId]) : [];
      if (!gone) throw new GatewayNotFound();
      const { revision, name, ...detail } = gone;
      const entry = { action: 'DeleteInstance' as const, resourceType: 'Instance', resourceId: instanceId, resourceName: name, detail };
      const end = { scopeId: instanceId, revision, ordinal: 0, targetId: instanceId, writeId: lastWriteId, createdAt: write.now };
      await write.run(NEW_CHANGE.insert(), NEW_CHANGE.values({ ...end, kind: 'instance', op: 'deleted' }));
      const hash = await this.audit.append({ ...write, scope: instance, revision }, caller, entry);
      await write.run('DELETE FROM instances WHERE id = ?', [instanceId]);
      await write.run("DELETE FROM change_counters WHERE scope_kind = 'instance' AND scope_id = ?", [instanceId]);
      // The project's chain records the last hash of the gateway's chain, so that the removal of either chain is detected.
      await this.audit.record(write, caller, { ...entry, detail: { ...detail, chain: { seq: Number(revision), hash } } });
      write.change('instance', instanceId, 'deleted');
      write.notify(instance, revision);
      return new Committed(undefined, instance, Number(revision), write.epoch);
    });
    // The gateway has no counter any more, so the periodic check would not find it.
    void this.receipts.check(instance);
    return written;
  }

  /**
   * Creates the demo gateway in a project without gateways. Several processes may call this method at the same time.
   * @returns the id of the demo gateway; `undefined` when the project has gateways and none of them has this name
   */
  async ensureDemo(projectId: string): Promise<string | undefined> {
    const scope = { projectId };
    const [there] = await this.database.rows('SELECT 1 AS one FROM instances WHERE project_id = ? LIMIT 1', [projectId]);
    if (!there) {
      try {
        return (await this.create(scope, DEMO, operator('signet'))).instance_id;
      } catch (error) {
        // Another process has created it.
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

/** Returns the only row, parsed. @throws GatewayNotFound */
function found([row]: readonly InstanceRow[]): InstanceRow {
  if (!row) throw new GatewayNotFound();
  return parsed(row);
}

/** SQLite and MariaDB return a JSON column as text; from MySQL it arrives parsed. */
const parsed = (row: InstanceRow): InstanceRow => {
  const { details } = row as { details: InstanceDetails | string };
  return typeof details === 'string' ? { ...row, details: JSON.parse(details) as InstanceDetails } : row;
};

function taken(error: unknown): never {
  if (violates(error, UNIQUE_NAME)) throw new InstanceNameTaken();
  throw violates(error, INSTANCE_ID) ? new InstanceIdTaken() : error;
}

/**
 * Checks that no gateway ever had this id: a deleted gateway leaves its change log and audit chain, which a new gateway must not continue.
 * @throws InstanceIdTaken
 */
async function assertNeverUsed(write: Write, id: string): Promise<void> {
  const used = await write.rows('SELECT 1 AS one FROM audit_events WHERE scope_id = ? LIMIT 1', [id]);
  if (used.length > 0) throw new InstanceIdTaken();
}
