import type { Client } from './client.ts';
import type { Gateway } from './gateway.ts';
import type { Progress } from './report.ts';

/** What a part works with. */
export interface Stage {
  /** An empty gateway, with APIs published in three environments; a part leaves no keys in it. */
  gateway: Gateway;
  api: Client;
  /** A user that may only read; absent when the demo was given none. */
  reader: Client | undefined;
  progress: Progress;
  /** Makes a further gateway, which is removed at the end. */
  newGateway: () => Promise<Gateway>;
}

export interface Part {
  title: string;
  /** @returns what was proved, in a line @throws Difference */
  run(stage: Stage): Promise<string>;
}
