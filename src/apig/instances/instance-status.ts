/** The statuses of a gateway: the numbers in `instance_status` and the words in `status` (docs/contracts/apig.md §3.1). */
const WORDS: Record<number, string> = {
  1: 'Creating',
  2: 'CreateSuccess',
  3: 'CreateFail',
  4: 'Initing',
  5: 'Registering',
  6: 'Running',
  7: 'InitingFailed',
  8: 'RegisterFailed',
  10: 'Installing',
  11: 'InstallFailed',
  12: 'Updating',
  13: 'UpdateFailed',
  20: 'Rollbacking',
  21: 'RollbackSuccess',
  22: 'RollbackFailed',
  23: 'Deleting',
  24: 'DeleteFailed',
  25: 'Unregistering',
  26: 'UnRegisterFailed',
  27: 'CreateTimeout',
  28: 'InitTimeout',
  29: 'RegisterTimeout',
  30: 'InstallTimeout',
  31: 'UpdateTimeout',
  32: 'RollbackTimeout',
  33: 'DeleteTimeout',
  34: 'UnregisterTimeout',
  35: 'Starting',
  36: 'Freezing',
  37: 'Frozen',
  38: 'Restarting',
  39: 'RestartFail',
  40: 'Unhealthy',
  41: 'RestartTimeout',
  42: 'Resizing',
  43: 'ResizeFailed',
  44: 'ResizeTimeout',
};

/** The status of every gateway. A gateway runs as soon as it exists, because nothing has to be installed. */
export const RUNNING = 6;

/** @param status the number of a status */
export const statusWord = (status: number): string => WORDS[status] ?? 'Unhealthy';

const numbers = new Map(Object.entries(WORDS).flatMap(([number, word]) => [number, word].map((key) => [key, Number(number)] as const)));

/** Returns the number of a status in a filter, which may be its word or its number; `undefined` for any other text. */
export const statusNumber = (text: string): number | undefined => numbers.get(text);

export const STATUS_WORDS = Object.values(WORDS);
