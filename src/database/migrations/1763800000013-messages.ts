import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createTable } from './table.js';

/** Webhook messages, the attempts to deliver them, and what an endpoint's rate limit has let through. */
export class Messages1763800000013 implements MigrationInterface {
  readonly name = 'Messages1763800000013';

  async up(q: QueryRunner): Promise<void> {
    await createTable(q, 'messages', {
      columns: {
        id: 'varchar(36)!',
        project_id: 'varchar(64)',
        endpoint_id: 'varchar(35)',
        status: 'varchar(16)',
        payload: 'json?',
        headers: 'text?',
        size_bytes: 'int',
        payload_sha256: 'varchar(64)',
        idempotency_key: 'varchar(255)?',
        canonical_sha256: 'varchar(64)?',
        retention_hours: 'int',
        attempt_count: 'int',
        attempts_before: 'int',
        replay_count: 'int',
        due_at: 'bigint?',
        claim: 'varchar(32)?',
        expires_at: 'bigint?',
        last_error: 'varchar(255)?',
        created_at: 'bigint',
        updated_at: 'bigint',
        delivered_at: 'bigint?',
        failed_at: 'bigint?',
        deleted_at: 'bigint?',
        deleted_by: 'varchar(64)?',
      },
      unique: { uq_messages_idempotency: ['endpoint_id', 'idempotency_key'] },
      indices: {
        ix_messages_due: ['due_at', 'endpoint_id'],
        ix_messages_created: ['project_id', 'created_at', 'id'],
        ix_messages_status: ['project_id', 'status', 'created_at', 'id'],
        ix_messages_expiry: ['expires_at'],
      },
      foreignKeys: { fk_messages_endpoint: [['endpoint_id'], 'webhook_endpoints', ['id']] },
      checks: { ck_messages_headers: "headers IS NULL OR (substr(headers, 1, 3) = 'K1.' AND length(headers) > 50)" },
    });
    await createTable(q, 'message_attempts', {
      columns: {
        message_id: 'varchar(36)!',
        attempt_no: 'int!',
        id: 'varchar(36)',
        response_status: 'int?',
        response_latency_ms: 'int',
        processing_ms: 'int',
        error_text: 'varchar(255)?',
        response_headers: 'text?',
        request_headers: 'text',
        retry_type: 'varchar(8)?',
        retry_after_seconds: 'int?',
        resolved_ip: 'varchar(45)?',
        dns_ms: 'int?',
        tcp_connect_ms: 'int?',
        tls_handshake_ms: 'int?',
        ttfb_ms: 'int?',
        transfer_ms: 'int?',
        conn_reused: 'boolean',
        response_body_truncated: 'boolean',
        created_at: 'bigint',
      },
      foreignKeys: { fk_message_attempts_message: [['message_id'], 'messages', ['id']] },
    });
    await createTable(q, 'delivery_rates', {
      columns: { endpoint_id: 'varchar(35)!', free_at: 'bigint' },
      foreignKeys: { fk_delivery_rates_endpoint: [['endpoint_id'], 'webhook_endpoints', ['id']] },
    });
  }

  async down(q: QueryRunner): Promise<void> {
    for (const table of ['delivery_rates', 'message_attempts', 'messages']) await q.dropTable(table, true);
  }
}
