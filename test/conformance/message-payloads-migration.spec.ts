import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readConfig } from '../../src/config/config.js';
import type { Database } from '../../src/database/database.js';
import { openDatabase } from '../../src/database/open.js';
import { entities } from '../../src/entities.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';

const NAME = 'MessagePayloads1763800000021';
const ENDPOINT = `ep_${'e'.repeat(32)}`;
const KEPT = '01a214a0-b000-7778-8290-2eacf5a0f789';
const GONE = '01a214a0-b000-7778-8290-2eacf5a0f790';
const PAYLOAD = '{"event":"order.created","note":"größer"}';

onBothDatabases((name) => {
  let test: TestDatabase;
  let database: Database;
  /** One row; what must not be null and is not given is something. */
  const fill = async (table: string, given: Record<string, string | number>) => {
    const { columns } = (await database.dataSource.createQueryRunner().getTable(table))!;
    const needed = columns.filter(({ name: column, isNullable }) => !isNullable || column in given);
    const values = needed.map(({ name: column, type }) => given[column] ?? (/int|bool/.test(type) ? 0 : 'x'));
    const names = needed.map(({ name: column }) => column).join(', ');
    await database.transaction((tx) => tx.run(`INSERT INTO ${table} (${names}) VALUES (${values.map(() => '?').join(', ')})`, values));
  };
  beforeAll(async () => {
    test = await createTestDatabase(name);
    database = await openDatabase(readConfig(test.env), entities);
    const source = database.dataSource;
    for (let last = ''; last !== NAME; ) {
      last = (await source.query<{ name: string }[]>('SELECT name FROM migrations ORDER BY id DESC LIMIT 1'))[0]!.name;
      await source.undoLastMigration();
    }
  });
  afterAll(async () => {
    await database.close();
    await test.drop();
  });

  it('messages of before keep their payloads and attempts, and nobody holds a claim; the way back keeps them too', async () => {
    await fill('domains', { id: 'd' });
    await fill('projects', { id: 'p', domain_id: 'd' });
    await fill('webhook_endpoints', { id: ENDPOINT, project_id: 'p', url: 'https://example.com/hook' });
    const message = { project_id: 'p', endpoint_id: ENDPOINT, status: 'queued', due_at: 5 };
    await fill('messages', { ...message, id: KEPT, payload: PAYLOAD, claim: 'another process' });
    await fill('messages', { ...message, id: GONE });
    await fill('message_attempts', { message_id: KEPT, attempt_no: 1 });

    const [migration] = await database.dataSource.runMigrations();
    expect(migration?.name).toBe(NAME);
    // The cast keeps the driver from parsing JSON.
    const payloads = 'SELECT message_id AS id, CAST(payload AS CHAR) AS payload FROM message_payloads';
    expect(await database.rows(payloads)).toEqual([{ id: KEPT, payload: PAYLOAD }]);
    expect(await database.rows('SELECT id, claim, due_at AS dueAt FROM messages ORDER BY id')).toEqual([
      { id: KEPT, claim: 0, dueAt: 5 },
      { id: GONE, claim: 0, dueAt: 5 },
    ]);
    const attempts = 'SELECT message_id AS id FROM message_attempts';
    expect(await database.rows(attempts)).toEqual([{ id: KEPT }]);

    await database.dataSource.undoLastMigration();
    expect(await database.rows('SELECT id, CAST(payload AS CHAR) AS payload FROM messages ORDER BY id')).toEqual([
      { id: KEPT, payload: PAYLOAD },
      { id: GONE, payload: null },
    ]);
    expect(await database.rows(attempts)).toEqual([{ id: KEPT }]);
  });
});
