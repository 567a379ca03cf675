import { Database } from '../../src/platform/database/database.js';
import type { Param } from '../../src/platform/database/tx.js';
import { MAC_TABLES, type MacTable } from '../../src/platform/vault/mac-tables.js';
import { RowMacs } from '../../src/platform/vault/row-macs.js';
import type { TestService } from './service.js';

/** Computes the service's MAC for a row that a test has changed. @param id the first column of its key */
export async function remac(service: TestService, table: MacTable, id: string): Promise<void> {
  const macs = service.app.get(RowMacs, { strict: false });
  const [first] = MAC_TABLES[table].key;
  await service.app.get(Database).transaction(async (tx) => {
    const [row] = await tx.rows<Record<string, Param>>(`SELECT ${MAC_TABLES[table].columns.join(', ')} FROM ${table} WHERE ${first} = ?`, [
      id,
    ]);
    await tx.run(`UPDATE ${table} SET mac = ? WHERE ${first} = ?`, [macs.of(table, row!), id]);
  });
}
