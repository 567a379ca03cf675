/** How a command ends. docs/command-line.md shows the same table, and scripts rely on it: the meaning of a code never changes. */
export const EXIT = {
  done: { code: 0, meaning: 'done' },
  failed: { code: 1, meaning: 'it failed for a reason without a separate code' },
  usage: { code: 2, meaning: 'the arguments are invalid; nothing was sent' },
  denied: { code: 3, meaning: 'the credential is missing, is not accepted or has no permission (401, 403)' },
  not_found: { code: 4, meaning: 'the named resource does not exist, or the name is not unique' },
  refused: { code: 5, meaning: 'the service refused the request because of a value or the state of a resource' },
  unavailable: { code: 6, meaning: 'the service gave no usable answer (5xx, 429, no connection, too late); a write may have been done' },
  declined: { code: 7, meaning: 'not confirmed: the answer was no, or there is no terminal and no --yes' },
  incomplete: { code: 10, meaning: 'the write was done, but the receipt was not complete in time' },
  vouched: { code: 11, meaning: 'the write was done, but the receipt is complete only because an operator vouched' },
  receipt_failed: { code: 12, meaning: 'the write was done, but the receipt can no longer be read, so there is no proof' },
  invalid: { code: 20, meaning: 'verify: the signature of the request is not valid; explain: the requests differ' },
} as const;
export type ExitName = keyof typeof EXIT;

/** The end of a command with a code of its own. */
export class Exit extends Error {
  constructor(
    readonly reason: ExitName,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  get code(): number {
    return EXIT[this.reason].code;
  }
}

/** A program that a command has run has ended with a code, which the command passes on. */
export class ProgramEnded extends Error {
  constructor(readonly code: number) {
    super(`the program ended with ${code}`);
  }
}

/** An error of the command's arguments. */
export const usage = (message: string): Exit => new Exit('usage', message);

/** An answer of the service, as a SignetError has it. */
export interface Failure {
  readonly status: number;
  readonly code: string;
}

/** The code for an error answer, or for none. */
export function exitOf({ status, code }: Failure): ExitName {
  if (status === 401 || status === 403)
    return code.startsWith('APIG.31') || code.startsWith('APIG.34') || code === 'APIC.7400' ? 'refused' : 'denied';
  if (status === 404) return 'not_found';
  if (status === 0 || status === 429 || status >= 500) return 'unavailable';
  return status >= 400 ? 'refused' : 'failed';
}
