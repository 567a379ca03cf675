import type { TableSpec } from '../table.js';

/** Domains, projects, and who may do what in them. In the order in which their foreign keys need them. */
export const IDENTITY = {
  domains: {
    columns: {
      id: 'varchar(64)!',
      name: 'varchar(64)',
      enabled: 'boolean',
      created_at: 'bigint',
      mac: 'varchar(80)=',
    },
    unique: {
      uq_domains_name: ['name'],
    },
  },
  projects: {
    columns: {
      id: 'varchar(64)!',
      domain_id: 'varchar(64)',
      name: 'varchar(64)',
      description: 'varchar(255)',
      enabled: 'boolean',
      created_at: 'bigint',
      mac: 'varchar(80)=',
    },
    unique: {
      uq_projects_domain_name: ['domain_id', 'name'],
    },
    foreignKeys: {
      fk_projects_domain: [['domain_id'], 'domains', ['id']],
    },
  },
  users: {
    columns: {
      id: 'varchar(64)!',
      domain_id: 'varchar(64)',
      name: 'varchar(64)',
      password_hash: 'varchar(255)',
      enabled: 'boolean',
      tokens_valid_from: 'bigint',
      created_at: 'bigint',
      mac: 'varchar(80)=',
    },
    unique: {
      uq_users_domain_name: ['domain_id', 'name'],
    },
    foreignKeys: {
      fk_users_domain: [['domain_id'], 'domains', ['id']],
    },
    checks: {
      ck_users_password_hash: "substr(password_hash, 1, 10) = '$argon2id$'",
    },
  },
  token_keys: {
    columns: {
      id: 'varchar(32)!',
      private_key: 'text',
      public_key: 'text',
      created_at: 'bigint',
    },
    checks: {
      ck_token_keys_private_key: "substr(private_key, 1, 3) = 'K1.'",
    },
  },
  revoked_tokens: {
    columns: {
      id: 'varchar(64)!',
      expires_at: 'bigint',
    },
  },
  access_keys: {
    columns: {
      access_key: 'varchar(32)!',
      user_id: 'varchar(64)',
      secret_key: 'varchar(255)',
      description: 'varchar(255)',
      enabled: 'boolean',
      created_at: 'bigint',
      mac: 'varchar(80)=',
    },
    indices: {
      ix_access_keys_user: ['user_id'],
    },
    foreignKeys: {
      fk_access_keys_user: [['user_id'], 'users', ['id']],
    },
    checks: {
      ck_access_keys_secret_key: "substr(secret_key, 1, 3) = 'K1.' AND length(secret_key) > 50",
    },
  },
  policies: {
    columns: {
      id: 'varchar(64)!',
      domain_id: 'varchar(64)',
      name: 'varchar(64)',
      type: 'varchar(2)',
      description: 'varchar(255)',
      document: 'text',
      created_at: 'bigint',
      updated_at: 'bigint',
      mac: 'varchar(80)=',
    },
    unique: {
      uq_policies_domain_name: ['domain_id', 'name'],
    },
    foreignKeys: {
      fk_policies_domain: [['domain_id'], 'domains', ['id']],
    },
  },
  user_groups: {
    columns: {
      id: 'varchar(64)!',
      domain_id: 'varchar(64)',
      name: 'varchar(64)',
      description: 'varchar(255)',
      created_at: 'bigint',
      mac: 'varchar(80)=',
    },
    unique: {
      uq_user_groups_domain_name: ['domain_id', 'name'],
    },
    foreignKeys: {
      fk_user_groups_domain: [['domain_id'], 'domains', ['id']],
    },
  },
  user_group_members: {
    columns: {
      group_id: 'varchar(64)!',
      user_id: 'varchar(64)!',
      mac: 'varchar(80)=',
    },
    indices: {
      ix_user_group_members_user: ['user_id'],
    },
    foreignKeys: {
      fk_user_group_members_user: [['user_id'], 'users', ['id']],
      fk_user_group_members_group: [['group_id'], 'user_groups', ['id']],
    },
  },
  role_assignments: {
    columns: {
      user_id: 'varchar(64)!',
      project_id: 'varchar(64)!',
      role: 'varchar(64)!',
      policy_id: 'varchar(64)?',
      mac: 'varchar(80)=',
    },
    foreignKeys: {
      fk_role_assignments_policy: [['policy_id'], 'policies', ['id']],
      fk_role_assignments_user: [['user_id'], 'users', ['id']],
      fk_role_assignments_project: [['project_id'], 'projects', ['id']],
    },
  },
  group_role_assignments: {
    columns: {
      group_id: 'varchar(64)!',
      project_id: 'varchar(64)!',
      role: 'varchar(64)!',
      policy_id: 'varchar(64)?',
      mac: 'varchar(80)=',
    },
    foreignKeys: {
      fk_group_role_assignments_policy: [['policy_id'], 'policies', ['id']],
      fk_group_role_assignments_project: [['project_id'], 'projects', ['id']],
      fk_group_role_assignments_group: [['group_id'], 'user_groups', ['id']],
    },
  },
} satisfies Record<string, TableSpec>;
