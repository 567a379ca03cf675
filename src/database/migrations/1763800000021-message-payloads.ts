import type { MigrationInterface, QueryRunner } from 'typeorm';
import { createTable } from './table.js';

/**
 * Payloads stand beside the messages, which are written three times in their life, and a claim is a number: neither is a message's row
 * written as a whole then, nor does it grow. What is due is chosen from an index alone.
 */
export class MessagePayloads1763800000021 implements MigrationInterface {
  readonly name = 'MessagePayloads1763800000021';

  async up(q: QueryRunner): Promise<void> {
    await createTable(q, 'message_payloads', {
      columns: { message_id: 'varchar(36)!', payload: 'json' },
      foreignKeys: { fk_message_payloads_message: [['message_id'], 'messages', ['id']] },
    });
    if (!(await q.hasColumn('messages', 'payload'))) return;
    await q.query(
      `INSERT INTO message_payloads (message_id, payload) SELECT id, payload FROM messages
       WHERE payload IS NOT NULL AND id NOT IN (SELECT message_id FROM message_payloads)`,
    );
    await alterMessages(q, ['payload', 'claim'], ['claim bigint NOT NULL DEFAULT 0'], 'due_at, endpoint_id, size_bytes');
  }

  async down(q: QueryRunner): Promise<void> {
    await alterMessages(q, ['claim'], ['payload json NULL', 'claim varchar(32) NULL'], 'due_at, endpoint_id');
    await q.query('UPDATE messages SET payload = (SELECT p.payload FROM message_payloads p WHERE p.message_id = messages.id)');
    await q.dropTable('message_payloads', true);
  }
}

/**
 * One statement on MariaDB, so that it is done or not. By hand: TypeORM makes SQLite's table anew, and with the old one what refers to it
 * would go.
 */
async function alterMessages(q: QueryRunner, dropped: string[], added: string[], dueColumns: string): Promise<void> {
  const columns = [...dropped.map((name) => `DROP COLUMN ${name}`), ...added.map((spec) => `ADD COLUMN ${spec}`)];
  const statements =
    q.dataSource.options.type === 'better-sqlite3'
      ? [
          'DROP INDEX ix_messages_due',
          ...columns.map((change) => `ALTER TABLE messages ${change}`),
          `CREATE INDEX ix_messages_due ON messages (${dueColumns})`,
        ]
      : [`ALTER TABLE messages DROP INDEX ix_messages_due, ${columns.join(', ')}, ADD INDEX ix_messages_due (${dueColumns})`];
  for (const statement of statements) await q.query(statement);
}
