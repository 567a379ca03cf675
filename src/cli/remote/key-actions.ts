import { items, type Schema } from 'signet-client';
import { usage } from '../exit-codes.js';
import type { Io } from '../io.js';
import { all, connect, type Connection, only } from './connection.js';
import { BINDINGS, KEY_COLUMNS, KEY_FIELDS, keyNamed, type Place, type Sign, SIGNS, withoutSecrets } from './key-lookup.js';
import type { Confirmation, GatewayOptions, WaitOptions } from './options.js';
import type { Columns } from './output.js';
import { printable } from './printable.js';
import { confirm, given } from './prompt.js';
import { finish, OUTCOME_FIELDS } from './receipts.js';

interface Material {
  readonly keyFile?: string;
  readonly secretFile?: string;
}
interface Kind {
  readonly type?: Sign['sign_type'];
  readonly algorithm?: NonNullable<Sign['sign_algorithm']>;
}
interface Publication {
  readonly api?: string;
  readonly env?: string;
}

/** Key and secret from files, for the body of a write. */
export async function materialOf(io: Io, { keyFile, secretFile }: Material): Promise<{ sign_key?: string; sign_secret?: string }> {
  if (keyFile === '-' && secretFile === '-') throw usage('only one of --key-file and --secret-file can be standard input');
  return {
    ...(keyFile !== undefined && { sign_key: await given(io, 'key', keyFile) }),
    ...(secretFile !== undefined && { sign_secret: await given(io, 'secret', secretFile) }),
  };
}

const kindOf = ({ type, algorithm }: Kind) => ({
  ...(type !== undefined && { sign_type: type }),
  ...(algorithm !== undefined && { sign_algorithm: algorithm }),
});

export async function list(io: Io, options: GatewayOptions & { name?: string }): Promise<void> {
  const { client, out, gateway } = await connect(io, options);
  const query = options.name === undefined ? {} : { name: options.name };
  const signs = await all(items(client, SIGNS, { params: { path: await gateway(), query } }));
  out.list(signs.map(withoutSecrets), KEY_COLUMNS);
}

/** The one answer, with `show --reveal` and `rotate`, that has a secret. */
export const SECRET_FIELDS: Columns<{ sign_key: string; sign_secret: string }> = {
  KEY: ({ sign_key }) => sign_key,
  SECRET: ({ sign_secret }) => sign_secret,
};

export async function create(io: Io, name: string, options: GatewayOptions & Kind & Material): Promise<void> {
  const { client, out, gateway } = await connect(io, options);
  const body = { name, ...kindOf(options), ...(await materialOf(io, options)) };
  const { data } = await client.POST(SIGNS, { params: { path: await gateway() }, body });
  const { ID, NAME, TYPE } = KEY_FIELDS as Required<typeof KEY_FIELDS>;
  out.one(data, { ID: ID!, NAME: NAME!, TYPE: TYPE!, ...SECRET_FIELDS });
}

export async function show(io: Io, name: string, options: GatewayOptions & { reveal?: boolean }): Promise<void> {
  const connection = await connect(io, options);
  const { client, out } = connection;
  const place = await connection.gateway();
  const sign = await keyNamed(connection, place, name);
  if (options.reveal !== true) return out.one(withoutSecrets(sign), KEY_FIELDS);
  const { data } = await client.POST('/signet/v1/instances/{instance_id}/signs/{sign_id}/reveal', {
    params: { path: { instance_id: place.instance_id, sign_id: sign.id } },
  });
  out.one({ ...sign, ...data }, { ...KEY_FIELDS, ...SECRET_FIELDS });
}

export async function update(
  io: Io,
  key: string,
  options: GatewayOptions & WaitOptions & Kind & Material & { name?: string },
): Promise<void> {
  const connection = await connect(io, options);
  const { client, out } = connection;
  const place = await connection.gateway();
  const changes = { ...kindOf(options), ...(await materialOf(io, options)) };
  if (options.name === undefined && Object.keys(changes).length === 0)
    throw usage('nothing to change: give --name, --type, --key-file or --secret-file');
  const sign = await keyNamed(connection, place, key);
  const { data, response } = await client.PUT(`${SIGNS}/{sign_id}`, {
    params: { path: { ...place, sign_id: sign.id } },
    body: { name: options.name ?? sign.name, ...changes },
  });
  await finish(connection, response, options, (outcome) =>
    out.one({ ...withoutSecrets(data), ...outcome }, { ...KEY_FIELDS, ...OUTCOME_FIELDS }),
  );
}

type Bound = Schema<'BoundApiView'>;
const BINDING_COLUMNS: Columns<
  Pick<Bound, 'api_name' | 'env_name' | 'req_method' | 'group_name'> & { id?: string; binding_time?: string }
> = {
  ID: ({ id }) => id,
  API: ({ api_name }) => api_name,
  ENVIRONMENT: ({ env_name }) => env_name,
  METHOD: ({ req_method }) => req_method,
  GROUP: ({ group_name }) => group_name,
  BOUND: ({ binding_time }) => binding_time,
};

const boundTo = ({ client }: Connection, place: Place, { id: sign_id }: Sign) =>
  all(items(client, `${BINDINGS}/binded-apis`, { params: { path: place, query: { sign_id } } }));

/** Whether a publication is the named one. */
const isNamed =
  ({ api, env }: Publication) =>
  (each: { api_id: string; api_name: string; env_id: string; env_name: string }): boolean =>
    (each.api_id === api || each.api_name === api) && (env === undefined || each.env_id === env || each.env_name === env);
