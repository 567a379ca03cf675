import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createTable } from './table.js';

/** What the webhook contract says of projects. */
export class WebhookProjects1763800000012 implements MigrationInterface {
  readonly name = 'WebhookProjects1763800000012';

  async up(q: QueryRunner): Promise<void> {
    await createTable(q, 'webhook_projects', {
      columns: { project_id: 'varchar(64)!', name: 'varchar(255)', rate_limit_default: 'int' },
      foreignKeys: { fk_webhook_projects_project: [['project_id'], 'projects', ['id']] },
    });
  }

  async down(q: QueryRunner): Promise<void> {
    await q.dropTable('webhook_projects', true);
  }
}
