// The floor: what the four operations cost in Fastify and the database's own driver, by hand. No authentication, no
// validation, no encryption, no logging, no metrics, no framework; the same statements, isolation and durability.
import { fastify } from 'fastify';
import { openStore as openMariadb } from './floor-mariadb.ts';
import { openStore as openSqlite } from './floor-sqlite.ts';
import { newId, type NewSign, type Scope, type SignRow } from './floor-store.ts';

const location = process.env['FLOOR_LOCATION'] ?? '';
const store = process.env['FLOOR_ENGINE'] === 'mariadb' ? openMariadb(location) : openSqlite(location);
const app = fastify();

const text = { type: 'string' };
const integer = { type: 'integer' };
const sign = { id: text, name: text, sign_type: text, sign_key: text, sign_secret: text, create_time: text, update_time: text };
const signSchema = { type: 'object', properties: sign };
const listSchema = {
  type: 'object',
  properties: {
    total: integer,
    size: integer,
    signs: { type: 'array', items: { type: 'object', properties: { ...sign, bind_num: integer, ldapi_bind_num: integer } } },
  },
};

const SIGNS = '/v2/:project_id/apigw/instances/:instance_id/signs';
interface Path {
  project_id: string;
  instance_id: string;
  sign_id: string;
}
const scopeOf = ({ project_id, instance_id }: Path): Scope => ({ projectId: project_id, instanceId: instance_id });
const seconds = (epochMs: number) => `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
const nanoseconds = (epochMs: number) => `${new Date(epochMs).toISOString().slice(0, 23)}000000Z`;

const rowView = (row: SignRow) => ({
  id: row.id,
  name: row.name,
  sign_type: row.signType,
  sign_key: row.signKey,
  sign_secret: row.sealedSecret,
  create_time: seconds(row.createdAt),
  update_time: seconds(row.updatedAt),
  bind_num: row.bindNum,
  ldapi_bind_num: 0,
});

app.get('/', async () => 'ready');

app.get<{ Params: Path; Querystring: { id?: string; limit?: string; offset?: string } }>(
  SIGNS,
  { schema: { response: { 200: listSchema } } },
  async ({ params, query }) => {
    const rows = await store.list(scopeOf(params), { id: query.id, limit: query.limit ?? '20', offset: query.offset ?? '0' });
    return { total: rows[0]?.total ?? 0, size: rows.length, signs: rows.map(rowView) };
  },
);

app.post<{ Params: Path; Body: { name: string; sign_type: string; sign_key: string; sign_secret: string } }>(
  SIGNS,
  { schema: { response: { 201: signSchema } } },
  async ({ params, body }, reply) => {
    const made: NewSign = {
      id: newId(),
      name: body.name,
      signType: body.sign_type,
      signKey: body.sign_key,
      signSecret: body.sign_secret,
      now: Date.now(),
    };
    await store.create(scopeOf(params), made);
    reply.code(201);
    return { ...body, id: made.id, create_time: nanoseconds(made.now), update_time: nanoseconds(made.now) };
  },
);

app.delete<{ Params: Path }>(`${SIGNS}/:sign_id`, async ({ params }, reply) => {
  const gone = await store.delete(scopeOf(params), params.sign_id, Date.now());
  return reply.code(gone ? 204 : 404).send();
});

process.on('SIGTERM', () => process.exit(0));
await app.listen({ port: Number(process.env['FLOOR_PORT']), host: '127.0.0.1' });
