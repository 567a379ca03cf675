import { schemeOf, verifiesWithoutSecret } from './algorithms.js';
import { type Log, nameOf } from './log.js';
import { PUBLIC_KEY } from './public-key.js';
import type { KeyMaterial } from './scheme.js';
import { loadKey } from './schemes.js';

/** The keys of one answer. */
export interface ServedKeys {
  etag: string;
  revision: number;
  /** By scheme and access id. */
  byId: ReadonlyMap<string, readonly KeyMaterial[]>;
}

/** What a look-up asks for. */
export const idOf = (accessId: string, scheme: string): string => `${scheme} ${accessId}`;

const REVISION = /^(?:W\/)?"([0-9]{1,15})-/;

/** The revision that an ETag names. */
export const revisionOf = (etag: string): number | undefined => {
  const named = REVISION.exec(etag)?.[1];
  return named === undefined ? undefined : Number(named);
};

interface Entry {
  sign_id: string;
  sign_type: KeyMaterial['signType'];
  sign_algorithm?: KeyMaterial['signAlgorithm'];
  /** A pair may come without its private half. */
  versions: { sign_key: string; sign_secret?: string | null }[];
}

/**
 * Reads an answer with keys (docs/distribution.md). A key that cannot be used is left out alone.
 * @returns undefined for an answer of another form, or with the keys of another gateway: a proxy or a cache on the way may have confused two
 */
export function servedKeys(text: string, instanceId: string, etag: string, log: Log): ServedKeys | undefined {
  const answer = parsed(text);
  if (answer === undefined || answer.instance_id !== instanceId || !Number.isSafeInteger(answer.revision)) return undefined;
  const materials = answer.keys.flatMap(materialsOf);
  const byId = new Map<string, KeyMaterial[]>();
  for (const key of materials) {
    try {
      const { accessId, scheme } = loadKey(key);
      const id = idOf(accessId, scheme.name);
      byId.set(id, [...(byId.get(id) ?? []), key]);
    } catch (error) {
      log(`the key ${key.id} is not used: ${error instanceof Error ? error.message : nameOf(error)}`);
    }
  }
  return { etag, revision: answer.revision, byId };
}

function parsed(text: string): { instance_id: unknown; revision: number; keys: Entry[] } | undefined {
  try {
    const answer = JSON.parse(text) as { instance_id: unknown; revision: number; keys: unknown };
    return isEntries(answer.keys) ? { ...answer, keys: answer.keys } : undefined;
  } catch {
    return undefined;
  }
}

const isEntries = (keys: unknown): keys is Entry[] =>
  Array.isArray(keys) &&
  keys.every(
    (entry: Partial<Entry>) =>
      typeof entry.sign_id === 'string' &&
      typeof entry.sign_type === 'string' &&
      Array.isArray(entry.versions) &&
      entry.versions.every(
        ({ sign_key, sign_secret = null }) => typeof sign_key === 'string' && (sign_secret === null || typeof sign_secret === 'string'),
      ),
  );

const materialsOf = ({ sign_id, sign_type, sign_algorithm = null, versions }: Entry): KeyMaterial[] => {
  // A verifier has no use for the private half of a pair.
  const isPair = schemeOf(sign_type, sign_algorithm) === PUBLIC_KEY || verifiesWithoutSecret(sign_type, sign_algorithm);
  return versions.map(({ sign_key, sign_secret }) => ({
    id: sign_id,
    signType: sign_type,
    signAlgorithm: sign_algorithm,
    signKey: sign_key,
    ...(typeof sign_secret === 'string' && !isPair && { signSecret: sign_secret }),
  }));
};
