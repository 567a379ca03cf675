import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Allows longer type names of signature keys. MariaDB changes only the definition of the column, not the rows. SQLite copies the table.
 * TypeORM runs migrations on SQLite without foreign keys, so the rows that refer to the table stay.
 */
export class LongerSignTypes1764600000001 implements MigrationInterface {
  readonly name = 'LongerSignTypes1764600000001';

  async up(q: QueryRunner): Promise<void> {
    await resize(q, 32);
  }

  async down(q: QueryRunner): Promise<void> {
    await resize(q, 16);
  }
}

async function resize(q: QueryRunner, length: number): Promise<void> {
  if (q.dataSource.options.type !== 'better-sqlite3') {
    await q.query(`ALTER TABLE signs MODIFY COLUMN sign_type varchar(${length}) NOT NULL`);
    return;
  }
  const before = (await q.getTable('signs'))?.findColumnByName('sign_type');
  if (!before) throw new Error('the table signs has no column sign_type');
  const after = before.clone();
  after.length = String(length);
  await q.changeColumn('signs', before, after);
}
