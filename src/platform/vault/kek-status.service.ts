import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import { DATA_KEY_COLUMNS, type DataKeyRow, isDue } from './data-keys.js';
import type { KeyProviderName } from '../config/variables.js';
import { KeyringProvider } from './keyring-provider.js';
import { countSecrets } from './sealed-columns.js';
import { VaultService } from './vault.service.js';

interface KeyEncryptionKeyStatus {
  root_id: string;
  provider: KeyProviderName | null;
  /** `primary`: the key wraps new data keys. `in use`: it still wraps data keys. `removable`: it wraps none. */
  state: 'primary' | 'in use' | 'removable';
  data_keys: number;
}

export interface KekStatus {
  provider: KeyProviderName;
  root_keys: KeyEncryptionKeyStatus[];
  projects: number;
  data_keys: number;
  /** Superseded data keys that are not destroyed yet. */
  superseded_data_keys: number;
  /** Projects whose newest data key is a year old or has encrypted 2³¹ secrets. The next use of such a project creates a new data key. */
  due_data_keys: number;
  secrets: number;
  /** Secrets that are encrypted with superseded data keys. `signet admin rewrap --reseal` encrypts them again. */
  secrets_under_superseded: number;
}

/** Counts data keys and secrets by key, in one snapshot. */
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
    for (const row of rows) used.set(row.kekId, [...(used.get(row.kekId) ?? []), row]);
    const held = providers.all.flatMap((provider) => (provider instanceof KeyringProvider ? provider.ids : []));
    const rootKeys = [...new Set([...held, ...used.keys()])].map((kekId): KeyEncryptionKeyStatus => {
      const dataKeys = used.get(kekId)?.length ?? 0;
      const primary = !providers.stale({ kekId, wrapped: '' });
      const state = primary ? 'primary' : dataKeys > 0 ? 'in use' : 'removable';
      return { root_id: kekId, provider: providers.of(kekId)?.name ?? null, state, data_keys: dataKeys };
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
