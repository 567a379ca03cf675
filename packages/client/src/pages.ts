import type { Answer, CallOptions, OperationInit, SignetClient } from './client.js';
import { type ClientErrorCode, SignetError } from './errors.js';
import type { paths } from './schema.js';

/** Largest page of the lists below `/v2`. */
const LARGEST_PAGE = 500;

/** The lists: GET operations with a query parameter `offset` or `cursor` and a JSON answer. */
export type ListPath = {
  [Path in keyof paths]: paths[Path] extends { get: { parameters: { query?: infer Query } } }
    ? 'offset' extends keyof NonNullable<Query>
      ? Path
      : 'cursor' extends keyof NonNullable<Query>
        ? Path extends `${string}/export`
          ? never
          : Path
        : never
    : never;
}[keyof paths];

/** An item of a list: the element of the one array in its answer. */
export type ItemOf<Path extends ListPath> = ElementOf<Answer<paths[Path]['get']>['data']>;
type ElementOf<Answered> = Answered extends { data: readonly (infer Item)[] }
  ? Item
  : Answered extends { data: object }
    ? ElementOf<Answered['data']>
    : { [Key in keyof Answered]-?: Answered[Key] extends readonly (infer Item)[] ? Item : never }[keyof Answered];

export interface Page<Item> {
  items: Item[];
  /** Of the whole list, where the answer has it. */
  total?: number;
}

type ListInit<Path extends ListPath> = OperationInit<paths[Path]['get']> & Omit<CallOptions, 'parseAs'>;
type ListArgument<Path extends ListPath> =
  Record<string, never> extends OperationInit<paths[Path]['get']> ? [init?: ListInit<Path>] : [init: ListInit<Path>];

/**
 * The pages of a list, one request each, beginning at the query's `offset` or `cursor`. Its `limit` is the size of a page; below `/v2` the default
 * is the largest. What is created or deleted in between can be missed or come twice in a list with an `offset`.
 */
export async function* pages<Path extends ListPath>(
  client: SignetClient,
  path: Path,
  ...[init]: ListArgument<Path>
): AsyncGenerator<Page<ItemOf<Path>>, void, undefined> {
  const get = client.GET as unknown as (path: string, init: object) => Promise<{ data: Record<string, unknown> }>;
  const { params, ...rest } = (init ?? {}) as { params?: { query?: Record<string, unknown> } };
  const query: Record<string, unknown> = { ...(path.startsWith('/v2/') && { limit: LARGEST_PAGE }), ...params?.query };
  let skipped = Number(query['offset'] ?? 0);
  for (;;) {
    const { data: answered } = await get(path, { ...rest, params: { ...params, query } });
    // Below /v1 a list is in `data`; the rest of the page is there too, or in `meta`.
    const { data, meta } = answered;
    const list = isObject(data) ? data : answered;
    const items = Object.values(list).find((value) => Array.isArray(value)) as ItemOf<Path>[] | undefined;
    if (items === undefined) throw failed(path, 'client.not_json', 'the answer is not a list');
    const { total } = list;
    yield { items, ...(typeof total === 'number' && { total }) };
    if (typeof total === 'number') {
      skipped += items.length;
      if (items.length === 0 || skipped >= total) return;
      query['offset'] = skipped;
    } else {
      const { next_cursor } = isObject(meta) && 'next_cursor' in meta ? meta : list;
      if (typeof next_cursor !== 'string' || next_cursor === '') return;
      if (next_cursor === query['cursor']) throw failed(path, 'client.pages_repeat', 'the list does not advance to its next page');
      query['cursor'] = next_cursor;
    }
  }
}

/** The items of a list, page after page. */
export async function* items<Path extends ListPath>(
  client: SignetClient,
  path: Path,
  ...init: ListArgument<Path>
): AsyncGenerator<ItemOf<Path>, void, undefined> {
  for await (const page of pages(client, path, ...init)) yield* page.items;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

const failed = (path: string, code: ClientErrorCode, message: string) =>
  new SignetError({ status: 200, code, message, operation: `GET ${path}` });
