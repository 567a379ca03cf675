import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createTable } from './table.js';

/** Signature keys and their bindings. */
export class Signs1763800000005 implements MigrationInterface {
  readonly name = 'Signs1763800000005';

  async up(q: QueryRunner): Promise<void> {
    await createTable(q, 'signs', {
      columns: {
        id: 'varchar(32)!',
        project_id: 'varchar(64)',
        instance_id: 'varchar(64)',
        name: 'varchar(64)',
        sign_type: 'varchar(16)',
        sign_algorithm: 'varchar(16)?',
        sign_key: 'varchar(512)',
        sign_secret: 'text',
        secret_version: 'int',
        created_at: 'bigint',
        updated_at: 'bigint',
      },
      unique: { uq_signs_instance_name: ['instance_id', 'name'] },
      indices: { ix_signs_instance: ['instance_id', 'id'] },
      foreignKeys: { fk_signs_instance: [['instance_id'], 'instances', ['id']] },
      checks: { ck_signs_sign_secret: "substr(sign_secret, 1, 3) = 'K1.' AND length(sign_secret) > 50" },
    });
    await createTable(q, 'sign_bindings', {
      columns: {
        id: 'varchar(32)!',
        project_id: 'varchar(64)',
        instance_id: 'varchar(64)',
        sign_id: 'varchar(32)',
        publish_id: 'varchar(32)',
        created_at: 'bigint',
      },
      unique: { uq_sign_bindings_publish: ['publish_id'] },
      indices: { ix_sign_bindings_sign: ['sign_id', 'id'] },
      foreignKeys: {
        fk_sign_bindings_sign: [['sign_id'], 'signs', ['id']],
        fk_sign_bindings_publication: [['publish_id'], 'publications', ['id']],
      },
    });
  }

  async down(q: QueryRunner): Promise<void> {
    for (const table of ['sign_bindings', 'signs']) await q.dropTable(table, true);
  }
}
