import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createTable } from './table.js';

/** Machine credentials, nodes and their acknowledgements, settings, usage, rotations, verifiers, leases. */
export class Distribution1763800000006 implements MigrationInterface {
  readonly name = 'Distribution1763800000006';

  async up(q: QueryRunner): Promise<void> {
    await createTable(q, 'gateway_tokens', {
      columns: {
        id: 'varchar(32)!',
        project_id: 'varchar(64)',
        instance_id: 'varchar(64)',
        role: 'varchar(16)',
        name: 'varchar(64)',
        token_hash: 'varchar(64)',
        created_at: 'bigint',
      },
      unique: { uq_gateway_tokens_hash: ['token_hash'] },
      indices: { ix_gateway_tokens_instance: ['instance_id', 'id'] },
      foreignKeys: { fk_gateway_tokens_instance: [['instance_id'], 'instances', ['id']] },
    });
    await createTable(q, 'gateway_nodes', {
      columns: {
        instance_id: 'varchar(64)!',
        node_id: 'varchar(64)!',
        project_id: 'varchar(64)',
        applied_revision: 'bigint',
        applied_at: 'bigint',
        version: 'varchar(64)',
        started_at: 'bigint',
        last_seen: 'bigint',
        lease_until: 'bigint?',
        registered_at: 'bigint',
      },
      foreignKeys: { fk_gateway_nodes_instance: [['instance_id'], 'instances', ['id']] },
    });
    await createTable(q, 'gateway_acks', {
      columns: { instance_id: 'varchar(64)!', node_id: 'varchar(64)!', revision: 'bigint!', acked_at: 'bigint' },
      foreignKeys: { fk_gateway_acks_node: [['instance_id', 'node_id'], 'gateway_nodes', ['instance_id', 'node_id']] },
    });
    await createTable(q, 'gateway_settings', {
      columns: { instance_id: 'varchar(64)!', project_id: 'varchar(64)', lease_seconds: 'int?', updated_at: 'bigint' },
      foreignKeys: { fk_gateway_settings_instance: [['instance_id'], 'instances', ['id']] },
    });
    await createTable(q, 'sign_usage', {
      columns: { sign_id: 'varchar(32)!', publish_id: 'varchar(32)!', hour: 'bigint!', times: 'bigint', last_signed_at: 'bigint' },
      indices: { ix_sign_usage_publication: ['publish_id'], ix_sign_usage_hour: ['hour'] },
      foreignKeys: {
        fk_sign_usage_sign: [['sign_id'], 'signs', ['id']],
        fk_sign_usage_publication: [['publish_id'], 'publications', ['id']],
      },
    });
    await createTable(q, 'sign_rotations', {
      columns: {
        sign_id: 'varchar(32)!',
        project_id: 'varchar(64)',
        instance_id: 'varchar(64)',
        state: 'varchar(16)',
        version: 'int',
        sign_key: 'varchar(512)',
        sign_secret: 'text',
        promotion: 'varchar(16)',
        overlap_seconds: 'int',
        due_at: 'bigint?',
        known_from: 'bigint',
        created_at: 'bigint',
        updated_at: 'bigint',
      },
      indices: { ix_sign_rotations_due: ['due_at'], ix_sign_rotations_instance: ['instance_id', 'sign_id'] },
      foreignKeys: { fk_sign_rotations_sign: [['sign_id'], 'signs', ['id']] },
      checks: { ck_sign_rotations_sign_secret: "substr(sign_secret, 1, 3) = 'K1.' AND length(sign_secret) > 50" },
    });
    await createTable(q, 'gateway_verifiers', {
      columns: { token_id: 'varchar(32)!', name: 'varchar(64)!', instance_id: 'varchar(64)', revision: 'bigint', last_seen: 'bigint' },
      indices: { ix_gateway_verifiers_instance: ['instance_id'] },
      foreignKeys: { fk_gateway_verifiers_token: [['token_id'], 'gateway_tokens', ['id']] },
    });
    await createTable(q, 'leases', { columns: { name: 'varchar(64)!', holder: 'varchar(36)', expires_at: 'bigint' } });
  }

  async down(q: QueryRunner): Promise<void> {
    for (const table of [
      'leases',
      'gateway_verifiers',
      'sign_rotations',
      'sign_usage',
      'gateway_settings',
      'gateway_acks',
      'gateway_nodes',
      'gateway_tokens',
    ])
      await q.dropTable(table, true);
  }
}
