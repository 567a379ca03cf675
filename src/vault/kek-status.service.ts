import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import { DATA_KEY_COLUMNS, type DataKeyRow, isDue } from './data-keys.js';
import type { ProviderName } from './key-provider.js';
import { RingProvider } from './ring-provider.js';
import { countSecrets } from './sealed-columns.js';
import { VaultService } from './vault.service.js';

export interface RootKeyStatus {
  root_id: string;
  provider: ProviderName | null;
  /** `primary`: wraps. `in use`: data keys are left under it. `removable`: none are. */
  state: 'primary' | 'in use' | 'removable';
  data_keys: number;
}

export interface KekStatus {
  provider: ProviderName;
  root_keys: RootKeyStatus[];
  projects: number;
  data_keys: number;
  /** Superseded data keys that are not destroyed yet. */
  superseded_data_keys: number;
  /** Projects whose newest data key is a year old or has sealed 2³¹ secrets; the next use of the project makes a new one. */
  due_data_keys: number;
  secrets: number;
  /** Secrets under superseded data keys: `signet rewrap --reseal` seals them again. */
  secrets_under_superseded: number;
}

/** What is wrapped and sealed under which key, as of one moment. */
@Injectable()
export class KekStatusService {
  constructor(
    private readonly database: Database,
    private readonly vault: VaultService,
    private readonly clock: Clock,
  ) {}

  async read(): Promise<KekStatus> {
    const { providers } = this.vault;
    await providers.primary.health();
    const { rows, secrets } = await this.database.snapshot(async (reads) => ({
      rows: await reads.rows<DataKeyRow>(`SELECT ${DATA_KEY_COLUMNS} FROM data_keys ORDER BY project_id, id`),
      secrets: await countSecrets(reads),
    }));
    const used = new Map<string, DataKeyRow[]>();
    for (const row of rows) used.set(row.rootId, [...(used.get(row.rootId) ?? []), row]);
    const held = providers.all.flatMap((provider) => (provider instanceof RingProvider ? provider.ids : []));
    const rootKeys = [...new Set([...held, ...used.keys()])].map((rootId): RootKeyStatus => {
      const dataKeys = used.get(rootId)?.length ?? 0;
      const primary = !providers.stale({ rootId, wrapped: '' });
      const state = primary ? 'primary' : dataKeys > 0 ? 'in use' : 'removable';
      return { root_id: rootId, provider: providers.of(rootId)?.name ?? null, state, data_keys: dataKeys };
    });
    const newest = rows.filter((row, i) => rows[i + 1]?.projectId !== row.projectId);
    let all = 0;
    let old = 0;
    for (const [projectId, byKey] of secrets) {
      const id = newest.find((row) => row.projectId === projectId)?.id;
      for (const [dataKeyId, count] of byKey) {
        all += count;
        if (dataKeyId !== id) old += count;
      }
    }
    const now = this.clock.now();
    return {
      provider: providers.primary.name,
      root_keys: rootKeys,
      projects: newest.length,
      data_keys: rows.length,
      superseded_data_keys: rows.length - newest.length,
      due_data_keys: newest.filter((row) => isDue(row, now)).length,
      secrets: all,
      secrets_under_superseded: old,
    };
  }
}
