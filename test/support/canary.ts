import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Database } from '../../src/platform/database/database.js';
import { DATA_KEY_COLUMNS, type DataKeyRow, wrapContext } from '../../src/platform/vault/data-keys.js';
import { VaultService } from '../../src/platform/vault/vault.service.js';
import type { TestDatabase } from './databases.js';
import type { TestService } from './service.js';

/** Everything that a service has written: every file of its folder, and every row of every table as the server returns it. */
export async function everythingStored(test: TestDatabase, service: TestService): Promise<Buffer> {
  const files = readdirSync(test.dataDir, { recursive: true })
    .map((file) => join(test.dataDir, String(file)))
    .filter((file) => statSync(file).isFile())
    .map((file) => readFileSync(file));
  const database = service.app.get(Database);
  const tables = database.dataSource.entityMetadatas.map(({ tableName }) => tableName);
  const rows = await Promise.all(tables.map((table) => database.rows(`SELECT * FROM ${table}`)));
  return Buffer.concat([...files, Buffer.from(JSON.stringify(rows))]);
}

/** The unwrapped data keys of the service. */
export async function dataKeysOf(service: TestService): Promise<Buffer[]> {
  const { providers } = service.app.get(VaultService, { strict: false });
  const rows = await service.app.get(Database).rows<DataKeyRow>(`SELECT ${DATA_KEY_COLUMNS} FROM data_keys`);
  return Promise.all(rows.map((row) => providers.unwrap(row, wrapContext(row.projectId, row.id))));
}

/** The encodings in which a secret could have been written. */
export const formsOf = (secret: string) => [
  secret,
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
  Buffer.from(secret).toString('hex'),
  encodeURIComponent(secret),
];
