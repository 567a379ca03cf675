import type { MigrationInterface, QueryRunner } from 'typeorm';
import { newId } from '../../common/ids.js';
import { GATEWAYS } from './initial/gateways.js';
import { IDENTITY } from './initial/identity.js';
import { PLATFORM } from './initial/platform.js';
import { WEBHOOKS } from './initial/webhooks.js';
import { createTable, type TableSpec } from './table.js';

const TABLES: Record<string, TableSpec> = { ...PLATFORM, ...IDENTITY, ...GATEWAYS, ...WEBHOOKS };

/** Counters that are no project's: two chains of the audit trail, and the log of webhook deliveries. */
const COUNTERS = [
  { kind: 'service', id: 'signet.denied', revision: 0 },
  { kind: 'service', id: 'signet.checkpoints', revision: 0 },
  // From 1, so that a process that has just begun has something to acknowledge.
  { kind: 'deliveries', id: 'webhook-deliveries', revision: 1 },
];

/** The schema of the first release. */
export class Initial1764500000001 implements MigrationInterface {
  readonly name = 'Initial1764500000001';

  async up(q: QueryRunner): Promise<void> {
    for (const [name, spec] of Object.entries(TABLES)) await createTable(q, name, spec);
    for (const { kind, id, revision } of COUNTERS) {
      const there = (await q.query(`SELECT 1 FROM change_counters WHERE scope_kind = '${kind}' AND scope_id = '${id}'`)) as unknown[];
      if (there.length === 0)
        await q.query(
          `INSERT INTO change_counters (scope_kind, scope_id, project_id, revision) VALUES ('${kind}', '${id}', '', ${revision})`,
        );
    }
    const epoch = (await q.query('SELECT 1 FROM database_epoch')) as unknown[];
    const id = newId();
    if (epoch.length === 0)
      await q.query(`INSERT INTO database_epoch (id, epoch, database_id, held, elapsed_ms) VALUES (1, '${id}', '${id}', 0, 0)`);
  }

  async down(q: QueryRunner): Promise<void> {
    for (const name of Object.keys(TABLES).reverse()) await q.dropTable(name, true);
  }
}
