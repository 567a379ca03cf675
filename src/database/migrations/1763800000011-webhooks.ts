import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createTable } from './table.js';

/** Webhook endpoints, their signing keys, API keys. */
export class Webhooks1763800000011 implements MigrationInterface {
  readonly name = 'Webhooks1763800000011';

  async up(q: QueryRunner): Promise<void> {
    await createTable(q, 'webhook_endpoints', {
      columns: {
        id: 'varchar(35)!',
        project_id: 'varchar(64)',
        url: 'varchar(2048)',
        url_hash: 'varchar(64)?',
        description: 'varchar(500)',
        rate_limit_rps: 'int',
        burst: 'int?',
        headers: 'text?',
        headers_version: 'int',
        paused: 'boolean',
        created_by: 'varchar(64)',
        created_at: 'bigint',
        updated_at: 'bigint',
        deleted_at: 'bigint?',
      },
      // Null once deleted, and no null equals another on either database.
      unique: { uq_webhook_endpoints_url: ['project_id', 'url_hash'] },
      indices: { ix_webhook_endpoints_project: ['project_id', 'id'] },
      foreignKeys: { fk_webhook_endpoints_project: [['project_id'], 'projects', ['id']] },
      checks: { ck_webhook_endpoints_headers: "headers IS NULL OR (substr(headers, 1, 3) = 'K1.' AND length(headers) > 50)" },
    });
    await createTable(q, 'signing_keys', {
      columns: {
        id: 'varchar(35)!',
        project_id: 'varchar(64)',
        endpoint_id: 'varchar(35)',
        slot: 'int',
        type: 'varchar(16)',
        secret: 'text',
        public_key: 'varchar(64)?',
        key_hint: 'varchar(4)',
        expires_at: 'bigint?',
        last_used_at: 'bigint?',
        created_by: 'varchar(64)',
        created_at: 'bigint',
      },
      unique: { uq_signing_keys_slot: ['endpoint_id', 'slot'] },
      indices: { ix_signing_keys_expiry: ['expires_at'] },
      foreignKeys: { fk_signing_keys_endpoint: [['endpoint_id'], 'webhook_endpoints', ['id']] },
      checks: {
        ck_signing_keys_slot: 'slot IN (1, 2)',
        ck_signing_keys_secret: "substr(secret, 1, 3) = 'K1.' AND length(secret) > 50",
      },
    });
    await createTable(q, 'api_keys', {
      columns: {
        id: 'varchar(36)!',
        project_id: 'varchar(64)',
        label: 'varchar(255)?',
        mode: 'varchar(8)',
        prefix: 'varchar(16)',
        key_hash: 'varchar(64)',
        created_by: 'varchar(64)',
        created_at: 'bigint',
        last_used_at: 'bigint?',
      },
      unique: { uq_api_keys_hash: ['key_hash'] },
      indices: { ix_api_keys_project: ['project_id', 'id'] },
      foreignKeys: { fk_api_keys_project: [['project_id'], 'projects', ['id']] },
    });
    await createTable(q, 'api_key_peppers', {
      columns: { id: 'varchar(32)!', pepper: 'varchar(255)' },
      checks: { ck_api_key_peppers_pepper: "substr(pepper, 1, 3) = 'K1.' AND length(pepper) > 50" },
    });
  }

  async down(q: QueryRunner): Promise<void> {
    for (const table of ['api_key_peppers', 'api_keys', 'signing_keys', 'webhook_endpoints']) await q.dropTable(table, true);
  }
}
