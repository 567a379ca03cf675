import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createTable } from './table.js';

/** Domains, projects, users, roles, token keys, revoked tokens. */
export class Tenancy1763800000002 implements MigrationInterface {
  readonly name = 'Tenancy1763800000002';

  async up(q: QueryRunner): Promise<void> {
    await createTable(q, 'domains', {
      columns: { id: 'varchar(64)!', name: 'varchar(64)', enabled: 'boolean', created_at: 'bigint' },
      unique: { uq_domains_name: ['name'] },
    });
    await createTable(q, 'projects', {
      columns: {
        id: 'varchar(64)!',
        domain_id: 'varchar(64)',
        name: 'varchar(64)',
        description: 'varchar(255)',
        enabled: 'boolean',
        created_at: 'bigint',
      },
      unique: { uq_projects_domain_name: ['domain_id', 'name'] },
      foreignKeys: { fk_projects_domain: [['domain_id'], 'domains', ['id']] },
    });
    await createTable(q, 'users', {
      columns: {
        id: 'varchar(64)!',
        domain_id: 'varchar(64)',
        name: 'varchar(64)',
        password_hash: 'varchar(255)',
        enabled: 'boolean',
        tokens_valid_from: 'bigint',
        created_at: 'bigint',
      },
      unique: { uq_users_domain_name: ['domain_id', 'name'] },
      foreignKeys: { fk_users_domain: [['domain_id'], 'domains', ['id']] },
      checks: { ck_users_password_hash: "substr(password_hash, 1, 10) = '$argon2id$'" },
    });
    await createTable(q, 'role_assignments', {
      columns: { user_id: 'varchar(64)!', project_id: 'varchar(64)!', role: 'varchar(64)!' },
      foreignKeys: {
        fk_role_assignments_user: [['user_id'], 'users', ['id']],
        fk_role_assignments_project: [['project_id'], 'projects', ['id']],
      },
    });
    await createTable(q, 'token_keys', {
      columns: { id: 'varchar(32)!', private_key: 'text', public_key: 'text', created_at: 'bigint' },
      checks: { ck_token_keys_private_key: "substr(private_key, 1, 3) = 'K1.'" },
    });
    await createTable(q, 'revoked_tokens', { columns: { id: 'varchar(64)!', expires_at: 'bigint' } });
  }

  async down(q: QueryRunner): Promise<void> {
    for (const table of ['revoked_tokens', 'token_keys', 'role_assignments', 'users', 'projects', 'domains'])
      await q.dropTable(table, true);
  }
}
