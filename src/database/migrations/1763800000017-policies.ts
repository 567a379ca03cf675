import { type MigrationInterface, type QueryRunner, TableColumn, TableForeignKey } from 'typeorm';
import { createTable } from './table.js';

const POLICY_KEY = 'fk_role_assignments_policy';

/** Groups of users, policies of a domain, and roles that groups hold; every domain gets a counter, and with it an audit chain. */
export class Policies1763800000017 implements MigrationInterface {
  readonly name = 'Policies1763800000017';

  async up(q: QueryRunner): Promise<void> {
    await createTable(q, 'policies', {
      columns: {
        id: 'varchar(64)!',
        domain_id: 'varchar(64)',
        name: 'varchar(64)',
        type: 'varchar(2)',
        description: 'varchar(255)',
        document: 'text',
        created_at: 'bigint',
        updated_at: 'bigint',
      },
      unique: { uq_policies_domain_name: ['domain_id', 'name'] },
      foreignKeys: { fk_policies_domain: [['domain_id'], 'domains', ['id']] },
    });
    await createTable(q, 'user_groups', {
      columns: { id: 'varchar(64)!', domain_id: 'varchar(64)', name: 'varchar(64)', description: 'varchar(255)', created_at: 'bigint' },
      unique: { uq_user_groups_domain_name: ['domain_id', 'name'] },
      foreignKeys: { fk_user_groups_domain: [['domain_id'], 'domains', ['id']] },
    });
    await createTable(q, 'user_group_members', {
      columns: { group_id: 'varchar(64)!', user_id: 'varchar(64)!' },
      indices: { ix_user_group_members_user: ['user_id'] },
      foreignKeys: {
        fk_user_group_members_group: [['group_id'], 'user_groups', ['id']],
        fk_user_group_members_user: [['user_id'], 'users', ['id']],
      },
    });
    await createTable(q, 'group_role_assignments', {
      columns: { group_id: 'varchar(64)!', project_id: 'varchar(64)!', role: 'varchar(64)!', policy_id: 'varchar(64)?' },
      foreignKeys: {
        fk_group_role_assignments_group: [['group_id'], 'user_groups', ['id']],
        fk_group_role_assignments_project: [['project_id'], 'projects', ['id']],
        fk_group_role_assignments_policy: [['policy_id'], 'policies', ['id']],
      },
    });
    const assignments = await q.getTable('role_assignments');
    if (!assignments?.findColumnByName('policy_id'))
      await q.addColumn('role_assignments', new TableColumn({ name: 'policy_id', type: 'varchar', length: '64', isNullable: true }));
    if (!assignments?.foreignKeys.some(({ name }) => name === POLICY_KEY))
      await q.createForeignKey(
        'role_assignments',
        new TableForeignKey({
          name: POLICY_KEY,
          columnNames: ['policy_id'],
          referencedTableName: 'policies',
          referencedColumnNames: ['id'],
          onDelete: 'CASCADE',
          onUpdate: 'NO ACTION',
        }),
      );
    await q.query(
      `INSERT INTO change_counters (scope_id, project_id, revision) SELECT d.id, d.id, 0 FROM domains d
       WHERE NOT EXISTS (SELECT 1 FROM change_counters c WHERE c.scope_id = d.id)`,
    );
  }

  async down(q: QueryRunner): Promise<void> {
    await q.query('DELETE FROM change_counters WHERE scope_id IN (SELECT id FROM domains)');
    await q.dropForeignKey('role_assignments', POLICY_KEY);
    await q.dropColumn('role_assignments', 'policy_id');
    for (const table of ['group_role_assignments', 'user_group_members', 'user_groups', 'policies']) await q.dropTable(table, true);
  }
}
