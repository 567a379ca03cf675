import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createTable } from './table.js';

/** Groups, environments, APIs, publications, versions, channels. */
export class Apis1763800000004 implements MigrationInterface {
  readonly name = 'Apis1763800000004';

  async up(q: QueryRunner): Promise<void> {
    await createTable(q, 'api_groups', {
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
      unique: { uq_api_groups_instance_name: ['instance_id', 'name'] },
      foreignKeys: { fk_api_groups_instance: [['instance_id'], 'instances', ['id']] },
    });
    await createTable(q, 'environments', {
      columns: {
        instance_id: 'varchar(64)!',
        id: 'varchar(32)!',
        project_id: 'varchar(64)',
        name: 'varchar(64)',
        remark: 'varchar(255)',
        created_at: 'bigint',
      },
      unique: { uq_environments_instance_name: ['instance_id', 'name'] },
      foreignKeys: { fk_environments_instance: [['instance_id'], 'instances', ['id']] },
    });
    await createTable(q, 'apis', {
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
      unique: { uq_apis_group_name: ['group_id', 'name'] },
      indices: { ix_apis_instance: ['instance_id', 'id'] },
      foreignKeys: { fk_apis_instance: [['instance_id'], 'instances', ['id']], fk_apis_group: [['group_id'], 'api_groups', ['id']] },
    });
    await createTable(q, 'publications', {
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
      unique: { uq_publications_api_env: ['api_id', 'env_id'] },
      indices: { ix_publications_instance: ['instance_id', 'id'] },
      foreignKeys: {
        fk_publications_api: [['api_id'], 'apis', ['id']],
        fk_publications_environment: [['instance_id', 'env_id'], 'environments', ['instance_id', 'id']],
      },
    });
    await createTable(q, 'api_versions', {
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
      indices: { ix_api_versions_api_env: ['api_id', 'env_id', 'id'], ix_api_versions_env: ['instance_id', 'env_id'] },
      foreignKeys: {
        fk_api_versions_api: [['api_id'], 'apis', ['id']],
        fk_api_versions_environment: [['instance_id', 'env_id'], 'environments', ['instance_id', 'id']],
      },
    });
    await createTable(q, 'vpc_channels', {
      columns: {
        id: 'varchar(32)!',
        project_id: 'varchar(64)',
        instance_id: 'varchar(64)',
        name: 'varchar(64)',
        definition: 'json',
        created_at: 'bigint',
      },
      unique: { uq_vpc_channels_instance_name: ['instance_id', 'name'] },
      foreignKeys: { fk_vpc_channels_instance: [['instance_id'], 'instances', ['id']] },
    });
  }

  async down(q: QueryRunner): Promise<void> {
    for (const table of ['vpc_channels', 'api_versions', 'publications', 'apis', 'environments', 'api_groups'])
      await q.dropTable(table, true);
  }
}
