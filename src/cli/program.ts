import { Command, Option } from 'commander';
import { apiKeyCommand } from './api-key.js';
import { auditCommand } from './audit.js';
import { accessKeyCommand } from './access-key.js';
import { genCommand } from './gen/gen.js';
import { iamCommand } from './iam.js';
import { kekCommand, rewrapCommand } from './kek.js';
import { MACHINE_ROLES, type MachineRole } from '../common/principal.js';
import { VARIABLES, VERSION } from '../config/config.js';
import { GATEWAY_VARIABLES } from '../config/gateway-variables.js';

const environment = [
  '',
  'Environment:',
  ...Object.entries(VARIABLES).map(([name, what]) => `  ${name}  ${what}`),
  '  DATABASE_URL  mysql://user:password@host:3306/database; unset: embedded SQLite',
  '  REDIS_URL  redis://host:6379',
].join('\n');

const gatewayEnvironment = ['', 'Environment:', ...Object.entries(GATEWAY_VARIABLES).map(([name, what]) => `  ${name}  ${what}`)].join(
  '\n',
);

/**
 * The command line. Commands load what they need only when they run, so that `--help` is at once.
 * @param argv as in `process.argv`
 */
export async function run(argv: readonly string[]): Promise<void> {
  const program = new Command('signet')
    .description('Signature keys for API gateways: created, bound, rotated, destroyed, and proved destroyed.')
    .version(VERSION);

  program
    .command('serve')
    .description('run the control plane')
    .addHelpText('after', environment)
    .action(async () => (await import('./serve.js')).serve(process.env));

  program
    .command('gateway')
    .description('run a node of the data plane: it holds the keys of one gateway in memory and signs')
    .addHelpText('after', gatewayEnvironment)
    .action(async () => (await import('./gateway.js')).gateway(process.env));

  program.addCommand(genCommand());

  program
    .command('migrate')
    .description('bring the database up to date and exit (serve does it too)')
    .action(async () => (await import('./commands.js')).migrate(process.env));

  program
    .command('token')
    .description('print a token without a password, for scripts on this machine (local mode only)')
    .requiredOption('--user <name>', 'user name')
    .requiredOption('--project <name>', 'project name')
    .action(async (options: { user: string; project: string }) => (await import('./commands.js')).token(process.env, options));

  program
    .command('gateway-token')
    .description('make a credential for the gateways or verifiers of an instance and print its token, which is not shown again')
    .requiredOption('--instance <id>', 'instance (gateway)')
    .option('--project <name>', 'project: its name in the domain default, or its id', 'default')
    .addOption(new Option('--role <role>', 'what it is for').choices(MACHINE_ROLES).default('gateway'))
    .option('--name <text>', 'for people', '')
    .action(async (options: { instance: string; project: string; role: MachineRole; name: string }) =>
      (await import('./commands.js')).gatewayToken(process.env, options),
    );

  program.addCommand(apiKeyCommand());

  program
    .command('openapi')
    .description('print the OpenAPI 3.1 document of the service (serve answers it at /openapi.json)')
    .action(async () => (await import('./openapi.js')).printOpenApi());

  program
    .command('permissions')
    .description('print the table of routes and the actions that they need, as Markdown')
    .action(async () => (await import('./permissions.js')).printPermissions());

  program.addCommand(iamCommand());
  program.addCommand(accessKeyCommand());

  program.addCommand(auditCommand());

  program.addCommand(kekCommand());
  program.addCommand(rewrapCommand());

  try {
    await program.parseAsync(argv);
  } catch (error) {
    // The operator's words; a stack would hide them.
    console.error(error instanceof Error ? error.message : String(error));
    // A pool that was opened before the failure would keep the process alive.
    process.exit(1);
  }
}
