import { items, type Schema } from 'signet-client';
import { usage } from '../exit-codes.js';
import type { Io } from '../io.js';
import { all, connect, type Connection, only } from './connection.js';
import type { Place } from './key-lookup.js';
import type { Confirmation, ConnectionOptions, GatewayOptions, WaitOptions } from './options.js';
import type { Columns } from './output.js';
import { printable } from './printable.js';
import { confirm } from './prompt.js';
import { finish, OUTCOME_FIELDS, proven, SESSION_COLUMNS, standing } from './receipts.js';

const GATEWAY = '/v2/{project_id}/apigw/instances/{instance_id}';
const APIS = `${GATEWAY}/apis` as const;

export async function gateways(io: Io, options: ConnectionOptions): Promise<void> {
  const { client, out, projectId } = await connect(io, options);
  const path = { project_id: await projectId() };
  out.list(await all(items(client, '/v2/{project_id}/apigw/instances', { params: { path } })), {
    ID: ({ id }) => id,
    NAME: ({ instance_name }) => instance_name,
    STATUS: ({ status }) => status,
    EDITION: ({ spec }) => spec,
  });
}

type Api = Schema<'ApiView'>;
const API_COLUMNS: Columns<Pick<Api, 'id' | 'name' | 'req_method' | 'req_uri' | 'group_name'> & { run_env_name?: string }> = {
  ID: ({ id }) => id,
  NAME: ({ name }) => name,
  METHOD: ({ req_method }) => req_method,
  PATH: ({ req_uri }) => req_uri,
  GROUP: ({ group_name }) => group_name,
  'PUBLISHED IN': ({ run_env_name }) => run_env_name?.replaceAll('|', ', '),
};

export async function apis(io: Io, options: GatewayOptions & { name?: string }): Promise<void> {
  const { client, out, gateway } = await connect(io, options);
  const query = options.name === undefined ? {} : { name: options.name };
  out.list(await all(items(client, APIS, { params: { path: await gateway(), query } })), API_COLUMNS);
}

async function apiNamed({ client }: Connection, path: Place, name: string) {
  const found = await all(items(client, APIS, { params: { path, query: { name, precise_search: 'name' } } }));
  return only(
    'API',
    name,
    found.length > 0 ? found : await all(items(client, APIS, { params: { path, query: { id: name } } })),
    ({ id }) => id,
  );
}

const RELEASE = 'RELEASE';

async function environmentNamed({ client }: Connection, path: Place, name: string) {
  const found = await all(items(client, `${GATEWAY}/envs`, { params: { path } }));
  return only(
    'environment',
    name,
    found.filter((each) => each.id === name || each.name === name),
    ({ id }) => id,
  );
}

interface NewApi extends GatewayOptions {
  readonly method: Api['req_method'];
  readonly path: string;
  readonly group?: string;
  readonly env?: string;
  readonly publish?: boolean;
}

/** An API without a backend of its own in the control plane: gateway nodes forward to the backend of their configuration. */
export async function createApi(io: Io, name: string, options: NewApi): Promise<void> {
  const connection = await connect(io, options);
  const { client, out } = connection;
  const place = await connection.gateway();
  const env =
    options.publish === true || options.env !== undefined ? await environmentNamed(connection, place, options.env ?? RELEASE) : undefined;
  const group = await groupFor(connection, place, options.group);
  const { data } = await client.POST(APIS, {
    params: { path: place },
    body: {
      name,
      type: 1,
      req_protocol: 'BOTH',
      req_method: options.method as 'ANY',
      req_uri: options.path,
      auth_type: 'NONE',
      backend_type: 'MOCK',
      group_id: group,
    },
  });
  if (env === undefined) return out.one(data, API_COLUMNS);
  await client.POST(`${APIS}/action`, { params: { path: place }, body: { action: 'online', api_id: data.id, env_id: env.id } });
  out.one({ ...data, run_env_name: env.name }, API_COLUMNS);
}

/** The named group; without a name, the group for APIs of no other group, which is created when it is missing. @returns its id */
async function groupFor({ client }: Connection, path: Place, name: string | undefined): Promise<string> {
  const groups = await all(items(client, `${GATEWAY}/api-groups`, { params: { path } }));
  const found = groups.filter((each) => each.id === name || each.name === (name ?? DEFAULT_GROUP));
  if (found.length === 0 && name === undefined)
    return (await client.POST(`${GATEWAY}/api-groups`, { params: { path }, body: { name: DEFAULT_GROUP } })).data.id;
  return only('group of APIs', name, found, ({ id }) => id).id;
}
const DEFAULT_GROUP = 'default_group';

interface Publication {
  readonly env?: string;
}

export async function publishApi(io: Io, name: string, options: GatewayOptions & Publication): Promise<void> {
  const connection = await connect(io, options);
  const { client, out } = connection;
  const place = await connection.gateway();
  const api = await apiNamed(connection, place, name);
  const env = await environmentNamed(connection, place, options.env ?? RELEASE);
  const { data } = await client.POST(`${APIS}/action`, {
    params: { path: place },
    body: { action: 'online', api_id: api.id, env_id: env.id },
  });
  out.one(
    { ...data, env_name: env.name },
    { API: (row) => row.api_name, ENVIRONMENT: (row) => row.env_name, PUBLICATION: (row) => row.publish_id },
  );
}

