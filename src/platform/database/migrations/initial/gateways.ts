import type { TableSpec } from '../table.js';

/**
 * Gateways: their APIs, signature keys, bindings, rotations, machines and verifiers. In the order in which their foreign keys need them.
 */
export const GATEWAYS = {
  instances: {
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
    unique: {
      uq_instances_project_name: ['project_id', 'instance_name'],
    },
    foreignKeys: {
      fk_instances_project: [['project_id'], 'projects', ['id']],
    },
  },
  instance_features: {
    columns: {
      instance_id: 'varchar(64)!',
      name: 'varchar(64)!',
      id: 'varchar(32)',
      enable: 'boolean',
      config: 'text',
      updated_at: 'bigint',
    },
    foreignKeys: {
      fk_instance_features_instance: [['instance_id'], 'instances', ['id']],
    },
  },
  gateway_settings: {
    columns: {
      instance_id: 'varchar(64)!',
      project_id: 'varchar(64)',
      lease_seconds: 'int?',
      updated_at: 'bigint',
      mask_secrets: 'boolean?',
      encoded_slashes: 'varchar(8)?',
      open_connections: 'varchar(8)?',
    },
    foreignKeys: {
      fk_gateway_settings_instance: [['instance_id'], 'instances', ['id']],
    },
  },
  gateway_tokens: {
    columns: {
      id: 'varchar(32)!',
      project_id: 'varchar(64)',
      instance_id: 'varchar(64)',
      role: 'varchar(16)',
      name: 'varchar(64)',
      token_hash: 'varchar(64)',
      created_at: 'bigint',
      mac: 'varchar(80)=',
      expires_at: 'bigint?',
      certificate_sha256: 'varchar(64)?',
      renewal_of: 'varchar(32)?',
    },
    unique: {
      uq_gateway_tokens_hash: ['token_hash'],
    },
    indices: {
      ix_gateway_tokens_renewal: ['renewal_of'],
      ix_gateway_tokens_instance: ['instance_id', 'id'],
    },
  },
  api_groups: {
    columns: {
      id: 'varchar(32)!',
      project_id: 'varchar(64)',
      instance_id: 'varchar(64)',
      name: 'varchar(255)',
      remark: 'varchar(1000)',
      sl_domain_access_enabled: 'boolean',
      created_at: 'bigint',
      updated_at: 'bigint',
    },
    unique: {
      uq_api_groups_instance_name: ['instance_id', 'name'],
    },
    foreignKeys: {
      fk_api_groups_instance: [['instance_id'], 'instances', ['id']],
    },
  },
  gateway_responses: {
    columns: {
      id: 'varchar(32)!',
      project_id: 'varchar(64)',
      instance_id: 'varchar(64)',
      group_id: 'varchar(32)',
      name: 'varchar(64)',
      built_in: 'boolean',
      responses: 'json',
      created_at: 'bigint',
      updated_at: 'bigint',
    },
    unique: {
      uq_gateway_responses_group_name: ['group_id', 'name'],
    },
    indices: {
      ix_gateway_responses_instance: ['instance_id', 'id'],
    },
    foreignKeys: {
      fk_gateway_responses_group: [['group_id'], 'api_groups', ['id']],
    },
  },
  group_domains: {
    columns: {
      id: 'varchar(32)!',
      project_id: 'varchar(64)',
      instance_id: 'varchar(64)',
      group_id: 'varchar(32)',
      url_domain: 'varchar(255)',
      host: 'varchar(255)',
      settings: 'json',
    },
    unique: {
      uq_group_domains_instance_host: ['instance_id', 'host'],
    },
    indices: {
      ix_group_domains_group: ['group_id', 'id'],
    },
    foreignKeys: {
      fk_group_domains_group: [['group_id'], 'api_groups', ['id']],
    },
  },
  environments: {
    columns: {
      instance_id: 'varchar(64)!',
      id: 'varchar(32)!',
      project_id: 'varchar(64)',
      name: 'varchar(64)',
      remark: 'varchar(255)',
      created_at: 'bigint',
    },
    unique: {
      uq_environments_instance_name: ['instance_id', 'name'],
    },
    foreignKeys: {
      fk_environments_instance: [['instance_id'], 'instances', ['id']],
    },
  },
  env_variables: {
    columns: {
      id: 'varchar(32)!',
      project_id: 'varchar(64)',
      instance_id: 'varchar(64)',
      group_id: 'varchar(32)',
      env_id: 'varchar(32)',
      name: 'varchar(32)',
      value: 'varchar(255)',
    },
    unique: {
      uq_env_variables_group_env_name: ['group_id', 'env_id', 'name'],
    },
    indices: {
      ix_env_variables_env: ['instance_id', 'env_id'],
    },
    foreignKeys: {
      fk_env_variables_environment: [['instance_id', 'env_id'], 'environments', ['instance_id', 'id']],
      fk_env_variables_group: [['group_id'], 'api_groups', ['id']],
    },
  },
  apis: {
    columns: {
      id: 'varchar(32)!',
      project_id: 'varchar(64)',
      instance_id: 'varchar(64)',
      group_id: 'varchar(32)',
      name: 'varchar(255)',
      type: 'int',
      req_protocol: 'varchar(16)',
      req_method: 'varchar(16)',
      req_uri: 'varchar(512)',
      auth_type: 'varchar(16)',
      remark: 'varchar(255)',
      definition: 'json',
      created_at: 'bigint',
      updated_at: 'bigint',
    },
    unique: {
      uq_apis_group_name: ['group_id', 'name'],
    },
    indices: {
      ix_apis_instance: ['instance_id', 'id'],
    },
    foreignKeys: {
      fk_apis_group: [['group_id'], 'api_groups', ['id']],
      fk_apis_instance: [['instance_id'], 'instances', ['id']],
    },
  },
  api_versions: {
    columns: {
      id: 'varchar(32)!',
      project_id: 'varchar(64)',
      instance_id: 'varchar(64)',
      api_id: 'varchar(32)',
      env_id: 'varchar(32)',
      version_no: 'varchar(14)',
      remark: 'varchar(255)',
      definition: 'json',
      published_at: 'bigint',
    },
    indices: {
      ix_api_versions_env: ['instance_id', 'env_id'],
      ix_api_versions_api_env: ['api_id', 'env_id', 'id'],
    },
    foreignKeys: {
      fk_api_versions_environment: [['instance_id', 'env_id'], 'environments', ['instance_id', 'id']],
      fk_api_versions_api: [['api_id'], 'apis', ['id']],
    },
  },
  publications: {
    columns: {
      id: 'varchar(32)!',
      project_id: 'varchar(64)',
      instance_id: 'varchar(64)',
      api_id: 'varchar(32)',
      env_id: 'varchar(32)',
      version_id: 'varchar(32)',
      online: 'boolean',
      remark: 'varchar(255)',
      published_at: 'bigint',
    },
    unique: {
      uq_publications_api_env: ['api_id', 'env_id'],
    },
    indices: {
      ix_publications_instance: ['instance_id', 'id'],
    },
    foreignKeys: {
      fk_publications_environment: [['instance_id', 'env_id'], 'environments', ['instance_id', 'id']],
      fk_publications_api: [['api_id'], 'apis', ['id']],
    },
  },
  vpc_channels: {
    columns: {
      id: 'varchar(32)!',
      project_id: 'varchar(64)',
      instance_id: 'varchar(64)',
      name: 'varchar(64)',
      definition: 'json',
      created_at: 'bigint',
    },
    unique: {
      uq_vpc_channels_instance_name: ['instance_id', 'name'],
    },
    foreignKeys: {
      fk_vpc_channels_instance: [['instance_id'], 'instances', ['id']],
    },
  },
  vpc_channel_groups: {
    columns: {
      id: 'varchar(32)!',
      project_id: 'varchar(64)',
      instance_id: 'varchar(64)',
      channel_id: 'varchar(32)',
      name: 'varchar(64)',
      reference_id: 'varchar(32)',
      definition: 'json',
      created_at: 'bigint',
      updated_at: 'bigint',
    },
    unique: {
      uq_vpc_channel_groups_name: ['channel_id', 'name'],
    },
    indices: {
      ix_vpc_channel_groups_reference: ['reference_id'],
    },
    foreignKeys: {
      fk_vpc_channel_groups_channel: [['channel_id'], 'vpc_channels', ['id']],
    },
  },
  vpc_channel_members: {
    columns: {
      id: 'varchar(32)!',
      project_id: 'varchar(64)',
      instance_id: 'varchar(64)',
      channel_id: 'varchar(32)',
      group_id: 'varchar(32)',
      host: 'varchar(255)',
      port: 'int',
      ecs_id: 'varchar(255)',
      ecs_name: 'varchar(255)',
      weight: 'int',
      is_backup: 'boolean',
      status: 'int',
      created_at: 'bigint',
    },
    unique: {
      uq_vpc_channel_members_place: ['channel_id', 'group_id', 'host', 'port'],
    },
    foreignKeys: {
      fk_vpc_channel_members_channel: [['channel_id'], 'vpc_channels', ['id']],
    },
  },
  signs: {
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
    unique: {
      uq_signs_instance_name: ['instance_id', 'name'],
    },
    indices: {
      ix_signs_instance: ['instance_id', 'id'],
    },
    foreignKeys: {
      fk_signs_instance: [['instance_id'], 'instances', ['id']],
    },
    checks: {
      ck_signs_sign_secret: "substr(sign_secret, 1, 3) = 'K1.' AND length(sign_secret) > 50",
    },
  },
  sign_bindings: {
    columns: {
      id: 'varchar(32)!',
      project_id: 'varchar(64)',
      instance_id: 'varchar(64)',
      sign_id: 'varchar(32)',
      publish_id: 'varchar(32)',
      created_at: 'bigint',
    },
    unique: {
      uq_sign_bindings_publish: ['publish_id'],
    },
    indices: {
      ix_sign_bindings_sign: ['sign_id', 'id'],
    },
    foreignKeys: {
      fk_sign_bindings_publication: [['publish_id'], 'publications', ['id']],
      fk_sign_bindings_sign: [['sign_id'], 'signs', ['id']],
    },
  },
  sign_usage: {
    columns: {
      sign_id: 'varchar(32)!',
      publish_id: 'varchar(32)!',
      hour: 'bigint!',
      times: 'bigint',
      last_signed_at: 'bigint',
    },
    indices: {
      ix_sign_usage_hour: ['hour'],
      ix_sign_usage_publication: ['publish_id'],
    },
    foreignKeys: {
      fk_sign_usage_publication: [['publish_id'], 'publications', ['id']],
      fk_sign_usage_sign: [['sign_id'], 'signs', ['id']],
    },
  },
  sign_rotations: {
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
      promoted_revision: 'bigint=0',
    },
    indices: {
      ix_sign_rotations_instance: ['instance_id', 'sign_id'],
      ix_sign_rotations_due: ['due_at'],
    },
    foreignKeys: {
      fk_sign_rotations_sign: [['sign_id'], 'signs', ['id']],
    },
    checks: {
      ck_sign_rotations_sign_secret: "substr(sign_secret, 1, 3) = 'K1.' AND length(sign_secret) > 50",
    },
  },
  verifiers: {
    columns: {
      id: 'varchar(32)!',
      project_id: 'varchar(64)',
      instance_id: 'varchar(64)',
      token_id: 'varchar(32)',
      name: 'varchar(64)',
      process_id: 'varchar(64)',
      shown_revision: 'bigint',
      first_revision: 'bigint',
      offered_revision: 'bigint',
      offered_content: 'varchar(16)',
      max_age_seconds: 'int?',
      contacts: 'bigint',
      silence_ms: 'bigint',
      ending: 'varchar(16)?',
      ended_at: 'bigint?',
      ended_by: 'varchar(64)?',
      contradicted_at: 'bigint?',
      created_at: 'bigint',
      last_seen: 'bigint',
    },
    unique: {
      uq_verifiers_process: ['token_id', 'name', 'process_id'],
    },
    indices: {
      ix_verifiers_ended: ['ended_at'],
      ix_verifiers_instance: ['instance_id', 'id'],
    },
  },
} satisfies Record<string, TableSpec>;
