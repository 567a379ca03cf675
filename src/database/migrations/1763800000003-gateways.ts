import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createTable } from './table.js';

/** Gateways and their features. */
export class Gateways1763800000003 implements MigrationInterface {
  readonly name = 'Gateways1763800000003';

  async up(q: QueryRunner): Promise<void> {
    await createTable(q, 'instances', {
      columns: {
        id: 'varchar(64)!',
        project_id: 'varchar(64)',
        instance_name: 'varchar(64)',
        spec: 'varchar(32)',
        status: 'int',
        description: 'varchar(255)',
        details: 'json',
        user_id: 'varchar(64)',
        created_at: 'bigint',
      },
      unique: { uq_instances_project_name: ['project_id', 'instance_name'] },
      foreignKeys: { fk_instances_project: [['project_id'], 'projects', ['id']] },
    });
    await createTable(q, 'instance_features', {
      columns: {
        instance_id: 'varchar(64)!',
        name: 'varchar(64)!',
        id: 'varchar(32)',
        enable: 'boolean',
        config: 'text',
        updated_at: 'bigint',
      },
      foreignKeys: { fk_instance_features_instance: [['instance_id'], 'instances', ['id']] },
    });
  }

  async down(q: QueryRunner): Promise<void> {
    for (const table of ['instance_features', 'instances']) await q.dropTable(table, true);
  }
}
