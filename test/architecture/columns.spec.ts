import { expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { entities } from '../../src/entities.js';
import { columnsOf } from '../../src/platform/database/columns.js';
import { sources } from '../support/sources.js';

it('the columns of statements have the names that TypeORM gives them', async () => {
  const dataSource = new DataSource({ type: 'better-sqlite3', database: ':memory:', entities });
  await dataSource.initialize();
  for (const { target, tableName, columns } of dataSource.entityMetadatas) {
    const entity = target as new () => Record<string, unknown>;
    const list = columnsOf(entity).pick(...columns.map(({ propertyName }) => propertyName));
    expect(list.insertInto).toBe(`INSERT INTO ${tableName} (${columns.map(({ databaseName }) => databaseName).join(', ')})`);
  }
  await dataSource.destroy();
});

/** The files that may do so, one line each with the reason. */
const BY_HAND = [
  // These files use tables of modules above them, so that they cannot import the entities.
  'apig/instances/instances.service.ts',
  'distribution/rotation/rotation-rows.ts',
  'distribution/snapshot/snapshot.service.ts',
  'platform/receipts/protocol-rows.ts',
  'platform/recovery/tombstone-rows.ts',
  // These files have INSERT IGNORE and upserts.
  'platform/receipts/receipts.service.ts',
  'platform/recovery/epoch-rows.ts',
  // These files have one column next to an expression or in a UNION.
  'distribution/rotation/retirement.ts',
  'identity/iam/policies.service.ts',
  'platform/audit/retention.service.ts',
  'platform/vault/rewrap.service.ts',
  'webhooks/endpoints/endpoint-states.service.ts',
  // This file reads rows of seven tables in one form, some by an expression.
  'cli/admin/deletions.ts',
  // These files use connections without entities, before the schema exists or to check for write access.
  'platform/database/database.ts',
  'platform/database/migrate.ts',
  // The patterns of such lists.
  'platform/database/columns.ts',
];

const filesWith = (isList: (text: string) => boolean): string[] =>
  sources.flatMap(({ file, text }) => (/\/migrations\/|^gateway\//.test(file) || !isList(text) ? [] : file)).sort();

const camelCase = (column: string) => column.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** A column with an alias such as `s.sign_type AS signType`, which the entity also defines. */
const selects = (text: string) =>
  [...text.matchAll(/\b(?:[a-z]\.)?([a-z]+(?:_[a-z0-9]+)+) AS (\w+)/g)].some(([, column = '', name]) => camelCase(column) === name);

/** A column list such as `INSERT INTO signs (id, name …`. */
const inserts = (text: string) => /INSERT (?:\$\{[^}]*\} |IGNORE )?INTO \w+ \([a-z_]+, /.test(text);

it('no statement lists the columns of an entity by hand, except in the listed files', () => {
  expect(filesWith((text) => selects(text) || inserts(text))).toEqual([...BY_HAND].sort());
});
