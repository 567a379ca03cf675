import { expect, it } from '@jest/globals';
import type { Database } from './database.js';
import type { Reads, Rows, Tx } from './tx.js';

// The compiler checks this file (`npm run typecheck`). If a line compiles that must not, its `@ts-expect-error` fails.
const inTransaction = (tx: Tx) => tx;
const ofOneMoment = (reads: Reads) => reads;
const anywhere = (rows: Rows) => rows;

it('a parameter of type Tx accepts only a transaction, and one of type Reads accepts no separate statements', () => {
  const calls = (database: Database, reads: Reads, tx: Tx, made: Omit<Tx, symbol>) => [
    // @ts-expect-error the database is not inside a transaction
    inTransaction(database),
    // @ts-expect-error a snapshot writes nothing
    inTransaction(reads),
    // @ts-expect-error nobody makes one for himself
    inTransaction({ engine: made.engine, manager: made.manager, rows: made.rows, run: made.run }),
    // @ts-expect-error two statements of the database may see two states
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
