import { type MigrationInterface, type QueryRunner, TableColumn } from 'typeorm';

/** The audit trail's second format, which knows access keys, and the counters of its chains of refusals and of checkpoints. */
export class AuditFormats1763800000020 implements MigrationInterface {
  readonly name = 'AuditFormats1763800000020';

  async up(q: QueryRunner): Promise<void> {
    const int = q.dataSource.options.type === 'better-sqlite3' ? 'integer' : 'int';
    for (const column of [
      new TableColumn({ name: 'format', type: int, isNullable: false, default: '1' }),
      new TableColumn({ name: 'access_key_id', type: 'varchar', length: '64', isNullable: true }),
    ])
      if (!(await q.hasColumn('audit_events', column.name))) await q.addColumn('audit_events', column);
    for (const chain of CHAINS)
      await q.query(
        `INSERT INTO change_counters (scope_id, project_id, revision)
         SELECT '${chain}', '', 0 FROM (SELECT 1 AS one) here WHERE NOT EXISTS (SELECT 1 FROM change_counters WHERE scope_id = '${chain}')`,
      );
  }

  async down(q: QueryRunner): Promise<void> {
    for (const chain of CHAINS) await q.query(`DELETE FROM change_counters WHERE scope_id = '${chain}'`);
    await q.dropColumns('audit_events', ['format', 'access_key_id']);
  }
}

const CHAINS = ['signet.denied', 'signet.checkpoints'];
