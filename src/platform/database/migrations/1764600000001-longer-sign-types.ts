import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Longer names of types of signature keys. MariaDB changes the definition alone, and no row. SQLite copies the table, without foreign keys as
 * TypeORM runs migrations there, so that the rows that refer to it stay.
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
  if (!before) throw new Error('there is no table signs with a sign_type');
  const after = before.clone();
  after.length = String(length);
  await q.changeColumn('signs', before, after);
}
