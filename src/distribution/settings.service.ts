import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { ChangesService } from '../changes/changes.service.js';
import type { Caller } from '../common/principal.js';
import type { InstanceScope } from '../common/scope.js';
import { Database } from '../database/database.js';
import { inInstance } from '../instances/instance-scope.js';
import { rowsOf } from './instance-rows.js';
import type { SettingsInput, SettingsView } from './settings.dto.js';

/** What an operator sets for the nodes of a gateway. */
@Injectable()
export class SettingsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
  ) {}

  /** @throws InstanceNotFound */
  async get(scope: InstanceScope): Promise<SettingsView> {
    const sql = 'SELECT lease_seconds AS leaseSeconds FROM gateway_settings WHERE instance_id = ? AND project_id = ?';
    const rows = await rowsOf<{ leaseSeconds: number | null }>(this.database, scope, sql, [scope.instanceId, scope.projectId]);
    return { lease_seconds: rows[0]?.leaseSeconds ?? null };
  }

  /** Nodes learn of it with their next report. @throws InstanceNotFound */
  async update(scope: InstanceScope, { lease_seconds }: SettingsInput, caller: Caller): Promise<SettingsView> {
    return this.changes.write(inInstance(scope), async (write) => {
      const { affected } = await write.run('UPDATE gateway_settings SET lease_seconds = ?, updated_at = ? WHERE instance_id = ?', [
        lease_seconds,
        write.now,
        scope.instanceId,
      ]);
      if (affected === 0) {
        const values = [scope.instanceId, scope.projectId, lease_seconds, write.now];
        await write.run('INSERT INTO gateway_settings (instance_id, project_id, lease_seconds, updated_at) VALUES (?, ?, ?, ?)', values);
      }
      const entry = { action: 'UpdateInstanceSettings', resourceType: 'Instance', resourceId: scope.instanceId, detail: { lease_seconds } };
      await this.audit.record(write, caller, entry);
      write.change('settings', scope.instanceId, 'updated');
      return { lease_seconds };
    });
  }
}