/** Takes an API offline; its keys are unbound there. */
async function offline({ client }: Connection, path: Place, api_id: string, env_id: string): Promise<Response> {
  return (await client.POST(`${APIS}/action`, { params: { path }, body: { action: 'offline', api_id, env_id } })).response;
}

export async function unpublishApi(
  io: Io,
  name: string,
  options: GatewayOptions & Publication & WaitOptions & Confirmation,
): Promise<void> {
  const connection = await connect(io, options);
  const place = await connection.gateway();
  const api = await apiNamed(connection, place, name);
  const env = await environmentNamed(connection, place, options.env ?? RELEASE);
  await confirm(io, `Take ${printable(api.name)} offline in ${printable(env.name)}? Gateways then refuse its requests.`, options);
  const response = await offline(connection, place, api.id, env.id);
  await finish(connection, response, options, (outcome) =>
    connection.out.one(
      { id: api.id, name: api.name, env_name: env.name, ...outcome },
      { OFFLINE: (row) => row.name, ENVIRONMENT: (row) => row.env_name, ...OUTCOME_FIELDS },
    ),
  );
}

export async function deleteApi(io: Io, name: string, options: GatewayOptions & Confirmation): Promise<void> {
  const connection = await connect(io, options);
  const { client, out } = connection;
  const place = await connection.gateway();
  const api = await apiNamed(connection, place, name);
  const published = (api.run_env_id ?? '').split('|').filter(Boolean);
  if (published.length > 0)
    io.stderr.write(
      printable(`${api.name} is published in ${(api.run_env_name ?? '').replaceAll('|', ', ')}, and is taken offline there`) + '\n',
    );
  await confirm(io, `Delete the API ${printable(api.name)}?`, options);
  for (const env_id of published) await offline(connection, place, api.id, env_id);
  await client.DELETE(`${APIS}/{api_id}`, { params: { path: { ...place, api_id: api.id } } });
  out.one({ id: api.id, name: api.name }, { DELETED: (row) => row.name, ID: (row) => row.id });
}

export async function nodes(io: Io, options: GatewayOptions): Promise<void> {
  const { client, out, gateway } = await connect(io, options);
  const { instance_id } = await gateway();
  const { data } = await client.GET('/signet/v1/instances/{instance_id}/sessions', { params: { path: { instance_id } } });
  out.list(data.sessions, {
    NODE: ({ node_id }) => node_id,
    SESSION: ({ session_id }) => session_id,
    REVISION: ({ applied_revision }) => applied_revision,
    'SILENT (s)': ({ silent_seconds }) => silent_seconds,
    'LEASE (s)': ({ lease_seconds }) => lease_seconds ?? 'unlimited',
    VERSION: ({ version }) => version,
  });
}

export async function verifiers(io: Io, options: GatewayOptions): Promise<void> {
  const { client, out, gateway } = await connect(io, options);
  const { instance_id } = await gateway();
  const { data } = await client.GET('/signet/v1/instances/{instance_id}/verifiers', { params: { path: { instance_id } } });
  out.list(data.verifiers, {
    ID: ({ verifier_id }) => verifier_id,
    NAME: ({ name }) => name,
    PROCESS: ({ process_id }) => process_id,
    REVISION: ({ shown_revision }) => shown_revision,
    'LAST SEEN': ({ last_seen_at }) => last_seen_at,
    ENDING: ({ ending }) => ending,
  });
}

/** States that a process does not sign any more. It cannot be taken back: receipts are complete by this word. */
export async function vouch(io: Io, session: string, options: GatewayOptions & Confirmation): Promise<void> {
  const { client, gateway } = await connect(io, options);
  const { instance_id } = await gateway();
  await confirm(io, `Do you vouch that the process of session ${printable(session)} is dead, and signs nothing any more?`, options);
  await client.DELETE('/signet/v1/instances/{instance_id}/sessions/{session_id}', {
    params: { path: { instance_id, session_id: session } },
  });
}

/** A receipt as commands print it: the path that `Signet-Receipt` has. */
const RECEIPT = /^\/signet\/v1\/(instances|endpoints)\/([\w-]+)\/receipts\/(\d+)(?:\?epoch=([\w-]+))?$/;

export async function receipt(io: Io, path: string, options: ConnectionOptions): Promise<void> {
  const { client, out } = await connect(io, options);
  const [, scope, id, revision, epoch] = RECEIPT.exec(path) ?? [];
  if (id === undefined || revision === undefined) throw usage('a receipt is the path that the command before has printed');
  const query = epoch === undefined ? {} : { epoch };
  const { data } =
    scope === 'endpoints'
      ? await client.GET('/signet/v1/endpoints/{id}/receipts/{revision}', { params: { path: { id, revision }, query } })
      : await client.GET('/signet/v1/instances/{instance_id}/receipts/{revision}', {
          params: { path: { instance_id: id, revision }, query },
        });
  if (out.format !== 'table') return out.one(data, {});
  out.line(printable(standing(data)));
  if (data.sessions.length > 0) out.list(data.sessions, SESSION_COLUMNS);
}

export async function watchReceipt(io: Io, path: string, options: ConnectionOptions & { timeout: number }): Promise<void> {
  const connection = await connect(io, options);
  if (!RECEIPT.test(path)) throw usage('a receipt is the path that the command before has printed');
  const found = await proven(connection, path, options.timeout);
  if (connection.out.format === 'table') connection.out.line(printable(standing(found)));
  else connection.out.one(found, {});
}
