import type { TableSpec } from '../table.js';

/**
 * What every domain stands on: the change log, sealing keys, the audit trail, receipts, histories after a restore. In the order in which
 * their foreign keys need them.
 */
export const PLATFORM = {
  leases: {
    columns: {
      name: 'varchar(64)!',
      holder: 'varchar(36)',
      expires_at: 'bigint',
    },
  },
  change_counters: {
    columns: {
      scope_kind: 'varchar(16)!',
      scope_id: 'varchar(64)!',
      project_id: 'varchar(64)',
      revision: 'bigint',
    },
    unique: {
      uq_change_counters_scope: ['scope_id'],
    },
  },
  changes: {
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
  },
  data_keys: {
    columns: {
      project_id: 'varchar(64)!',
      id: 'int!',
      root_id: 'varchar(255)',
      wrapped: 'varchar(1024)',
      created_at: 'bigint',
      seals: 'bigint=0',
      unused_since: 'bigint?',
    },
    checks: {
      ck_data_keys_wrapped: "substr(wrapped, 1, 3) = 'K1.' AND length(wrapped) > 90",
    },
  },
  kek_checks: {
    columns: {
      root_id: 'varchar(255)!',
      sealed: 'varchar(1024)',
    },
  },
  identity_keys: {
    columns: {
      id: 'varchar(32)!',
      secret: 'varchar(255)',
      created_at: 'bigint',
    },
    checks: {
      ck_identity_keys_secret: "substr(secret, 1, 3) = 'K1.' AND length(secret) > 50",
    },
  },
  audit_events: {
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
      format: 'int=1',
      access_key_id: 'varchar(64)?',
    },
    indices: {
      ix_audit_events_project: ['project_id', 'created_at'],
    },
  },
  signing_sessions: {
    columns: {
      session_id: 'varchar(32)!',
      scope_kind: 'varchar(16)',
      scope_id: 'varchar(64)',
      project_id: 'varchar(64)',
      node_id: 'varchar(64)',
      version: 'varchar(64)',
      public_key: 'varchar(64)',
      credential_id: 'varchar(32)',
      epoch: 'varchar(32)',
      asked: 'int',
      with_table: 'int',
      first_revision: 'bigint?',
      acknowledged: 'bigint',
      acknowledged_at: 'bigint?',
      counter: 'bigint',
      lease_seconds: 'int?',
      silence_ms: 'bigint',
      ending: 'varchar(16)?',
      ended_by: 'varchar(255)?',
      ended_at: 'bigint?',
      ended_revision: 'bigint?',
      contradicted_at: 'bigint?',
      registered_at: 'bigint',
      last_seen: 'bigint',
    },
    indices: {
      ix_signing_sessions_credential: ['credential_id', 'ending'],
      ix_signing_sessions_scope: ['scope_kind', 'scope_id', 'ending', 'acknowledged'],
    },
  },
  receipts: {
    columns: {
      scope_kind: 'varchar(16)!',
      scope_id: 'varchar(64)!',
      revision: 'bigint!',
      epoch: 'varchar(32)',
      completed_at: 'bigint',
    },
  },
  database_epoch: {
    columns: {
      id: 'int!',
      epoch: 'varchar(32)',
      held: 'int',
      quarantine_since: 'varchar(32)?',
      longest_lease_seconds: 'int?',
      elapsed_ms: 'bigint',
      vouched_by: 'varchar(255)?',
      database_id: 'varchar(32)?',
      put_back: 'int?',
    },
  },
  left_epochs: {
    columns: {
      epoch: 'varchar(32)!',
      how: 'varchar(16)',
      decided_by: 'varchar(255)?',
      left_at: 'bigint',
    },
  },
  pulses: {
    columns: {
      plane_id: 'varchar(32)!',
      number: 'bigint',
      beaten_at: 'bigint',
    },
  },
  named_tombstones: {
    columns: {
      scope_id: 'varchar(64)!',
      sign_id: 'varchar(64)!',
      version: 'int!',
      publish_id: 'varchar(64)!',
      revision: 'bigint!',
      epoch: 'varchar(32)!',
      node_id: 'varchar(64)',
      named_at: 'bigint',
    },
  },
  accepted_tombstones: {
    columns: {
      scope_id: 'varchar(64)!',
      sign_id: 'varchar(64)!',
      version: 'int!',
      publish_id: 'varchar(64)!',
      revision: 'bigint!',
      epoch: 'varchar(32)!',
      accepted_by: 'varchar(255)',
      accepted_at: 'bigint',
    },
  },
} satisfies Record<string, TableSpec>;
