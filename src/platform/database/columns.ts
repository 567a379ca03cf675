import { getMetadataArgsStorage } from 'typeorm';
import type { Param } from './tx.js';

/** Type of a column in a raw row: a boolean is 0 or 1; JSON is text, or its value if the driver parses it. */
type Read<T> = T extends boolean ? number : T extends object ? unknown : T;
/** A value bound to a column: a boolean is 0 or 1, JSON is text. */
type Bound<T> = T extends boolean ? number : T extends object ? string : T;

/** A property of an entity by its own name or another one: `{ signId: 'id' }` reads `id AS signId`. */
type Name<Entity> = (keyof Entity & string) | Readonly<Record<string, keyof Entity & string>>;
type Named<N> = N extends string ? { readonly [K in N]: K } : N;
type KeyOf<Names> = Names extends unknown ? keyof Names & string : never;
type PropertyOf<Names, K extends string> = Names extends { readonly [P in K]: infer Property } ? Property : never;
type ReadOf<Entity, Names> = { [K in KeyOf<Names>]: Read<Entity[PropertyOf<Names, K> & keyof Entity]> };
type BoundOf<Entity, Names> = { [K in KeyOf<Names>]: Bound<Entity[PropertyOf<Names, K> & keyof Entity]> };

/** A row as a statement with these columns reads it: `type SignRow = RowOf<typeof SIGN>`. */
export type RowOf<List extends { readonly row: unknown }> = List['row'];

/** Columns of one table in a fixed order, from which the texts of statements are built once. */
export class ColumnList<Row, Values> {
  /** For SELECT: `s.id, s.sign_type AS signType`. */
  readonly select: string;
  readonly #keys: readonly string[];
  readonly #names: readonly string[];
  readonly #into: string;
  readonly #row: string;
  readonly #one: string;
  /** Type for {@link RowOf}; absent at run time. */
  declare readonly row: Row;

  /** @param columns the table's columns by the keys of the rows */
  constructor(table: string, alias: string | undefined, columns: readonly (readonly [key: string, column: string])[]) {
    const prefix = alias === undefined ? '' : `${alias}.`;
    this.select = columns.map(([key, column]) => `${prefix}${column}${key === column ? '' : ` AS ${key}`}`).join(', ');
    this.#keys = columns.map(([key]) => key);
    this.#names = columns.map(([, column]) => column);
    this.#into = `INSERT INTO ${table} (${this.#names.join(', ')})`;
    this.#row = `(${columns.map(() => '?').join(', ')})`;
    this.#one = `${this.#into} VALUES ${this.#row}`;
  }

  /** `INSERT INTO signs (id, sign_type) VALUES (?, ?)`, with that many rows; bind the {@link values} of each. */
  insert(rows = 1): string {
    return rows === 1 ? this.#one : this.#one + `, ${this.#row}`.repeat(rows - 1);
  }

  /** As {@link insert}, with further columns that have the same literal in every row. */
  insertWith(more: ColumnList<unknown, never>, literal: string): (rows: number) => string {
    const into = `${this.#into.slice(0, -1)}, ${more.#names.join(', ')})`;
    const row = `${this.#row.slice(0, -1)}${`, ${literal}`.repeat(more.#names.length)})`;
    return (rows) => `${into} VALUES ${row}${`, ${row}`.repeat(rows - 1)}`;
  }

  /** `INSERT INTO signs (id, sign_type)`, before a SELECT of the same columns in the same order. */
  get insertInto(): string {
    return this.#into;
  }

  /** The bound values of a row, in the order of the columns. */
  values(row: Values): Param[] {
    return this.#keys.map((key) => row[key as keyof Values] as Param);
  }
}

/** The columns of an entity, from which a statement selects those that it uses. */
export class EntityColumns<Entity> {
  readonly #columns: ReadonlyMap<string, { name: string; hidden: boolean }>;

  constructor(
    private readonly entity: new () => Entity,
    private readonly alias: string | undefined,
  ) {
    const columns = getMetadataArgsStorage().filterColumns(withBases(entity));
    this.#columns = new Map(
      columns.map(({ propertyName, options }) => [propertyName, { name: options.name ?? propertyName, hidden: options.select === false }]),
    );
  }

  /** These columns. A column with `select: false` must be named here to be read. */
  pick<const N extends readonly Name<Entity>[]>(
    ...names: N
  ): ColumnList<ReadOf<Entity, Named<N[number]>>, BoundOf<Entity, Named<N[number]>>> {
    const pairs = names.flatMap((name): [string, string][] => (typeof name === 'string' ? [[name, name]] : Object.entries(name)));
    return this.list(pairs);
  }

  /** Every column. @throws as {@link except} */
  all(): ColumnList<{ [P in keyof Entity & string]: Read<Entity[P]> }, { [P in keyof Entity & string]: Bound<Entity[P]> }> {
    return this.except<never>();
  }

  /** Every column except these. @throws Error when a remaining one has `select: false`: hidden columns must be named */
  except<K extends keyof Entity & string>(
    ...names: readonly K[]
  ): ColumnList<
    { [P in Exclude<keyof Entity & string, K>]: Read<Entity[P]> },
    { [P in Exclude<keyof Entity & string, K>]: Bound<Entity[P]> }
  > {
    const left = [...this.#columns].filter(([property]) => !(names as readonly string[]).includes(property));
    for (const [property, { hidden }] of left)
      if (hidden) throw new Error(`${this.entity.name}.${property} is hidden: pick it, or except it`);
    return this.list(left.map(([property]) => [property, property]));
  }

  private list<Row, Values>(pairs: readonly (readonly [key: string, property: string])[]): ColumnList<Row, Values> {
    const table = getMetadataArgsStorage().tables.find(({ target }) => target === this.entity)?.name;
    if (table === undefined) throw new Error(`${this.entity.name} is no entity with a table`);
    return new ColumnList(
      table,
      this.alias,
      pairs.map(([key, property]) => {
        const column = this.#columns.get(property);
        if (!column) throw new Error(`${this.entity.name}.${property} is no column`);
        return [key, column.name];
      }),
    );
  }
}

/** A class and its superclasses, whose columns it inherits. */
function withBases(entity: new () => unknown): (new () => unknown)[] {
  const classes = [entity];
  for (let base: unknown = Object.getPrototypeOf(entity); typeof base === 'function' && base !== Function.prototype; )
    base = Object.getPrototypeOf(classes[classes.push(base as new () => unknown) - 1]);
  return classes;
}

/**
 * The columns of an entity for SQL statements. Call it when a module loads, so that each statement has one text and stays prepared.
 * @param alias the table's in the statement
 */
export const columnsOf = <Entity>(entity: new () => Entity, alias?: string): EntityColumns<Entity> => new EntityColumns(entity, alias);
