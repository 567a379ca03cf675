import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createTable } from './table.js';

/** Counters, change log, audit trail, data keys. */
export class Platform1763800000001 implements MigrationInterface {
  readonly name = 'Platform1763800000001';

  async up(q: QueryRunner): Promise<void> {
    await createTable(q, 'change_counters', { columns: { scope_id: 'varchar(64)!', project_id: 'varchar(64)', revision: 'bigint' } });
    await createTable(q, 'changes', {
      columns: {
        scope_id: 'varchar(64)!',
        revision: 'bigint!',
        ordinal: 'int!',
        kind: 'varchar(32)',
        target_id: 'varchar(64)',
        op: 'varchar(16)',
        write_id: 'varchar(32)',
        created_at: 'bigint',
      },
    });
    await createTable(q, 'audit_events', {
      columns: {
        scope_id: 'varchar(64)!',
        seq: 'bigint!',
        project_id: 'varchar(64)',
        action: 'varchar(64)',
        resource_type: 'varchar(64)',
        resource_id: 'varchar(64)',
        resource_name: 'varchar(255)?',
        detail: 'text?',
        user_id: 'varchar(64)',
        user_name: 'varchar(255)',
        credential_hash: 'varchar(64)',
        source_address: 'varchar(64)',
        request_id: 'varchar(128)',
        created_at: 'bigint',
        hash: 'varchar(64)',
      },
      indices: { ix_audit_events_project: ['project_id', 'created_at'] },
    });
    await createTable(q, 'data_keys', {
      columns: { project_id: 'varchar(64)!', id: 'int!', root_id: 'varchar(64)', wrapped: 'varchar(255)', created_at: 'bigint' },
      checks: { ck_data_keys_wrapped: "substr(wrapped, 1, 3) = 'K1.' AND length(wrapped) > 90" },
    });
    await createTable(q, 'kek_checks', { columns: { root_id: 'varchar(64)!', sealed: 'varchar(255)' } });
  }

  async down(q: QueryRunner): Promise<void> {
    for (const table of ['kek_checks', 'data_keys', 'audit_events', 'changes', 'change_counters']) await q.dropTable(table, true);
  }
}
