import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { ChangesService } from '../changes/changes.service.js';
import { InstanceNotFound, invalid } from '../common/api-error.js';
import { toNanoseconds, toSeconds } from '../common/clock.js';
import { newId } from '../common/ids.js';
import type { Page } from '../common/pagination.js';
import type { Caller } from '../common/principal.js';
import type { InstanceScope } from '../common/scope.js';
import { Database } from '../database/database.js';
import type { FeatureInput, FeatureListView, FeatureView } from './features.dto.js';
import { isConfigurable } from './features.js';
import { inInstance } from './instance-scope.js';
import { FeatureChangedTooSoon, FeatureUnrecognized } from './instances.errors.js';

const MINUTE_MS = 60_000;

interface FeatureRow {
  id: string;
  name: string;
  /** 0 or 1. */
  enable: number;
  config: string;
  updatedAt: number;
}

/** Features of a gateway that a caller can switch: apig §3.2. */
@Injectable()
export class FeaturesService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
  ) {}

  /**
   * Sets a feature as a whole. Once a minute each, whether or not the values differ (docs/contract.md).
   * @throws FeatureUnrecognized, FeatureChangedTooSoon, InstanceNotFound; Fault 400 for a configuration that is not JSON
   */
  async set(scope: InstanceScope, input: FeatureInput, caller: Caller): Promise<FeatureView> {
    if (!isConfigurable(input.name)) throw new FeatureUnrecognized(input.name);
    const config = input.config ?? '';
    if (!isConfiguration(config)) throw invalid('config');
    return this.changes.write(inInstance(scope), async (write) => {
      const [before] = await write.rows<{ id: string; updatedAt: number }>(
        'SELECT id, updated_at AS updatedAt FROM instance_features WHERE instance_id = ? AND name = ?',
        [scope.instanceId, input.name],
      );
      // A clock that was set back does not lock the feature until it has caught up.
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
        await write.run('INSERT INTO instance_features (instance_id, name, id, enable, config, updated_at) VALUES (?, ?, ?, ?, ?, ?)', [
          scope.instanceId,
          input.name,
          id,
          enable,
          config,
          write.now,
        ]);
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

  /** Features that were set, newest first. @throws InstanceNotFound */
  async list(scope: InstanceScope, { limit, offset }: Page): Promise<FeatureListView> {
    // Read from the gateway's side, so that no features and no gateway are told apart.
    const from = 'FROM instances i LEFT JOIN instance_features f ON f.instance_id = i.id WHERE i.id = ? AND i.project_id = ?';
    const params = [scope.instanceId, scope.projectId];
    const [count] = await this.database.rows<{ gateways: number; total: number }>(
      `SELECT COUNT(i.id) AS gateways, COUNT(f.id) AS total ${from}`,
      params,
    );
    if (!count || count.gateways === 0) throw new InstanceNotFound(scope.instanceId);
    const rows = await this.database.rows<FeatureRow>(
      `SELECT f.id, f.name, f.enable, f.config, f.updated_at AS updatedAt ${from} AND f.id IS NOT NULL ORDER BY f.id DESC LIMIT ? OFFSET ?`,
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

/** JSON, or one of the two bare words that the contract's documents show (`"config": "on"`). */
function isConfiguration(config: string): boolean {
  if (['', 'on', 'off'].includes(config)) return true;
  try {
    JSON.parse(config);
    return true;
  } catch {
    return false;
  }
}
