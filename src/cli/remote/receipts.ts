import { openSessions, type Receipt, ReceiptIncompleteError, receiptOf, SignetError, waitForReceipt } from 'signet-client';
import { Exit } from '../exit-codes.js';
import type { Io } from '../io.js';
import type { Connection } from './connection.js';
import type { WaitOptions } from './options.js';
import type { Columns } from './output.js';
import { printable } from './printable.js';

const WAIT_SECONDS = 60;

export const SESSION_COLUMNS: Columns<Receipt['sessions'][number]> = {
  NODE: ({ node_id }) => node_id,
  SESSION: ({ session_id }) => session_id,
  STATE: ({ state }) => state,
  'SILENT (s)': ({ silent_seconds }) => silent_seconds,
  ACKNOWLEDGED: ({ acknowledged_at }) => acknowledged_at,
  'ENDED BY': ({ ended_by }) => ended_by,
};

/** How a receipt stands, in one line. */
export function standing({ complete, sessions }: Receipt): string {
  if (complete) return 'complete: every process has acknowledged it, or has ended';
  const open = openSessions({ sessions });
  const names = open.map(({ node_id, state }) => (state === 'silent' ? `${node_id} (silent)` : node_id));
  return open.length === 0 ? 'not complete yet' : `waiting for ${open.length} of ${sessions.length} sessions: ${names.join(', ')}`;
}

/** Tells on standard error what a command waits for: on a terminal in one line, elsewhere a line whenever it changes. */
class Progress {
  #last = '';

  constructor(private readonly io: Io) {}

  tell(text: string): void {
    const line = printable(text);
    if (line === this.#last) return;
    const { isTTY, columns = 80 } = this.io.stderr;
    this.io.stderr.write(isTTY === true ? `\r\u001b[K${line.slice(0, columns - 1)}` : `${line}\n`);
    this.#last = line;
  }

  done(): void {
    if (this.io.stderr.isTTY === true && this.#last !== '') this.io.stderr.write('\r\u001b[K');
    this.#last = '';
  }
}

/** Waits until a receipt is complete by the acknowledgements of processes. @throws Exit with the code that says why not */
export async function proven({ client, io }: Connection, receipt: string, wait: number): Promise<Receipt> {
  const progress = new Progress(io);
  let found: Receipt;
  try {
    found = await waitForReceipt(client, receipt, { timeoutSeconds: wait, onProgress: (each) => progress.tell(standing(each)) });
  } catch (error) {
    if (!(error instanceof SignetError)) throw error;
    const again = `signet receipts watch '${receipt}'`;
    if (error instanceof ReceiptIncompleteError)
      throw new Exit('incomplete', `the receipt is not complete after ${wait} s; go on waiting with: ${again}`, { cause: error });
    throw new Exit('receipt_failed', `the receipt ${receipt} cannot be read: ${error.message} (${error.code})`, { cause: error });
  } finally {
    progress.done();
  }
  const vouched = found.sessions.filter(({ state }) => state === 'vouched');
  if (vouched.length > 0)
    throw new Exit(
      'vouched',
      `the receipt is complete only by the word of an operator: ${vouched.map(({ node_id, ended_by }) => `${node_id}, vouched for by ${ended_by ?? 'somebody'}`).join('; ')}`,
    );
  return found;
}

/** What a write has answered about its receipt, and the receipt itself if the command waits. */
export interface Outcome {
  /** Path; null if the write has ended no signature. */
  readonly receipt: string | null;
  /** Absent: not asked. */
  readonly complete?: boolean;
}

export const OUTCOME_FIELDS: Columns<Outcome> = {
  RECEIPT: ({ receipt }) => receipt,
  COMPLETE: ({ complete }) => complete ?? 'not asked: --wait',
};

/**
 * The end of a write: prints the result before it waits, since the write is done, and its receipt's path is needed to ask again.
 * @param print of the receipt's path
 */
export async function finish(
  connection: Connection,
  response: Response,
  { wait }: WaitOptions,
  print: (outcome: Outcome) => void,
): Promise<void> {
  const receipt = receiptOf(response) ?? null;
  if (wait === undefined) return print({ receipt });
  if (receipt === null) return print({ receipt, complete: true });
  try {
    await proven(connection, receipt, wait === true ? WAIT_SECONDS : wait);
  } catch (error) {
    print({ receipt, complete: error instanceof Exit && error.reason === 'vouched' });
    throw error;
  }
  print({ receipt, complete: true });
}
