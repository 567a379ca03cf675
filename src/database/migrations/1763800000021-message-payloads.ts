import { type MigrationInterface, type QueryRunner, TableIndex } from 'typeorm';
import { createTable } from './table.js';

/**
 * Payloads stand beside the messages, which are written three times in their life, and a claim is a number: neither is a message's row
 * written as a whole then, nor does it grow.
 */
export class MessagePayloads1763800000021 implements MigrationInterface {
  readonly name = 'MessagePayloads1763800000021';

  async up(q: QueryRunner): Promise<void> {
    await createTable(q, 'message_payloads', {
      columns: { message_id: 'varchar(36)!', payload: 'json' },
      foreignKeys: { fk_message_payloads_message: [['message_id'], 'messages', ['id']] },
    });
    if (await q.hasColumn('messages', 'payload')) {
      await q.query(
        `INSERT INTO message_payloads (message_id, payload) SELECT id, payload FROM messages
         WHERE payload IS NOT NULL AND id NOT IN (SELECT message_id FROM message_payloads)`,
      );
      await dropColumn(q, 'payload');
    }
    const claim = (await q.getTable('messages'))?.findColumnByName('claim');
    if (claim?.type === 'varchar') await dropColumn(q, 'claim');
    if (!claim || claim.type === 'varchar') await addColumn(q, 'claim bigint NOT NULL DEFAULT 0');
    await indexDue(q, ['due_at', 'endpoint_id', 'size_bytes']);
  }

  async down(q: QueryRunner): Promise<void> {
    await indexDue(q, ['due_at', 'endpoint_id']);
    await addColumn(q, 'payload json NULL');
    await q.query('UPDATE messages SET payload = (SELECT p.payload FROM message_payloads p WHERE p.message_id = messages.id)');
    await q.dropTable('message_payloads', true);
    await dropColumn(q, 'claim');
    await addColumn(q, 'claim varchar(32) NULL');
  }
}

/** What is due is chosen from the index alone. */
async function indexDue(q: QueryRunner, columnNames: string[]): Promise<void> {
  const name = 'ix_messages_due';
  if ((await q.getTable('messages'))?.indices.some((index) => index.name === name)) await q.dropIndex('messages', name);
  await q.createIndex('messages', new TableIndex({ name, columnNames }));
}

/** By hand: TypeORM makes SQLite's table anew, and with the old one what refers to it would go. */
const addColumn = (q: QueryRunner, column: string) => q.query(`ALTER TABLE messages ADD COLUMN ${column}`);
const dropColumn = (q: QueryRunner, column: string) => q.query(`ALTER TABLE messages DROP COLUMN ${column}`);
