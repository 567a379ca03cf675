import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createTable } from './table.js';

/** Access keys (AK/SK) of users. */
export class AccessKeys1763800000015 implements MigrationInterface {
  readonly name = 'AccessKeys1763800000015';

  async up(q: QueryRunner): Promise<void> {
    await createTable(q, 'access_keys', {
      columns: {
        access_key: 'varchar(32)!',
        user_id: 'varchar(64)',
        secret_key: 'varchar(255)',
        description: 'varchar(255)',
        enabled: 'boolean',
        locked_until: 'bigint',
        created_at: 'bigint',
      },
      indices: { ix_access_keys_user: ['user_id'] },
      foreignKeys: { fk_access_keys_user: [['user_id'], 'users', ['id']] },
      checks: { ck_access_keys_secret_key: "substr(secret_key, 1, 3) = 'K1.' AND length(secret_key) > 50" },
    });
  }

  async down(q: QueryRunner): Promise<void> {
    await q.dropTable('access_keys', true);
  }
}
