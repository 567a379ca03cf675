import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createTable } from './table.js';

/** Where somebody is logged in. Tokens from before belong to no login session, and stay valid. */
export class LoginSessions1764800000001 implements MigrationInterface {
  readonly name = 'LoginSessions1764800000001';

  async up(q: QueryRunner): Promise<void> {
    await createTable(q, 'login_sessions', {
      columns: {
        id: 'varchar(32)!',
        user_id: 'varchar(64)',
        methods: 'varchar(64)',
        source_address: 'varchar(64)',
        user_agent: 'varchar(255)',
        tokens: 'int',
        created_at: 'bigint',
        last_used_at: 'bigint?',
        expires_at: 'bigint',
      },
      indices: {
        ix_login_sessions_user: ['user_id', 'id'],
        ix_login_sessions_expires: ['expires_at'],
      },
      foreignKeys: {
        fk_login_sessions_user: [['user_id'], 'users', ['id']],
      },
    });
  }

  async down(q: QueryRunner): Promise<void> {
    await q.dropTable('login_sessions', true);
  }
}
