import { newId } from './floor-store.ts';
import type { Sql } from './databases.ts';
import type { Served } from './processes.ts';

/** The contract's quota of keys in one gateway. */
export const KEYS = 200;
const BINDINGS = 10;
/** Gateways that a round fills or empties, one after the other. */
const WRITTEN = 8;
/** The largest number of writes in a round. */
export const WRITES_MAX = WRITTEN * KEYS;

type Row = readonly (string | number)[];

/** The gateways of the service or of the floor. Both have their own, with the same rows in the same database. */
export interface Side {
  projectId: string;
  /** Has {@link KEYS} keys, and keeps them. */
  read: Gateway;
  written: readonly Gateway[];
}

interface Gateway {
  id: string;
  /** {@link KEYS} × {@link BINDINGS} publications to bind keys to. */
  publishIds: readonly string[];
  signIds: readonly string[];
}

export const signsPath = (side: Side, gatewayId: string) => `/v2/${side.projectId}/apigw/instances/${gatewayId}/signs`;

/** Creates gateways, publications and the keys to read, which the service encrypts itself. */
export async function createEnvironment(
  sql: Sql,
  service: Served,
  { projectId, token }: { projectId: string; token: string },
): Promise<{ ours: Side; floor: Side }> {
  const post = async (path: string, body: object): Promise<Record<string, string>> => {
    const response = await fetch(`${service.url}/v2/${projectId}/apigw/instances${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-auth-token': token },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`POST …/instances${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, string>;
  };
  const places = { vpc_id: 'vpc', subnet_id: 'subnet', security_group_id: 'group', available_zone_ids: ['local-a'] };
  const gateway = async (): Promise<Gateway> => {
    const { instance_id: id = '' } = await post('', { instance_name: `bench_${newId()}`, spec_id: 'PLATINUM', ...places });
    return { id, publishIds: await publish(sql, projectId, id), signIds: [] };
  };
  const side = async (): Promise<Side> => {
    const read = await gateway();
    const written: Gateway[] = [];
    while (written.length < WRITTEN) written.push(await gateway());
    return { projectId, read, written };
  };
  const ours = await side();
  const floor = await side();

  const signIds: string[] = [];
  for (let i = 0; i < KEYS; i++) signIds.push((await post(`/${ours.read.id}/signs`, { name: `key_${i}` }))['id'] ?? '');
  await bind(sql, ours, ours.read, signIds);
  return {
    ours: { ...ours, read: { ...ours.read, signIds } },
    floor: { ...floor, read: { ...floor.read, signIds: await fill(sql, floor, floor.read, KEYS) } },
  };
}

/** Puts keys with {@link BINDINGS} bindings each into the written gateways, as many as are to be deleted. @returns their paths */
export async function fillWritten(sql: Sql, side: Side, amount: number): Promise<string[]> {
  const paths: string[] = [];
  for (const gateway of side.written) {
    const signIds = await fill(sql, side, gateway, Math.min(KEYS, amount - paths.length));
    paths.push(...signIds.map((signId) => `${signsPath(side, gateway.id)}/${signId}`));
  }
  return paths;
}

export async function clearWritten(sql: Sql, side: Side): Promise<void> {
  for (const { id } of side.written) await sql.run('DELETE FROM signs WHERE instance_id = ?', [id]);
}

/** Copies of one encrypted key: never decrypted, but with realistic column values. */
async function fill(sql: Sql, side: Side, gateway: Gateway, amount: number): Promise<string[]> {
  const [sealed] = await sql.rows<{ secret: string; key: string }>('SELECT sign_secret AS secret, sign_key AS `key` FROM signs LIMIT 1');
  if (!sealed) throw new Error('no key to copy');
  const signIds = Array.from({ length: amount }, newId);
  const columns = 'id, project_id, instance_id, name, sign_type, sign_key, sign_secret, secret_version, created_at, updated_at';
  const now = Date.now();
  const rows = signIds.map((id) => [id, side.projectId, gateway.id, `key_${id}`, 'hmac', sealed.key, sealed.secret, 1, now, now]);
  await insert(sql, 'signs', columns, rows);
  await bind(sql, side, gateway, signIds);
  return signIds;
}

async function bind(sql: Sql, { projectId }: Side, gateway: Gateway, signIds: readonly string[]): Promise<void> {
  const rows = signIds.flatMap((signId, i) =>
    gateway.publishIds.slice(i * BINDINGS, (i + 1) * BINDINGS).map((publishId) => [newId(), projectId, gateway.id, signId, publishId, 0]),
  );
  await insert(sql, 'sign_bindings', 'id, project_id, instance_id, sign_id, publish_id, created_at', rows);
}

/** One API for each key, in as many environments as a key has bindings. */
async function publish(sql: Sql, projectId: string, gatewayId: string): Promise<string[]> {
  const group = newId();
  await insert(sql, 'api_groups', 'id, project_id, instance_id, name, remark, sl_domain_access_enabled, created_at, updated_at', [
    [group, projectId, gatewayId, 'group', '', 1, 0, 0],
  ]);
  const envs = Array.from({ length: BINDINGS }, newId);
  const env = (id: string): Row => [gatewayId, id, projectId, `env_${id}`, '', 0];
  await insert(sql, 'environments', 'instance_id, id, project_id, name, remark, created_at', envs.map(env));
  const apis = Array.from({ length: KEYS }, newId);
  const api = (id: string): Row => [id, projectId, gatewayId, group, `api_${id}`, 1, 'HTTPS', 'GET', `/${id}`, 'NONE', '', '{}', 0, 0];
  const columns =
    'id, project_id, instance_id, group_id, name, type, req_protocol, req_method, req_uri, auth_type, remark, definition, created_at, updated_at';
  await insert(sql, 'apis', columns, apis.map(api));
  const rows = apis.flatMap((apiId) => envs.map((envId): Row => [newId(), projectId, gatewayId, apiId, envId, newId(), 1, '', 0]));
  await insert(sql, 'publications', 'id, project_id, instance_id, api_id, env_id, version_id, online, remark, published_at', rows);
  return rows.map(([id]) => String(id));
}

async function insert(sql: Sql, table: string, columns: string, rows: readonly Row[]): Promise<void> {
  const perStatement = 500;
  await sql.run('BEGIN');
  for (let from = 0; from < rows.length; from += perStatement) {
    const part = rows.slice(from, from + perStatement);
    const values = part.map((row) => `(${row.map(() => '?').join(', ')})`).join(', ');
    await sql.run(`INSERT INTO ${table} (${columns}) VALUES ${values}`, part.flat());
  }
  await sql.run('COMMIT');
}
