import { type KeyMaterial, SIGN_ALGORITHMS, SIGN_TYPES } from 'signet-signing';
import { usage } from '../exit-codes.js';
import type { Io } from '../io.js';
import { connect, environmentOf } from './connection.js';
import { keyNamed } from './key-lookup.js';
import type { GatewayOptions } from './options.js';
import { content } from './prompt.js';

/** Where the key to sign or verify with comes from. Never from the arguments. */
export interface MaterialOptions extends GatewayOptions {
  /** File with `sign_type`, `sign_key`, `sign_secret`, as the service answers them. */
  readonly material?: string;
  /** Name of a key, whose secret the service reveals. */
  readonly key?: string;
}

interface WireKey {
  readonly sign_type?: unknown;
  readonly sign_key?: unknown;
  readonly sign_secret?: unknown;
  readonly sign_algorithm?: unknown;
}

/** @throws Exit `usage` when there is none, or it is not one */
export async function signingMaterial(io: Io, options: MaterialOptions): Promise<KeyMaterial> {
  if (options.material !== undefined && options.key !== undefined) throw usage('give --material or --key, not both');
  if (options.material !== undefined)
    return material(`--material ${options.material}`, json((await content(io, options.material)).toString('utf8')));
  if (options.key !== undefined) {
    const connection = await connect(io, options);
    const place = await connection.gateway();
    const { id: sign_id } = await keyNamed(connection, place, options.key);
    const { data } = await connection.client.POST('/signet/v1/instances/{instance_id}/signs/{sign_id}/reveal', {
      params: { path: { instance_id: place.instance_id, sign_id } },
    });
    return material('the revealed key', data);
  }
  const { type, algorithm, key, secret } = environmentOf(io).sign;
  if (key === undefined) throw usage('there is no key: give --material, --key, or SIGNET_SIGN_KEY and SIGNET_SIGN_SECRET');
  return material('SIGNET_SIGN_*', { sign_type: type, sign_key: key.reveal(), sign_secret: secret?.reveal(), sign_algorithm: algorithm });
}

function json(text: string): WireKey {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** Its values are in no error. */
function material(where: string, { sign_type, sign_key, sign_secret, sign_algorithm }: WireKey): KeyMaterial {
  const signType = SIGN_TYPES.find((each) => each === sign_type);
  const signAlgorithm = SIGN_ALGORITHMS.find((each) => each === sign_algorithm);
  if (signType === undefined || typeof sign_key !== 'string' || (sign_secret !== undefined && typeof sign_secret !== 'string'))
    throw usage(`${where} is not a key: it has sign_type (${SIGN_TYPES.join(', ')}), sign_key and sign_secret`);
  return {
    signType,
    signKey: sign_key,
    ...(sign_secret !== undefined && { signSecret: sign_secret }),
    ...(signAlgorithm !== undefined && { signAlgorithm }),
  };
}