const called = ({ api, env }: Publication) => `${api}${env === undefined ? '' : ` in ${env}`}`;

export async function bind(io: Io, key: string, options: GatewayOptions & WaitOptions & Publication): Promise<void> {
  if (options.api === undefined) throw usage('name the API: --api');
  const connection = await connect(io, options);
  const { client, out } = connection;
  const place = await connection.gateway();
  const sign = await keyNamed(connection, place, key);
  const free = await all(items(client, `${BINDINGS}/unbinded-apis`, { params: { path: place, query: { sign_id: sign.id } } }));
  const named = free.filter(({ run_env_id: env_id, run_env_name: env_name, id: api_id, name: api_name }) =>
    isNamed(options)({ api_id, api_name, env_id, env_name }),
  );
  if (named.length === 0 && (await boundTo(connection, place, sign)).some(isNamed(options)))
    throw usage(`the key is bound to ${called(options)} already`);
  const { publish_id } = only('published API', called(options), named, ({ run_env_name, id }) => `${id} in ${run_env_name}`);
  const { data, response } = await client.POST(BINDINGS, {
    params: { path: place },
    body: { sign_id: sign.id, publish_ids: [publish_id] },
  });
  const bindings = data.bindings.map(withoutSecrets);
  await finish(connection, response, options, (outcome) =>
    out.list(
      bindings.map((each) => ({ ...each, ...outcome })),
      BINDING_COLUMNS,
    ),
  );
}

export async function unbind(
  io: Io,
  key: string,
  options: GatewayOptions & WaitOptions & Confirmation & Publication & { all?: boolean },
): Promise<void> {
  if ((options.api === undefined) === (options.all !== true)) throw usage('name the API with --api, or give --all');
  const connection = await connect(io, options);
  const { client, out } = connection;
  const place = await connection.gateway();
  const sign = await keyNamed(connection, place, key);
  const bound = await boundTo(connection, place, sign);
  const chosen =
    options.all === true
      ? bound
      : [only('bound API', called(options), bound.filter(isNamed(options)), ({ api_id, env_name }) => `${api_id} in ${env_name}`)];
  for (const { api_name, env_name } of chosen)
    io.stderr.write(printable(`${api_name} in ${env_name} is no longer signed with ${sign.name}`) + '\n');
  if (chosen.length > 0) await confirm(io, `Unbind ${printable(sign.name)} from ${chosen.length} APIs?`, options);
  for (const binding of chosen) {
    const { response } = await client.DELETE(`${BINDINGS}/{sign_bindings_id}`, {
      params: { path: { ...place, sign_bindings_id: binding.id } },
    });
    await finish(connection, response, options, (outcome) =>
      out.one(
        { ...binding, ...outcome },
        { ID: ({ id }) => id, API: ({ api_name }) => api_name, ENVIRONMENT: ({ env_name }) => env_name, ...OUTCOME_FIELDS },
      ),
    );
  }
}

export async function bindings(io: Io, key: string, options: GatewayOptions): Promise<void> {
  const connection = await connect(io, options);
  const place = await connection.gateway();
  connection.out.list(await boundTo(connection, place, await keyNamed(connection, place, key)), BINDING_COLUMNS);
}

const impactOf = async ({ client }: Connection, { instance_id }: Place, { id: sign_id }: Sign) =>
  (await client.GET('/signet/v1/instances/{instance_id}/signs/{sign_id}/impact', { params: { path: { instance_id, sign_id } } })).data;

type Impact = Schema<'ImpactView'>;

function worded({ name, apis, signed_count, window_hours, last_signed_at }: Impact): string[] {
  return [
    apis.length === 0 ? `${name} is bound to no API.` : `${name} signs the requests of ${apis.length} APIs, which then are not signed:`,
    ...apis.map(
      ({ api_name, env_name, online, signed_count: signed }) =>
        `  ${api_name} in ${env_name}${online ? '' : ' (offline)'}: ${signed} requests`,
    ),
    `${signed_count} requests were signed with it in the last ${window_hours} hours${last_signed_at === null ? '' : `, the last one at ${last_signed_at}`}.`,
  ].map(printable);
}

export async function impact(io: Io, key: string, options: GatewayOptions): Promise<void> {
  const connection = await connect(io, options);
  const { out } = connection;
  const place = await connection.gateway();
  const found = await impactOf(connection, place, await keyNamed(connection, place, key));
  if (out.format === 'table') for (const line of worded(found)) out.line(line);
  else out.one(found, {});
}

export async function remove(io: Io, key: string, options: GatewayOptions & WaitOptions & Confirmation): Promise<void> {
  const connection = await connect(io, options);
  const { client, out } = connection;
  const place = await connection.gateway();
  const sign = await keyNamed(connection, place, key);
  if (options.yes !== true) {
    for (const line of worded(await impactOf(connection, place, sign))) io.stderr.write(`${line}\n`);
    await confirm(io, `Delete the key ${printable(sign.name)}? This cannot be undone.`, options);
  }
  const { response } = await client.DELETE(`${SIGNS}/{sign_id}`, { params: { path: { ...place, sign_id: sign.id } } });
  await finish(connection, response, options, (outcome) =>
    out.one({ id: sign.id, name: sign.name, ...outcome }, { DELETED: ({ name }) => name, ID: ({ id }) => id, ...OUTCOME_FIELDS }),
  );
}
