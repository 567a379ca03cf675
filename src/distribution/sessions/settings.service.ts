import { Injectable } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import { Permissions } from '../../platform/auth/permissions.js';
import { ChangesService } from '../../platform/changes/changes.service.js';
import { ApiFault } from '../../platform/common/api-error.js';
import type { Caller } from '../../platform/common/principal.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { Database } from '../../platform/database/database.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { inInstance } from '../../apig/instances/instance-scope.js';
import { rowsOf } from '../../apig/instances/instance-rows.js';
import type { SettingsInput, SettingsView } from './settings.dto.js';
import { GatewaySettings } from './settings.entity.js';

const SETTINGS = columnsOf(GatewaySettings).pick('leaseSeconds', 'encodedSlashes', 'openConnections');
const NEW_SETTINGS = columnsOf(GatewaySettings).all();
const SELECT = `SELECT ${SETTINGS.select}, COALESCE(mask_secrets, 0) AS masks FROM gateway_settings WHERE instance_id = ? AND project_id = ?`;

interface SettingsRow extends RowOf<typeof SETTINGS> {
  masks: number;
}

/** An operator's settings for a gateway. */
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
   * Changes the settings. Nodes get a new lease with the response to their next report. They get the handling of encoded slashes and open
   * connections as a change of the gateway. Masking applies from the next response on, in every process.
   * @throws InstanceNotFound; ApiFault `forbidden` when the change would show secrets to a caller that may not reveal them
   */
  async update(scope: InstanceScope, input: SettingsInput, caller: Caller): Promise<Committed<SettingsView>> {
    const reveals = (await this.permissions.of(caller.principal)).allows('signet:signs:reveal');
    return this.changes.commit(inInstance(scope), async (write) => {
      const [row] = await write.rows<SettingsRow>(SELECT, [scope.instanceId, scope.projectId]);
      const before = toView(row);
      const {
        lease_seconds = before.lease_seconds,
        mask_secrets = before.mask_secrets,
        encoded_slashes = before.encoded_slashes,
        open_connections = before.open_connections,
      } = input;
      if (before.mask_secrets && !mask_secrets && !reveals) throw new ApiFault('forbidden');
      const passes = encoded_slashes === 'pass' ? encoded_slashes : null;
      const closes = open_connections === 'close' ? open_connections : null;
      const maskSecrets = mask_secrets ? 1 : null;
      if (row)
        await write.run(
          `UPDATE gateway_settings SET lease_seconds = ?, mask_secrets = ?, encoded_slashes = ?, open_connections = ?, updated_at = ?
           WHERE instance_id = ?`,
          [lease_seconds, maskSecrets, passes, closes, write.now, scope.instanceId],
        );
      else {
        const { instanceId, projectId } = scope;
        const settings = { leaseSeconds: lease_seconds, maskSecrets, encodedSlashes: passes, openConnections: closes };
        await write.run(NEW_SETTINGS.insert(), NEW_SETTINGS.values({ instanceId, projectId, ...settings, updatedAt: write.now }));
      }
      const detail = { lease_seconds, mask_secrets, encoded_slashes, open_connections };
      const entry = { action: 'UpdateInstanceSettings' as const, resourceType: 'Instance', resourceId: scope.instanceId, detail };
      await this.audit.record(write, caller, entry);
      write.change('settings', scope.instanceId, 'updated');
      return detail;
    });
  }
}

const toView = (row: SettingsRow | undefined): SettingsView => ({
  lease_seconds: row?.leaseSeconds ?? null,
  mask_secrets: row?.masks === 1,
  encoded_slashes: row?.encodedSlashes ?? 'refuse',
  open_connections: row?.openConnections ?? 'keep',
});
