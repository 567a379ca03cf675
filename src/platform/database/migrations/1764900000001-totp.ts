import type { MigrationInterface, QueryRunner } from 'typeorm';
import { addColumn, createTable, dropColumn } from './table.js';

/** One-time passwords (TOTP). No user has one after the migration. */
export class Totp1764900000001 implements MigrationInterface {
  readonly name = 'Totp1764900000001';

  async up(q: QueryRunner): Promise<void> {
    await addColumn(q, 'users', 'totp_id', 'varchar(32)');
    await createTable(q, 'totp_credentials', {
      columns: {
        id: 'varchar(32)!',
        user_id: 'varchar(64)',
        secret: 'varchar(255)',
        last_step: 'bigint',
        created_at: 'bigint',
      },
      indices: { ix_totp_credentials_user: ['user_id'] },
      foreignKeys: { fk_totp_credentials_user: [['user_id'], 'users', ['id']] },
      checks: { ck_totp_credentials_secret: "substr(secret, 1, 3) = 'K1.'" },
    });
    await createTable(q, 'totp_recovery_codes', {
      columns: {
        user_id: 'varchar(64)!',
        code_hash: 'varchar(64)!',
        mac: 'varchar(80)=',
      },
      foreignKeys: { fk_totp_recovery_codes_user: [['user_id'], 'users', ['id']] },
    });
  }

  async down(q: QueryRunner): Promise<void> {
    await q.dropTable('totp_recovery_codes', true);
    await q.dropTable('totp_credentials', true);
    await dropColumn(q, 'users', 'totp_id');
  }
}
