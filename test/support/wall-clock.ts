import { globSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The path of Debian's `libfaketime` for this architecture; undefined if not installed. */
const LIBRARY = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')[0];
if (LIBRARY === undefined && process.env['CI'] === 'true') throw new Error('CI moves wall clocks: apt-get install faketime');

/** The wall clock of a process, which a test sets before the start and at run time. Its monotonic clock is not changed. */
export class WallClock {
  static readonly available = LIBRARY !== undefined;
  readonly #file = join(mkdtempSync(join(tmpdir(), 'signet-clock-')), 'offset');
  /** The offset from the machine's clock in seconds. */
  offset = 0;

  constructor(offset = 0) {
    this.set(offset);
  }

  set(offset: number): void {
    this.offset = offset;
    writeFileSync(this.#file, `${offset < 0 ? '' : '+'}${offset}`);
  }

  /** The environment variables for the process with this clock. */
  get env(): Record<string, string> {
    if (LIBRARY === undefined) return {};
    return { LD_PRELOAD: LIBRARY, FAKETIME_TIMESTAMP_FILE: this.#file, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' };
  }
}
