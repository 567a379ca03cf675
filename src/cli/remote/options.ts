import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Io } from '../io.js';

const FORMATS = ['table', 'json', 'yaml'] as const;
export type Format = (typeof FORMATS)[number];

const DEFAULT_PROFILE = 'default';

/** Options of every command that prints a result. */
export interface FormatOptions {
  readonly output?: Format;
  readonly json?: boolean;
}

/** Options of every command that calls the service. */
export interface ConnectionOptions extends FormatOptions {
  readonly profile?: string;
  readonly url?: string;
  readonly project?: string;
}

/** Options of every command that works on a gateway. */
export interface GatewayOptions extends ConnectionOptions {
  readonly gateway?: string;
}

/** Options of a write that ends a signature. */
export interface WaitOptions {
  /** Seconds; `true`: the default. */
  readonly wait?: number | true;
}

/** How a destructive command may be confirmed. */
export interface Confirmation {
  readonly yes?: boolean;
}

/** Adds `-o` and `--json`. */
export const withFormat = (command: Command): Command =>
  command
    .addOption(new Option('-o, --output <format>', 'format of the result (table)').choices(FORMATS))
    .option('--json', 'the same as --output json');

/** Adds the options of a command that calls the service. */
export const withConnection = (command: Command): Command =>
  withFormat(command)
    .option('--profile <name>', `profile made by signet login (SIGNET_PROFILE, ${DEFAULT_PROFILE})`)
    .option('--url <url>', 'address of the service (SIGNET_URL, or that of the profile)')
    .option('--project <id>', 'id of the project (SIGNET_PROJECT, or that of the credential)');

export const withGateway = (command: Command): Command =>
  withConnection(command).option('--gateway <name>', 'id or name of the gateway (SIGNET_GATEWAY, that of the profile, or the only one)');

export const withWait = (command: Command): Command =>
  command.option('--wait [seconds]', 'wait until the receipt is complete, 60 s if no time is given', seconds);

export const withYes = (command: Command): Command => command.option('--yes', 'do not ask');

/** The action of a command, whose modules are loaded when it runs. */
export const running =
  <Args extends readonly unknown[]>(io: Io, load: () => Promise<(io: Io, ...args: Args) => Promise<void>>) =>
  async (...args: Args): Promise<void> =>
    (await load())(io, ...args);

/** A number of seconds in an option. */
export function seconds(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError('a number of seconds, 99999 at most');
  return Number(text);
}

/** A number of items in an option. */
export function count(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('a number from 1 to 9999');
  return Number(text);
}
