import { expect, it } from '@jest/globals';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { columnsOf, type RowOf } from './columns.js';

@Entity({ name: 'parcels' })
class Parcel {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'sender_id', type: 'varchar', length: 32, nullable: true })
  senderId: string | null;

  @Column({ type: 'boolean' })
  fragile: boolean;

  @Column({ type: 'json' })
  contents: Record<string, unknown>;
}

@Entity({ name: 'vaults' })
class Vault {
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @Column({ name: 'door_code', type: 'text', select: false })
  doorCode: string;
}

it('a SELECT reads columns by their names in the database, and returns them under the entity’s or other names', () => {
  expect(columnsOf(Parcel, 'p').pick('id', 'senderId', { parcelFragile: 'fragile' }).select).toBe(
    'p.id, p.sender_id AS senderId, p.fragile AS parcelFragile',
  );
  expect(columnsOf(Parcel).except('contents').select).toBe('id, sender_id AS senderId, fragile');
});

it('an INSERT names the columns once, and has a placeholder for each in every row', () => {
  const list = columnsOf(Parcel).pick('senderId', 'id');
  expect(list.insert()).toBe('INSERT INTO parcels (sender_id, id) VALUES (?, ?)');
  expect(list.insert(3)).toBe('INSERT INTO parcels (sender_id, id) VALUES (?, ?), (?, ?), (?, ?)');
  expect(list.insertWith(columnsOf(Parcel).pick('fragile'), '0')(2)).toBe(
    'INSERT INTO parcels (sender_id, id, fragile) VALUES (?, ?, 0), (?, ?, 0)',
  );
  expect(list.insertInto).toBe('INSERT INTO parcels (sender_id, id)');
});

it('a row binds its values in the order of the columns, whatever the order of its fields', () => {
  const list = columnsOf(Parcel).all();
  expect(list.values({ contents: '{}', fragile: 1, senderId: null, id: 'a' })).toEqual(['a', null, 1, '{}']);
});

it('a hidden column is read only if it is named', () => {
  expect(columnsOf(Vault).pick('id', 'doorCode').select).toBe('id, door_code AS doorCode');
  expect(columnsOf(Vault).except('doorCode').select).toBe('id');
  expect(() => columnsOf(Vault).all()).toThrow('Vault.doorCode is hidden');
});

it('a property that the entity lacks and a value of a wrong type do not compile', () => {
  // @ts-expect-error -- no such property
  expect(() => columnsOf(Parcel).pick('weight')).toThrow('Parcel.weight is not a column');
  // @ts-expect-error -- no such property
  expect(() => columnsOf(Parcel).pick({ parcelWeight: 'weight' })).toThrow('Parcel.weight is not a column');
  const list = columnsOf(Parcel).pick('id', 'fragile', 'contents');
  // @ts-expect-error -- a boolean is bound as 0 or 1
  list.values({ id: 'a', fragile: true, contents: '{}' });
  // @ts-expect-error -- a column without a value
  list.values({ id: 'a', fragile: 1 });
  const row = { id: 'a', fragile: 1, contents: '{}' } satisfies RowOf<typeof list>;
  expect(list.values(row)).toEqual(['a', 1, '{}']);
});
