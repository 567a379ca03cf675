import type { Schema } from 'signet-client';
import type { Io } from '../io.js';
import { connect } from './connection.js';
import { keyNamed } from './key-lookup.js';
import { materialOf, SECRET_FIELDS } from './key-actions.js';
import type { Confirmation, GatewayOptions, WaitOptions } from './options.js';
import type { Columns } from './output.js';
import { printable } from './printable.js';
import { confirm } from './prompt.js';
import { finish, OUTCOME_FIELDS } from './receipts.js';

const ROTATION = '/signet/v1/instances/{instance_id}/signs/{sign_id}/rotation';

type Rotation = Schema<'RotationView'>;

const FIELDS: Columns<Rotation> = {
  KEY: ({ sign_id }) => sign_id,
  STATE: ({ state }) => state,
  PROMOTION: ({ promotion }) => promotion,
  'PROMOTES AT': ({ promote_at }) => promote_at,
  'RETIRES AT': ({ retire_at }) => retire_at,
  'HOLD BOTH': ({ verifiers }) => `${verifiers.filter(({ holds_both }) => holds_both).length} of ${verifiers.length} verifiers`,
  'RETIREMENT WAITS FOR': ({ retirement }) => retirement?.waits_for.length,
};

async function begun(io: Io, key: string, options: GatewayOptions) {
  const connection = await connect(io, options);
  const place = await connection.gateway();
  const sign = await keyNamed(connection, place, key);
  return { connection, sign, params: { path: { instance_id: place.instance_id, sign_id: sign.id } } };
}

interface Rotating extends GatewayOptions {
  readonly keyFile?: string;
  readonly secretFile?: string;
  readonly overlap?: number;
  readonly promotion?: Rotation['promotion'];
  readonly promoteAt?: string;
}

export async function rotate(io: Io, key: string, options: Rotating): Promise<void> {
  const material = await materialOf(io, options);
  const { connection, params } = await begun(io, key, options);
  const { overlap, promotion, promoteAt } = options;
  const body = {
    ...material,
    ...(overlap !== undefined && { overlap_seconds: overlap }),
    ...(promotion !== undefined && { promotion }),
    ...(promoteAt !== undefined && { promote_at: promoteAt }),
  };
  const { data } = await connection.client.POST(ROTATION, { params, body });
  // Here KEY is the new key, not the id of what rotates.
  const { KEY: ID, ...rest } = FIELDS;
  connection.out.one(data, { ID: ID!, ...rest, 'NEW KEY': SECRET_FIELDS['KEY']!, 'NEW SECRET': SECRET_FIELDS['SECRET']! });
}

export async function show(io: Io, key: string, options: GatewayOptions): Promise<void> {
  const { connection, params } = await begun(io, key, options);
  connection.out.one((await connection.client.GET(ROTATION, { params })).data, FIELDS);
}

export async function promote(io: Io, key: string, options: GatewayOptions & WaitOptions & { at?: string }): Promise<void> {
  const { connection, params } = await begun(io, key, options);
  const body = options.at === undefined ? {} : { at: options.at };
  const { data, response } = await connection.client.POST(`${ROTATION}/promote`, { params, body });
  await finish(connection, response, options, (outcome) => connection.out.one({ ...data, ...outcome }, { ...FIELDS, ...OUTCOME_FIELDS }));
}

export async function retire(
  io: Io,
  key: string,
  options: GatewayOptions & WaitOptions & Confirmation & { force?: boolean },
): Promise<void> {
  const { connection, sign, params } = await begun(io, key, options);
  await confirm(io, `End the old secret of ${printable(sign.name)}? Backends that only have this one refuse requests.`, options);
  const { response } = await connection.client.POST(`${ROTATION}/retire`, { params, body: options.force === true ? { force: true } : {} });
  await finish(connection, response, options, (outcome) =>
    connection.out.one({ id: sign.id, name: sign.name, ...outcome }, { RETIRED: ({ name }) => name, ...OUTCOME_FIELDS }),
  );
}

export async function cancel(io: Io, key: string, options: GatewayOptions & WaitOptions & Confirmation): Promise<void> {
  const { connection, sign, params } = await begun(io, key, options);
  await confirm(io, `Take the rotation of ${printable(sign.name)} one step back?`, options);
  const { response } = await connection.client.DELETE(ROTATION, { params });
  await finish(connection, response, options, (outcome) =>
    connection.out.one({ id: sign.id, name: sign.name, ...outcome }, { CANCELLED: ({ name }) => name, ...OUTCOME_FIELDS }),
  );
}
