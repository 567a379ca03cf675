import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { Permissions } from '../auth/permissions.js';
import { ChangesService } from '../changes/changes.service.js';
import { Fault } from '../common/api-error.js';
import type { Caller } from '../common/principal.js';
import type { InstanceScope } from '../common/scope.js';
import { Database } from '../database/database.js';
import { inInstance } from '../instances/instance-scope.js';
import { rowsOf } from './instance-rows.js';
import type { SettingsInput, SettingsView } from './settings.dto.js';

const SELECT = `SELECT lease_seconds AS leaseSeconds, COALESCE(mask_secrets, 0) AS masks FROM gateway_settings
  WHERE instance_id = ? AND project_id = ?`;

interface SettingsRow {
  leaseSeconds: number | null;
  masks: number;
}

/** What an operator sets for a gateway. */
@Injectable()
export class SettingsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly permissions: Permissions,
  ) {}

  /** @throws InstanceNotFound */
  async get(scope: InstanceScope): Promise<SettingsView> {
    return toView((await rowsOf<SettingsRow>(this.database, scope, SELECT, [scope.instanceId, scope.projectId]))[0]);
  }

  /**
   * Nodes learn of a lease with their next report; the mask counts with the next answer of any process.
   * @throws InstanceNotFound, Fault `forbidden` when it would show secrets to a caller that may not reveal them
   */
  async update(scope: InstanceScope, input: SettingsInput, caller: Caller): Promise<SettingsView> {
    const reveals = (await this.permissions.of(caller.principal)).allows('signet:signs:reveal');
    return this.changes.write(inInstance(scope), async (write) => {
      const [row] = await write.rows<SettingsRow>(SELECT, [scope.instanceId, scope.projectId]);
      const before = toView(row);
      const { lease_seconds = before.lease_seconds, mask_secrets = before.mask_secrets } = input;
      if (before.mask_secrets && !mask_secrets && !reveals) throw new Fault('forbidden');
      const values = [lease_seconds, mask_secrets ? 1 : null, write.now, scope.instanceId];
      if (row)
        await write.run('UPDATE gateway_settings SET lease_seconds = ?, mask_secrets = ?, updated_at = ? WHERE instance_id = ?', values);
      else {
        const sql =
          'INSERT INTO gateway_settings (lease_seconds, mask_secrets, updated_at, instance_id, project_id) VALUES (?, ?, ?, ?, ?)';
        await write.run(sql, [...values, scope.projectId]);
      }
      const detail = { lease_seconds, mask_secrets };
      const entry = { action: 'UpdateInstanceSettings', resourceType: 'Instance', resourceId: scope.instanceId, detail };
      await this.audit.record(write, caller, entry);
      write.change('settings', scope.instanceId, 'updated');
      return detail;
    });
  }
}

const toView = (row: SettingsRow | undefined): SettingsView => ({
  lease_seconds: row?.leaseSeconds ?? null,
  mask_secrets: row?.masks === 1,
});
