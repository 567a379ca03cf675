import { Injectable } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService } from '../../platform/changes/changes.service.js';
import { InstanceNotFound, invalid } from '../../platform/common/api-error.js';
import { MINUTE_MS, toNanoseconds, toSeconds } from '../../platform/common/clock.js';
import { newId } from '../../platform/common/ids.js';
import type { Page } from '../../platform/common/pagination.js';
import type { Caller } from '../../platform/common/principal.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import { Database } from '../../platform/database/database.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import type { FeatureInput, FeatureListView, FeatureView } from './features.dto.js';
import { isConfigurable } from './features.js';
import { inInstance } from './instance-scope.js';
import { FeatureChangedTooSoon, FeatureUnrecognized } from './instances.errors.js';
import { InstanceFeature } from './instance.entity.js';

const FEATURE = columnsOf(InstanceFeature, 'f').pick('id', 'name', 'enable', 'config', 'updatedAt');
const BEFORE = columnsOf(InstanceFeature).pick('id', 'updatedAt');
const NEW_FEATURE = columnsOf(InstanceFeature).all();
type FeatureRow = RowOf<typeof FEATURE>;

/** The features of a gateway that a caller can set (docs/contracts/apig.md §3.2). */
@Injectable()
export class FeaturesService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
  ) {}

  /**
   * Replaces the configuration of a feature, at most once a minute, even if the configuration stays the same (docs/contract.md).
   * @throws FeatureUnrecognized, FeatureChangedTooSoon, InstanceNotFound; ApiFault 400 for a configuration that is not JSON
   */
  async set(scope: InstanceScope, input: FeatureInput, caller: Caller): Promise<FeatureView> {
    if (!isConfigurable(input.name)) throw new FeatureUnrecognized(input.name);
    const config = input.config ?? '';
    if (!isConfiguration(config)) throw invalid('config');
    return this.changes.write(inInstance(scope), async (write) => {
      const [before] = await write.rows<RowOf<typeof BEFORE>>(
        `SELECT ${BEFORE.select} FROM instance_features WHERE instance_id = ? AND name = ?`,
        [scope.instanceId, input.name],
      );
      // If the clock was set back, the last change is in the future and is ignored.
      if (before && write.now >= before.updatedAt && write.now - before.updatedAt < MINUTE_MS) throw new FeatureChangedTooSoon();
      const id = before?.id ?? newId();
      const enable = input.enable ? 1 : 0;
      if (before) {
        await write.run('UPDATE instance_features SET enable = ?, config = ?, updated_at = ? WHERE instance_id = ? AND name = ?', [
          enable,
          config,
          write.now,
          scope.instanceId,
          input.name,
        ]);
      } else {
        const { instanceId } = scope;
        const values = NEW_FEATURE.values({ instanceId, name: input.name, id, enable, config, updatedAt: write.now });
        await write.run(NEW_FEATURE.insert(), values);
      }
      await this.audit.record(write, caller, {
        action: 'SetFeature',
        resourceType: 'Feature',
        resourceId: id,
        resourceName: input.name,
        detail: { enable: input.enable },
      });
      write.change('feature', id, before ? 'updated' : 'created');
      return view(scope, { id, name: input.name, enable, config, updatedAt: write.now }, toNanoseconds(write.now));
    });
  }

  /** Returns the features that were set, newest first. @throws InstanceNotFound */
  async list(scope: InstanceScope, { limit, offset }: Page): Promise<FeatureListView> {
    // Selects from `instances`, to distinguish a gateway without features from a missing gateway.
    const from = 'FROM instances i LEFT JOIN instance_features f ON f.instance_id = i.id WHERE i.id = ? AND i.project_id = ?';
    const params = [scope.instanceId, scope.projectId];
    const [count] = await this.database.rows<{ gateways: number; total: number }>(
      `SELECT COUNT(i.id) AS gateways, COUNT(f.id) AS total ${from}`,
      params,
    );
    if (!count || count.gateways === 0) throw new InstanceNotFound(scope.instanceId);
    const rows = await this.database.rows<FeatureRow>(
      `SELECT ${FEATURE.select} ${from} AND f.id IS NOT NULL ORDER BY f.id DESC LIMIT ? OFFSET ?`,
      [...params, String(limit), String(offset)],
    );
    return { total: count.total, size: rows.length, features: rows.map((row) => view(scope, row, toSeconds(row.updatedAt))) };
  }
}

const view = ({ instanceId }: InstanceScope, row: FeatureRow, updateTime: string): FeatureView => ({
  id: row.id,
  name: row.name,
  enable: row.enable === 1,
  config: row.config,
  instance_id: instanceId,
  update_time: updateTime,
});

/** Whether the text is JSON, or one of the two bare words in the contract's examples (`"config": "on"`). */
function isConfiguration(config: string): boolean {
  if (['', 'on', 'off'].includes(config)) return true;
  try {
    JSON.parse(config);
    return true;
  } catch {
    return false;
  }
}
