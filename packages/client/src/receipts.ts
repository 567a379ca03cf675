import type { SignetClient } from './client.js';
import { SignetError } from './errors.js';
import { pause } from './exchange.js';
import type { components } from './schema.js';

const TIMEOUT_SECONDS = 60;
/** Of the first reading: a time limit of 0 reads once. */
const FIRST_READING_SECONDS = 10;
const FIRST_PAUSE_SECONDS = 0.1;
const LONGEST_PAUSE_SECONDS = 2;

type Schemas = components['schemas'];
export type Receipt = Schemas['ReceiptView'] | Schemas['EndpointReceiptView'];

export interface ReceiptWait {
  /** Default 60. */
  timeoutSeconds?: number;
  /** Ends the wait, which then fails with the signal's reason. */
  signal?: AbortSignal;
  /** Called with each reading of the receipt, the last one included. */
  onProgress?: (receipt: Receipt) => void;
}

/** The receipt was not complete in time: something may still be signed with what the write has ended. */
export class ReceiptIncompleteError extends SignetError {
  /** As it was read last; undefined if it never was. */
  readonly receipt: Receipt | undefined;

  constructor(operation: string, seconds: number, receipt: Receipt | undefined, cause: unknown) {
    super({ status: 0, code: 'client.receipt_incomplete', message: `the receipt is not complete after ${seconds} s`, operation, cause });
    this.name = 'ReceiptIncompleteError';
    this.receipt = receipt;
  }
}

/** The receipt that a write has answered with, as a path; undefined if it has ended no signature. */
export const receiptOf = ({ headers }: Response): string | undefined => headers.get('Signet-Receipt') ?? undefined;

/** The sessions for which a receipt still waits. */
export const openSessions = ({ sessions }: Pick<Receipt, 'sessions'>): Receipt['sessions'] =>
  sessions.filter(({ state }) => state === 'pending' || state === 'silent');

const RECEIPT = /^\/signet\/v1\/(instances|endpoints)\/([\w-]+)\/receipts\/(\d+)(?:\?epoch=([\w-]+))?$/;

/**
 * Reads a receipt until it is complete. An answer of 429 or 5xx, or none, is only a reason to ask again.
 * @param receipt the path in `Signet-Receipt` ({@link receiptOf})
 * @returns the complete receipt; its sessions show whether an operator has vouched for one
 * @throws ReceiptIncompleteError when the time is over; SignetError for any other answer, such as 410 after a restore
 */
export async function waitForReceipt(client: SignetClient, receipt: string, wait: ReceiptWait = {}): Promise<Receipt> {
  const { timeoutSeconds = TIMEOUT_SECONDS, signal, onProgress } = wait;
  const [, scope, id, revision, epoch] = RECEIPT.exec(receipt) ?? [];
  if (id === undefined || revision === undefined) throw new TypeError('a receipt is the path in Signet-Receipt');
  const query = epoch === undefined ? {} : { query: { epoch } };
  const options = { retrySeconds: 0, ...(signal && { signal }) };
  const [operation, read] =
    scope === 'endpoints'
      ? ([
          'GET /signet/v1/endpoints/{id}/receipts/{revision}',
          (timeoutSeconds: number): Promise<{ data: Receipt }> =>
            client.GET('/signet/v1/endpoints/{id}/receipts/{revision}', {
              params: { path: { id, revision }, ...query },
              ...options,
              timeoutSeconds,
            }),
        ] as const)
      : ([
          'GET /signet/v1/instances/{instance_id}/receipts/{revision}',
          (timeoutSeconds: number): Promise<{ data: Receipt }> =>
            client.GET('/signet/v1/instances/{instance_id}/receipts/{revision}', {
              params: { path: { instance_id: id, revision }, ...query },
              ...options,
              timeoutSeconds,
            }),
        ] as const);
  const end = performance.now() + timeoutSeconds * 1000;
  const leftSeconds = () => Math.max((end - performance.now()) / 1000, 0);
  let limitSeconds = Math.max(timeoutSeconds, FIRST_READING_SECONDS);
  let last: Receipt | undefined;
  let trouble: unknown;
  for (let pauseSeconds = FIRST_PAUSE_SECONDS; ; pauseSeconds = Math.min(pauseSeconds * 1.5, LONGEST_PAUSE_SECONDS)) {
    try {
      last = (await read(limitSeconds)).data;
      trouble = undefined;
    } catch (error) {
      if (!(error instanceof SignetError) || !passes(error)) throw error;
      trouble = error;
    }
    if (last !== undefined && trouble === undefined) {
      onProgress?.(last);
      if (last.complete) return last;
    }
    if (leftSeconds() === 0) throw new ReceiptIncompleteError(operation, timeoutSeconds, last, trouble);
    await pause(Math.min(pauseSeconds, leftSeconds()), signal);
    limitSeconds = Math.max(leftSeconds(), FIRST_PAUSE_SECONDS);
  }
}

const passes = ({ status, code }: SignetError) =>
  status >= 500 || status === 429 || code === 'client.unreachable' || code === 'client.timed_out';
