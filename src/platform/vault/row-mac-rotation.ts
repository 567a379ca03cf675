import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { CommitOutcomeUnknown, Database } from '../database/database.js';
import type { Param } from '../database/tx.js';
import { type Cells, cellsOf, MAC_TABLES, type MacTable } from './mac-tables.js';
import { RowMacs } from './row-macs.js';

const BATCH = 100;
type Row = Record<string, Param> & { mac: string };

export interface MacRotation {
  /** Number of new identity keys, which is 0 or 1. */
  made: number;
  /** Number of rows that were signed again with the newest key. */
  rewritten: number;
  /** Number of destroyed older identity keys. */
  destroyed: number;
  /** Table and primary key of every row with an invalid MAC. */
  altered: string[];
}

/**
 * Signs authorization rows again with a new identity key while the service runs. A run may be interrupted, repeated or started twice at the
 * same time.
 */
@Injectable()
export class RowMacRotation {
  constructor(
    private readonly database: Database,
    private readonly macs: RowMacs,
    private readonly clock: Clock,
  ) {}

  /**
   * @param keyAgeMs a newest key younger than this is not replaced
   * @param unusedForMs how long other processes may still sign with the previous key
   */
  async run(keyAgeMs: number, unusedForMs: number): Promise<MacRotation> {
    const result: MacRotation = { made: 0, rewritten: 0, destroyed: 0, altered: [] };
    const { newest } = await this.macs.stored();
    if (newest && this.clock.now() - newest.createdAt >= keyAgeMs) {
      await this.macs.rotate();
      result.made = 1;
    }
    for (const table of Object.keys(MAC_TABLES) as MacTable[]) await this.rewrite(table, result);
    await this.destroy(unusedForMs, result);
    return result;
  }

  private async rewrite(table: MacTable, result: MacRotation): Promise<void> {
    const { key, columns } = MAC_TABLES[table];
    let last: Param[] | undefined;
    for (;;) {
      const where = last ? `WHERE (${key.join(', ')}) > (${key.map(() => '?').join(', ')})` : '';
      const sql = `SELECT ${columns.join(', ')}, mac FROM ${table} ${where} ORDER BY ${key.join(', ')} LIMIT ${BATCH}`;
      const rows: Row[] = await this.database.rows<Row>(sql, last ?? []);
      for (const row of rows) await this.rewriteRow(table, row, result);
      last = rows.at(-1) && key.map((column) => rows.at(-1)?.[column] ?? '');
      if (rows.length < BATCH) return;
    }
  }

  /** Writes a new MAC by compare-and-set on the old one: a concurrent change of the row writes its own MAC. */
  private async rewriteRow(table: MacTable, row: Row, result: MacRotation): Promise<void> {
    const { key } = MAC_TABLES[table];
    const cells: Cells = cellsOf(table, row);
    const id = key.map((column) => row[column] ?? '');
    if (!(await this.macs.verify(this.database, table, cells, row.mac))) {
      result.altered.push(`${table} ${id.join(' ')}`);
      return;
    }
    if (row.mac.startsWith(`${this.macs.newest}.`)) return;
    const sql = `UPDATE ${table} SET mac = ? WHERE ${key.map((column) => `${column} = ?`).join(' AND ')} AND mac = ?`;
    result.rewritten += await this.change(sql, [this.macs.of(table, row), ...id, row.mac]);
  }

  private async destroy(unusedForMs: number, result: MacRotation): Promise<void> {
    const { newest, older } = await this.macs.stored();
    if (!newest || this.clock.now() - newest.createdAt < unusedForMs) return;
    for (const id of older) {
      let used = false;
      for (const table of Object.keys(MAC_TABLES)) {
        const sql = `SELECT 1 AS one FROM ${table} WHERE substr(mac, 1, ?) = ? LIMIT 1`;
        used ||= (await this.database.rows(sql, [id.length + 1, `${id}.`])).length > 0;
      }
      if (!used) result.destroyed += await this.change('DELETE FROM identity_keys WHERE id = ?', [id]);
    }
  }

  /** A COMMIT without an answer counts as not done: the next run checks the row again. */
  private async change(sql: string, values: Param[]): Promise<number> {
    try {
      return (await this.database.transaction((tx) => tx.run(sql, values))).affected;
    } catch (error) {
      if (error instanceof CommitOutcomeUnknown) return 0;
      throw error;
    }
  }
}
