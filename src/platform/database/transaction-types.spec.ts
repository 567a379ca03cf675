import { expect, it } from '@jest/globals';
import type { Database } from './database.js';
import type { Reads, Rows, Tx } from './tx.js';

// The compiler checks this file (`npm run typecheck`). If a line compiles that must not compile, its `@ts-expect-error` is an error.
const inTransaction = (tx: Tx) => tx;
const ofOneMoment = (reads: Reads) => reads;
const anywhere = (rows: Rows) => rows;

it('a parameter of type Tx accepts only a transaction, and one of type Reads only a snapshot or a transaction', () => {
  const calls = (database: Database, reads: Reads, tx: Tx, made: Omit<Tx, symbol>) => [
    // @ts-expect-error the database is not inside a transaction
    inTransaction(database),
    // @ts-expect-error a snapshot writes nothing
    inTransaction(reads),
    // @ts-expect-error a transaction cannot be created outside of `Database`
    inTransaction({ engine: made.engine, manager: made.manager, rows: made.rows, run: made.run }),
    // @ts-expect-error two statements outside a transaction may see two states
    ofOneMoment(database),
    inTransaction(tx),
    ofOneMoment(reads),
    ofOneMoment(tx),
    anywhere(database),
    anywhere(reads),
    anywhere(tx),
  ];
  expect(calls).toBeInstanceOf(Function);
});
