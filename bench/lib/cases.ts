import type { Sql } from './databases.ts';
import { newId } from './floor-store.ts';
import { clearWritten, fillWritten, KEYS, type Side, signsPath, WRITES_MAX } from './environment.ts';
import { CONNECTIONS, type Request } from './load.ts';

/** One operation under load. */
export interface Case {
  name: string;
  title: string;
  /** Target: minimum fraction of the floor's requests per second. */
  target: number;
  /** The largest number of requests in a round. */
  most: number;
  /** Prepares the data of a round. @returns its requests */
  prepare(sql: Sql, side: Side, amount: number): Promise<Request[]>;
  clear?(sql: Sql, side: Side): Promise<void>;
}

const READS_MAX = 100_000;
/** Number of page sizes to vary; the size does not change a page of one key. */
const LIMITS = 500;
/** Continues over all rounds, so that no request hits a cached page. */
let asked = 0;

export const CASES: readonly Case[] = [
  {
    name: 'get',
    title: 'GET signs?id=',
    target: 0.7,
    most: READS_MAX,
    prepare: async (_sql, side) => side.read.signIds.map((id) => ({ method: 'GET', path: `${signsPath(side, side.read.id)}?id=${id}` })),
  },
  {
    name: 'get-anew',
    title: 'GET signs?id=, read anew',
    target: 0.7,
    most: KEYS * LIMITS,
    prepare: async (_sql, side, amount) =>
      Array.from({ length: amount }, () => {
        const nth = asked++;
        const id = side.read.signIds[nth % KEYS];
        return { method: 'GET', path: `${signsPath(side, side.read.id)}?id=${id}&limit=${(Math.floor(nth / KEYS) % LIMITS) + 1}` };
      }),
  },
  {
    name: 'list',
    title: `GET signs?limit=20 of ${KEYS}`,
    target: 0.7,
    most: READS_MAX,
    prepare: async (_sql, side) =>
      Array.from({ length: CONNECTIONS }, () => ({ method: 'GET', path: `${signsPath(side, side.read.id)}?limit=20` })),
  },
  {
    name: 'post',
    title: 'POST signs',
    target: 0.8,
    most: WRITES_MAX,
    prepare: async (_sql, side, amount) =>
      Array.from({ length: amount }, (_, i) => ({
        method: 'POST',
        path: signsPath(side, side.written[Math.floor(i / KEYS)]?.id ?? ''),
        body: JSON.stringify({ name: `key_${newId()}`, sign_type: 'hmac', sign_key: newId(), sign_secret: newId() + newId() }),
      })),
    clear: clearWritten,
  },
  {
    name: 'delete',
    title: 'DELETE signs/{id}, 10 bindings',
    target: 0.8,
    most: WRITES_MAX,
    prepare: async (sql, side, amount) => (await fillWritten(sql, side, amount)).map((path) => ({ method: 'DELETE', path })),
  },
];
