import { getMetadataArgsStorage } from 'typeorm';
import type { Param } from './tx.js';

/** The type of a column in a raw row. A boolean is 0 or 1. JSON is text, or a parsed value if the driver parses it. */
type Read<T> = T extends boolean ? number : T extends object ? unknown : T;
/** The type of a value that is bound to a column. A boolean is 0 or 1; JSON is text. */
type Bound<T> = T extends boolean ? number : T extends object ? string : T;

/** A property of an entity, by its own name or with another one: `{ signId: 'id' }` reads `id AS signId`. */
type Name<Entity> = (keyof Entity & string) | Readonly<Record<string, keyof Entity & string>>;
type Named<N> = N extends string ? { readonly [K in N]: K } : N;
type KeyOf<Names> = Names extends unknown ? keyof Names & string : never;
type PropertyOf<Names, K extends string> = Names extends { readonly [P in K]: infer Property } ? Property : never;
type ReadOf<Entity, Names> = { [K in KeyOf<Names>]: Read<Entity[PropertyOf<Names, K> & keyof Entity]> };
type BoundOf<Entity, Names> = { [K in KeyOf<Names>]: Bound<Entity[PropertyOf<Names, K> & keyof Entity]> };

/** A row as read by a statement with these columns: `type SignRow = RowOf<typeof SIGN>`. */
export type RowOf<List extends { readonly row: unknown }> = List['row'];

/** Columns of one table in a fixed order. The texts of statements are built from them once. */
export class ColumnList<Row, Values> {
  /** The columns for SELECT: `s.id, s.sign_type AS signType`. */
  readonly select: string;
  readonly #keys: readonly string[];
  readonly #names: readonly string[];
  readonly #into: string;
  readonly #row: string;
  readonly #one: string;
  /** Type for {@link RowOf}; absent at run time. */
  declare readonly row: Row;

  /** @param columns the columns of the table, by their names in rows */
  constructor(table: string, alias: string | undefined, columns: readonly (readonly [key: string, column: string])[]) {
    const prefix = alias === undefined ? '' : `${alias}.`;
    this.select = columns.map(([key, column]) => `${prefix}${column}${key === column ? '' : ` AS ${key}`}`).join(', ');
    this.#keys = columns.map(([key]) => key);
    this.#names = columns.map(([, column]) => column);
    this.#into = `INSERT INTO ${table} (${this.#names.join(', ')})`;
    this.#row = `(${columns.map(() => '?').join(', ')})`;
    this.#one = `${this.#into} VALUES ${this.#row}`;
  }

  /**
   * An INSERT with placeholders for a number of rows: `INSERT INTO signs (id, sign_type) VALUES (?, ?)`. Bind the {@link values} of each
   * row.
   */
  insert(rows = 1): string {
    return rows === 1 ? this.#one : this.#one + `, ${this.#row}`.repeat(rows - 1);
  }

  /** As {@link insert}, with additional columns that have the same literal in every row. */
  insertWith(more: ColumnList<unknown, never>, literal: string): (rows: number) => string {
    const into = `${this.#into.slice(0, -1)}, ${more.#names.join(', ')})`;
    const row = `${this.#row.slice(0, -1)}${`, ${literal}`.repeat(more.#names.length)})`;
    return (rows) => `${into} VALUES ${row}${`, ${row}`.repeat(rows - 1)}`;
  }

  /** `INSERT INTO signs (id, sign_type)`, for use before a SELECT of the same columns in the same order. */
  get insertInto(): string {
    return this.#into;
  }

  /** The bound values of a row, in the order of the columns. */
  values(row: Values): Param[] {
    return this.#keys.map((key) => row[key as keyof Values] as Param);
  }
}

/** The columns of an entity. Each statement picks those that it uses. */
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

  /** The named columns. A column with `select: false` is only read if it is named here. */
  pick<const N extends readonly Name<Entity>[]>(
    ...names: N
  ): ColumnList<ReadOf<Entity, Named<N[number]>>, BoundOf<Entity, Named<N[number]>>> {
    const pairs = names.flatMap((name): [string, string][] => (typeof name === 'string' ? [[name, name]] : Object.entries(name)));
    return this.list(pairs);
  }

  /** All columns. @throws as {@link except} */
  all(): ColumnList<{ [P in keyof Entity & string]: Read<Entity[P]> }, { [P in keyof Entity & string]: Bound<Entity[P]> }> {
    return this.except<never>();
  }

  /** All columns except the named ones. @throws Error when a remaining column has `select: false`, because a hidden column must be named */
  except<K extends keyof Entity & string>(
    ...names: readonly K[]
  ): ColumnList<
    { [P in Exclude<keyof Entity & string, K>]: Read<Entity[P]> },
    { [P in Exclude<keyof Entity & string, K>]: Bound<Entity[P]> }
  > {
    const left = [...this.#columns].filter(([property]) => !(names as readonly string[]).includes(property));
    for (const [property, { hidden }] of left)
      if (hidden) throw new Error(`${this.entity.name}.${property} is hidden: name it in pick or in except`);
    return this.list(left.map(([property]) => [property, property]));
  }

  private list<Row, Values>(pairs: readonly (readonly [key: string, property: string])[]): ColumnList<Row, Values> {
    const table = getMetadataArgsStorage().tables.find(({ target }) => target === this.entity)?.name;
    if (table === undefined) throw new Error(`${this.entity.name} is not an entity with a table`);
    return new ColumnList(
      table,
      this.alias,
      pairs.map(([key, property]) => {
        const column = this.#columns.get(property);
        if (!column) throw new Error(`${this.entity.name}.${property} is not a column`);
        return [key, column.name];
      }),
    );
  }
}

/** Returns a class and its superclasses, whose columns it inherits. */
function withBases(entity: new () => unknown): (new () => unknown)[] {
  const classes = [entity];
  for (let base: unknown = Object.getPrototypeOf(entity); typeof base === 'function' && base !== Function.prototype; )
    base = Object.getPrototypeOf(classes[classes.push(base as new () => unknown) - 1]);
  return classes;
}

/**
 * Returns the columns of an entity for SQL statements. Call this function when a module loads, so that each statement has one text and
 * stays prepared.
 * @param alias the alias of the table in the statement
 */
export const columnsOf = <Entity>(entity: new () => Entity, alias?: string): EntityColumns<Entity> => new EntityColumns(entity, alias);
