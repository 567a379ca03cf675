import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createTable } from './table.js';

const CHECKS = { ck_data_keys_wrapped: "substr(wrapped, 1, 3) = 'K1.' AND length(wrapped) > 90" };

/** Room for keys that are wrapped elsewhere, a count of seals, and how long a data key has had no use. */
export class KeyProviders1763800000019 implements MigrationInterface {
  readonly name = 'KeyProviders1763800000019';

  async up(q: QueryRunner): Promise<void> {
    if (isSqlite(q)) {
      await resize(q, 'varchar(255)', 'varchar(1024)');
    } else {
      await q.query('ALTER TABLE data_keys MODIFY root_id varchar(255) NOT NULL, MODIFY wrapped varchar(1024) NOT NULL');
      await q.query('ALTER TABLE kek_checks MODIFY root_id varchar(255) NOT NULL, MODIFY sealed varchar(1024) NOT NULL');
    }
    // With a default, so that a process of the release before can go on making data keys while it is replaced.
    if (!(await q.hasColumn('data_keys', 'seals'))) await q.query('ALTER TABLE data_keys ADD COLUMN seals bigint NOT NULL DEFAULT 0');
    if (!(await q.hasColumn('data_keys', 'unused_since'))) await q.query('ALTER TABLE data_keys ADD COLUMN unused_since bigint');
  }

  async down(q: QueryRunner): Promise<void> {
    for (const column of ['unused_since', 'seals'])
      if (await q.hasColumn('data_keys', column)) await q.query(`ALTER TABLE data_keys DROP COLUMN ${column}`);
    if (isSqlite(q)) return resize(q, 'varchar(64)', 'varchar(255)');
    await q.query('ALTER TABLE data_keys MODIFY root_id varchar(64) NOT NULL, MODIFY wrapped varchar(255) NOT NULL');
    await q.query('ALTER TABLE kek_checks MODIFY root_id varchar(64) NOT NULL, MODIFY sealed varchar(255) NOT NULL');
  }
}

const isSqlite = (q: QueryRunner) => q.dataSource.options.type === 'better-sqlite3';

/** SQLite cannot change a column: a new table takes the rows over, in the migration's transaction. */
async function resize(q: QueryRunner, rootId: string, wrapped: string): Promise<void> {
  for (const [table, columns, checks] of [
    ['data_keys', { project_id: 'varchar(64)!', id: 'int!', root_id: rootId, wrapped, created_at: 'bigint' }, CHECKS],
    ['kek_checks', { root_id: `${rootId}!`, sealed: wrapped }, {}],
  ] as const) {
    await q.query(`ALTER TABLE ${table} RENAME TO ${table}_before`);
    await createTable(q, table, { columns, checks });
    await q.query(`INSERT INTO ${table} SELECT ${Object.keys(columns).join(', ')} FROM ${table}_before`);
    await q.query(`DROP TABLE ${table}_before`);
  }
}
