import { Console } from 'node:console';
import { Command, CommanderError, Argument } from 'commander';
import { adminCommand } from './admin/admin.js';
import { withNewName } from './admin/old-names.js';
import { configCommand } from './config.js';
import { EXAMPLES } from './examples.js';
import { Exit, EXIT, exitOf, ProgramEnded } from './exit-codes.js';
import { genCommand } from './gen/gen.js';
import { type Io, processIo } from './io.js';
import { peopleCommands } from './remote/people.js';
import { VERSION } from '../platform/config/version.js';
import { type Plane, type Setting, variablesOf } from '../platform/config/variables.js';

const helpLine = (name: string, { what, default: value, local }: Setting) =>
  `${name}  ${what}${value ? ` (${value}${local ? `, local ${local}` : ''})` : ''}`;

const environmentOf = (plane: Plane) =>
  [
    '',
    'Environment:',
    ...variablesOf(plane).flatMap(([name, variable]) => [
      helpLine(`  ${name}`, variable),
      ...Object.entries(variable.items ?? {}).map(([item, setting]) => helpLine(`    ${item}=`, setting)),
    ]),
  ].join('\n');

/**
 * The output of a command is its result, and may be a password that is printed once. A failed write is therefore an error, which the
 * console would hide. A reader that closed the pipe, as `head` does, is not an error.
 */
export function failOnLostOutput(): void {
  globalThis.console = new Console({ stdout: process.stdout, stderr: process.stderr, ignoreErrors: false });
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
    console.error(`standard output could not be written (${error.code ?? error.message}): the command took effect, but its output is lost`);
    process.exit(1);
  });
  // Standard error cannot be written either.
  process.stderr.on('error', () => undefined);
}

/** Every command. A command loads its modules only when it runs, so that `--help` is fast. */
export function commandLine(io: Io = processIo): Command {
  const program = new Command('signet')
    .description('Signature keys for API gateways: created, bound, rotated, destroyed, and proved destroyed.')
    .version(VERSION)
    .addHelpText('after', environmentOf('command line'));

  for (const command of peopleCommands(io)) program.addCommand(command);

  program
    .command('serve')
    .description('run the control plane')
    .addHelpText('after', environmentOf('control plane'))
    .action(async () => (await import('./serve.js')).serve(process.env));

  program
    .command('gateway')
    .description('run a gateway node: it has the keys of one gateway in memory and signs')
    .addHelpText('after', environmentOf('gateway'))
    .action(async () => (await import('./gateway.js')).gateway(process.env));

  program.addCommand(configCommand());
  program.addCommand(genCommand());

  program
    .command('openapi')
    .description('print the OpenAPI 3.1 document of the service (serve answers it at /openapi.json)')
    .action(async () => (await import('./openapi.js')).printOpenApi());

  program
    .command('permissions')
    .description('print the table of routes and the actions that they need, as Markdown')
    .action(async () => (await import('./permissions.js')).printPermissions());

  program.addCommand(adminCommand());

  program
    .command('completion')
    .description('print a script for the completion of commands and options in a shell')
    .addArgument(new Argument('<shell>', 'which one').choices(SHELLS))
    .action((shell: string) => complete(io, ['completion', shell]));

  program.helpCommand(false);
  program
    .command('help [command...]')
    .description('display help for a command')
    .action((names: string[]) => helpFor(program, names));
  return program;
}

const SHELLS = ['bash', 'zsh', 'fish'];

/** Lets the library for completions answer: it prints the script of a shell, and the suggestions that such a script asks for. */
async function complete(io: Io, args: readonly string[]): Promise<void> {
  const { default: tab } = await import('@bomb.sh/tab/commander');
  const program = commandLine(io);
  // It brings a command of this name.
  (program.commands as Command[]).splice(
    program.commands.findIndex((each) => each.name() === 'completion'),
    1,
  );
  tab(program, { completionCommandName: 'completion' });
  await program.parseAsync(args, { from: 'user' });
}

/** A command and everything below it. */
const withBelow = (command: Command): Command[] => [command, ...command.commands.flatMap(withBelow)];

/** `keys delete`: the name of a command below `signet`. */
const fullName = (command: Command): string => {
  const { parent } = command;
  return parent?.parent ? `${fullName(parent)} ${command.name()}` : command.name();
};

/**
 * Runs one command.
 * @param args what follows `signet` @returns its exit code (exit-codes.ts). A service that was started still runs
 */
export async function run(args: readonly string[], io: Io = processIo): Promise<number> {
  const renamed = withNewName(args);
  if (renamed.notice !== undefined) io.stderr.write(`${renamed.notice}\n`);
  try {
    if (args[0] === 'complete') {
      await complete(io, args);
      return 0;
    }
    const program = commandLine(io);
    for (const command of withBelow(program)) {
      command.exitOverride().configureOutput({
        writeOut: (text) => io.stdout.write(text),
        writeErr: (text) => io.stderr.write(text),
      });
      const example = EXAMPLES[fullName(command)];
      if (example !== undefined) command.addHelpText('after', `\nExample:\n  $ ${example}`);
    }
    await program.parseAsync(renamed.args, { from: 'user' });
    return 0;
  } catch (error) {
    return codeOf(error, io);
  }
}

/** Tells an error on standard error: the message alone, because a stack would hide it. @returns the exit code */
function codeOf(error: unknown, io: Io): number {
  if (error instanceof ProgramEnded) return error.code;
  // It has told the error itself; asked for help, it has none.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage.code;
  const message = error instanceof Error ? error.message : String(error);
  const { name, code } = error as { name?: unknown; code?: unknown };
  io.stderr.write(`${message}${name === 'SignetError' && typeof code === 'string' ? ` (${code})` : ''}\n`);
  if (error instanceof Exit) return error.code;
  return name === 'SignetError' ? EXIT[exitOf(error as { status: number; code: string })].code : EXIT.failed.code;
}

/** Commander's own help uses the first name only. @throws Error when there is no such command */
function helpFor(program: Command, names: readonly string[]): void {
  let command = program;
  for (const [i, name] of names.entries()) {
    const found = command.commands.find((each) => each.name() === name);
    if (!found) throw new Error(`there is no command ${names.slice(0, i + 1).join(' ')}`);
    command = found;
  }
  command.outputHelp();
}
