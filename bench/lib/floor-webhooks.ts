// The floor of accepting: what one message costs in Fastify and the database's own driver, by hand: the body parsed, the row built and
// written by one durable INSERT, into a table of the floor's own that has the service's columns and indexes and the payload beside them.
// No authentication, no validation, no idempotency, no framework.
import { hash } from 'node:crypto';
import BetterSqlite3 from 'better-sqlite3';
import { fastify } from 'fastify';
import { createPool } from 'mysql2';
import { v7 } from 'uuid';

const location = process.env['FLOOR_LOCATION'] ?? '';
const TABLE = `CREATE TABLE floor_messages (
  id varchar(36) NOT NULL PRIMARY KEY, project_id varchar(64) NOT NULL, endpoint_id varchar(35) NOT NULL, status varchar(16) NOT NULL,
  payload json, headers text, size_bytes int NOT NULL, payload_sha256 varchar(64) NOT NULL, idempotency_key varchar(255),
  canonical_sha256 varchar(64), retention_hours int NOT NULL, attempt_count int NOT NULL, attempts_before int NOT NULL,
  replay_count int NOT NULL, due_at bigint, claim bigint NOT NULL DEFAULT 0, expires_at bigint, last_error varchar(255),
  created_at bigint NOT NULL, updated_at bigint NOT NULL, delivered_at bigint, failed_at bigint, deleted_at bigint, deleted_by varchar(64),
  FOREIGN KEY (endpoint_id) REFERENCES webhook_endpoints (id) ON DELETE CASCADE)`;
const INDEXES = [
  'CREATE UNIQUE INDEX uq_floor_idempotency ON floor_messages (endpoint_id, idempotency_key)',
  'CREATE INDEX ix_floor_due ON floor_messages (due_at, endpoint_id, size_bytes)',
  'CREATE INDEX ix_floor_created ON floor_messages (project_id, created_at, id)',
  'CREATE INDEX ix_floor_status ON floor_messages (project_id, status, created_at, id)',
  'CREATE INDEX ix_floor_expiry ON floor_messages (expires_at)',
];
const INSERT = `INSERT INTO floor_messages (id, project_id, endpoint_id, status, payload, headers, size_bytes, payload_sha256, idempotency_key,
    canonical_sha256, retention_hours, due_at, expires_at, created_at, updated_at, attempt_count, attempts_before, replay_count)
  VALUES (?, ?, ?, 'queued', ?, NULL, ?, ?, NULL, NULL, 720, ?, ?, ?, ?, 0, 0, 0)`;

type Value = string | number;

async function mariadb(): Promise<(values: Value[]) => Promise<void>> {
  const pool = createPool({ uri: location, connectionLimit: 32 });
  for (const sql of [TABLE, ...INDEXES]) await pool.promise().query(sql);
  return (values) => new Promise((resolve, reject) => pool.execute(INSERT, values, (error) => (error ? reject(error) : resolve())));
}

async function sqlite(): Promise<(values: Value[]) => Promise<void>> {
  const connection = new BetterSqlite3(location, { timeout: 5000 });
  connection.pragma('journal_mode = WAL');
  connection.pragma('synchronous = FULL');
  connection.pragma('foreign_keys = ON');
  for (const sql of [TABLE, ...INDEXES]) connection.exec(sql);
  const insert = connection.prepare(INSERT);
  return async (values) => void insert.run(...values);
}

const store = await (process.env['FLOOR_ENGINE'] === 'mariadb' ? mariadb() : sqlite());
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
