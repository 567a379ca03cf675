import type { TableSpec } from '../table.js';

/** Webhooks: endpoints, their keys, messages and deliveries. In the order in which their foreign keys need them. */
export const WEBHOOKS = {
  webhook_projects: {
    columns: {
      project_id: 'varchar(64)!',
      name: 'varchar(255)',
      rate_limit_default: 'int',
    },
    foreignKeys: {
      fk_webhook_projects_project: [['project_id'], 'projects', ['id']],
    },
  },
  webhook_endpoints: {
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
      disabled_at: 'bigint?',
      disabled_reason: 'varchar(255)?',
    },
    unique: {
      uq_webhook_endpoints_url: ['project_id', 'url_hash'],
    },
    indices: {
      ix_webhook_endpoints_project: ['project_id', 'id'],
    },
    foreignKeys: {
      fk_webhook_endpoints_project: [['project_id'], 'projects', ['id']],
    },
    checks: {
      ck_webhook_endpoints_headers: "headers IS NULL OR (substr(headers, 1, 3) = 'K1.' AND length(headers) > 50)",
    },
  },
  endpoint_events: {
    columns: {
      endpoint_id: 'varchar(35)!',
      kind: 'varchar(32)!',
      project_id: 'varchar(64)',
    },
    indices: {
      ix_endpoint_events_kind: ['project_id', 'kind'],
    },
    foreignKeys: {
      fk_endpoint_events_endpoint: [['endpoint_id'], 'webhook_endpoints', ['id']],
    },
  },
  signing_keys: {
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
      end_announced_at: 'bigint?',
    },
    unique: {
      uq_signing_keys_slot: ['endpoint_id', 'slot'],
    },
    indices: {
      ix_signing_keys_expiry: ['expires_at'],
    },
    foreignKeys: {
      fk_signing_keys_endpoint: [['endpoint_id'], 'webhook_endpoints', ['id']],
    },
    checks: {
      ck_signing_keys_slot: 'slot IN (1, 2)',
      ck_signing_keys_secret: "substr(secret, 1, 3) = 'K1.' AND length(secret) > 50",
    },
  },
  used_signing_secrets: {
    columns: {
      secret_hash: 'varchar(64)!',
      project_id: 'varchar(64)',
      endpoint_id: 'varchar(35)',
      created_at: 'bigint',
    },
  },
  delivery_log: {
    columns: {
      revision: 'bigint!',
      endpoint_id: 'varchar(35)',
      endpoint_revision: 'bigint',
      created_at: 'bigint',
    },
    unique: {
      uq_delivery_log_endpoint: ['endpoint_id', 'endpoint_revision'],
    },
  },
  api_keys: {
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
      mac: 'varchar(80)=',
      parent_id: 'varchar(36)?',
    },
    unique: {
      uq_api_keys_hash: ['key_hash'],
    },
    indices: {
      ix_api_keys_project: ['project_id', 'id'],
    },
    foreignKeys: {
      fk_api_keys_project: [['project_id'], 'projects', ['id']],
    },
  },
  api_key_peppers: {
    columns: {
      id: 'varchar(32)!',
      pepper: 'varchar(255)',
    },
    checks: {
      ck_api_key_peppers_pepper: "substr(pepper, 1, 3) = 'K1.' AND length(pepper) > 50",
    },
  },
  messages: {
    columns: {
      id: 'varchar(36)!',
      project_id: 'varchar(64)',
      endpoint_id: 'varchar(35)',
      status: 'varchar(16)',
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
      expires_at: 'bigint?',
      last_error: 'varchar(255)?',
      created_at: 'bigint',
      updated_at: 'bigint',
      delivered_at: 'bigint?',
      failed_at: 'bigint?',
      deleted_at: 'bigint?',
      deleted_by: 'varchar(64)?',
      claim: 'bigint=0',
      event_kind: 'varchar(32)?',
    },
    unique: {
      uq_messages_idempotency: ['endpoint_id', 'idempotency_key'],
    },
    indices: {
      ix_messages_queue: ['endpoint_id', 'due_at', 'size_bytes'],
      ix_messages_expiry: ['expires_at'],
      ix_messages_status: ['project_id', 'status', 'created_at', 'id'],
      ix_messages_created: ['project_id', 'created_at', 'id'],
    },
    foreignKeys: {
      fk_messages_endpoint: [['endpoint_id'], 'webhook_endpoints', ['id']],
    },
    checks: {
      ck_messages_headers: "headers IS NULL OR (substr(headers, 1, 3) = 'K1.' AND length(headers) > 50)",
    },
  },
  message_payloads: {
    columns: {
      message_id: 'varchar(36)!',
      payload: 'payload',
    },
    foreignKeys: {
      fk_message_payloads_message: [['message_id'], 'messages', ['id']],
    },
  },
  message_attempts: {
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
    foreignKeys: {
      fk_message_attempts_message: [['message_id'], 'messages', ['id']],
    },
  },
  delivery_queues: {
    columns: {
      endpoint_id: 'varchar(35)!',
      project_id: 'varchar(64)',
      due_at: 'bigint?',
      limited_until: 'bigint',
      free_at: 'bigint',
      failing_since: 'bigint?',
      failing_warned_at: 'bigint?',
      probed_at: 'bigint?',
    },
    indices: {
      ix_delivery_queues_failing: ['failing_since'],
      ix_delivery_queues_due: ['due_at', 'project_id'],
    },
    foreignKeys: {
      fk_delivery_queues_endpoint: [['endpoint_id'], 'webhook_endpoints', ['id']],
    },
  },
} satisfies Record<string, TableSpec>;
