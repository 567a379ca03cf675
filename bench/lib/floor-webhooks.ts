// The floor of accepting: what one message costs in Fastify and the database's own driver, by hand: the body parsed, the row built and
// written by one durable INSERT. No authentication, no validation, no idempotency, no framework.
import { hash } from 'node:crypto';
import BetterSqlite3 from 'better-sqlite3';
import { fastify } from 'fastify';
import { createPool } from 'mysql2';
import { v7 } from 'uuid';

const location = process.env['FLOOR_LOCATION'] ?? '';
const INSERT = `INSERT INTO messages (id, project_id, endpoint_id, status, payload, headers, size_bytes, payload_sha256, idempotency_key,
    canonical_sha256, retention_hours, due_at, expires_at, created_at, updated_at, attempt_count, attempts_before, replay_count)
  VALUES (?, ?, ?, 'queued', ?, NULL, ?, ?, NULL, NULL, 720, ?, ?, ?, ?, 0, 0, 0)`;

type Value = string | number;

function mariadb(): (values: Value[]) => Promise<void> {
  const pool = createPool({ uri: location, connectionLimit: 32 });
  return (values) => new Promise((resolve, reject) => pool.execute(INSERT, values, (error) => (error ? reject(error) : resolve())));
}

function sqlite(): (values: Value[]) => Promise<void> {
  const connection = new BetterSqlite3(location, { timeout: 5000 });
  connection.pragma('journal_mode = WAL');
  connection.pragma('synchronous = FULL');
  connection.pragma('foreign_keys = ON');
  const insert = connection.prepare(INSERT);
  return async (values) => void insert.run(...values);
}

const store = process.env['FLOOR_ENGINE'] === 'mariadb' ? mariadb() : sqlite();
const project = process.env['FLOOR_PROJECT'] ?? '';
const app = fastify();

app.get('/', async () => 'ready');

app.post<{ Body: { endpoint_id: string; payload: object } }>('/v1/webhooks/send', async ({ body }, reply) => {
  const payload = JSON.stringify(body.payload);
  const id = v7();
  const now = Date.now();
  await store([
    id,
    project,
    body.endpoint_id,
    payload,
    Buffer.byteLength(payload),
    hash('sha256', payload, 'hex'),
    now,
    now + 2_592_000_000,
    now,
    now,
  ]);
  reply.code(202);
  return { data: { message_id: id, status: 'queued' }, meta: { request_id: id } };
});

process.on('SIGTERM', () => process.exit(0));
await app.listen({ port: Number(process.env['FLOOR_PORT']), host: '127.0.0.1' });
