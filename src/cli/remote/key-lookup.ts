import { SIGN_TYPES, traitsOf } from '#signing/algorithms.js';
import { items, type Schema } from 'signet-client';
import { all, type Connection, only } from './connection.js';
import type { Columns } from './output.js';

const GATEWAY = '/v2/{project_id}/apigw/instances/{instance_id}';
export const SIGNS = `${GATEWAY}/signs` as const;
export const BINDINGS = `${GATEWAY}/sign-bindings` as const;

export type Place = Awaited<ReturnType<Connection['gateway']>>;
export type Sign = Schema<'SignWithBindNumView'>;

/** A key without what signs with it; the answers of lists have it too. */
export function withoutSecrets<Given extends { sign_type: string; sign_key: string; sign_secret: string }>(
  sign: Given,
): Omit<Given, 'sign_key' | 'sign_secret'> & { sign_key?: string } {
  const shown: Partial<Given> = { ...sign };
  delete shown.sign_secret;
  const type = SIGN_TYPES.find((each) => each === sign.sign_type);
  // Only a name that its owner chose stays.
  if (!type || !traitsOf(type).keyOutlivesSecret) delete shown.sign_key;
  return shown as Omit<Given, 'sign_key' | 'sign_secret'> & { sign_key?: string };
}

type Shown = Pick<Sign, 'id' | 'name' | 'update_time'> & { sign_type: string; sign_algorithm?: string } & Partial<
    Pick<Sign, 'sign_key' | 'bind_num' | 'create_time'>
  >;

export const KEY_COLUMNS: Columns<Shown> = {
  ID: ({ id }) => id,
  NAME: ({ name }) => name,
  TYPE: ({ sign_type }) => sign_type,
  BOUND: ({ bind_num }) => bind_num,
  UPDATED: ({ update_time }) => update_time,
};

export const KEY_FIELDS: Columns<Shown> = {
  ID: ({ id }) => id,
  NAME: ({ name }) => name,
  TYPE: ({ sign_type }) => sign_type,
  ALGORITHM: ({ sign_algorithm }) => sign_algorithm,
  KEY: ({ sign_key }) => sign_key,
  BOUND: ({ bind_num }) => bind_num,
  CREATED: ({ create_time }) => create_time,
  UPDATED: ({ update_time }) => update_time,
};

/** An id of the service: a key called like one is found by its own id only. */
const ID = /^[0-9a-f]{32}$/;

/** @throws Exit `not_found` when no key has this id or name */
export async function keyNamed({ client }: Connection, path: Place, name: string): Promise<Sign> {
  const by = async (query: { id: string } | { name: string; precise_search: string }) =>
    all(items(client, SIGNS, { params: { path, query } }));
  const found = ID.test(name) ? await by({ id: name }) : [];
  return only('key', name, found.length > 0 ? found : await by({ name, precise_search: 'name' }), ({ id }) => id);
}
