import { Command } from 'commander';
import { accessKeyCommand } from './access-key.js';
import { apiKeyCommand } from './api-key.js';
import { auditCommand } from './audit.js';
import { gatewayTokenCommand } from './gateway-token.js';
import { iamCommand } from './iam.js';
import { kekCommand, rewrapCommand } from './kek.js';

/** `signet admin …`: the commands that open the database, on the machine of the service. Everybody else uses the API. */
export function adminCommand(): Command {
  const admin = new Command('admin').description('work on the database and its keys, on the machine of the service');

  admin
    .command('migrate')
    .description('apply database migrations and exit (serve does it too)')
    .action(async () => (await import('./commands.js')).migrate(process.env));

  admin
    .command('backup <file>')
    .description('copy the embedded database into a new file; processes may be running')
    .action(async (file: string) => (await import('./backup.js')).backup(file));

  admin
    .command('restore [file]')
    .description('restore a backup while no process runs, and begin a new epoch; on MariaDB without a file, after loading the dump')
    .action(async (file: string | undefined) => (await import('./backup.js')).restore(file));

  const recovery = admin.command('recovery').description('decide what happens after the database was restored');
  recovery
    .command('status')
    .description('show whether the database was restored, which ended keys and resources exist again, and what receipts wait for')
    .option('--audit <file>', 'also use an export of the audit trail from before the restore (signet admin audit export)')
    .action(async (options: { audit?: string }) => (await import('./recovery.js')).status(options));
  recovery
    .command('accept [tombstones...]')
    .description('accept the restored database; ended keys may sign again only if they are named here, as status prints them')
    .option('--all', 'everything that status prints', false)
    .requiredOption('--by <name>', 'who decides')
    .action(async (tombstones: string[], options: { all: boolean; by: string }) =>
      (await import('./recovery.js')).accept(tombstones, options),
    );
  recovery
    .command('delete-again')
    .description('delete the keys that status prints, and resume the service')
    .option('--audit <file>', 'also repeat the deletions in an export of the audit trail from before the restore')
    .requiredOption('--by <name>', 'who decides')
    .action(async (options: { audit?: string; by: string }) => (await import('./recovery.js')).deleteAgain(options));
  recovery
    .command('vouch')
    .description('vouch that no process with keys from before the restore signs any more')
    .requiredOption('--by <name>', 'who vouches')
    .action(async (options: { by: string }) => (await import('./recovery.js')).vouch(options));

  admin
    .command('token')
    .description('print a token without a password, for scripts on this machine (local mode only)')
    .requiredOption('--user <name>', 'user name')
    .requiredOption('--project <name>', 'project name')
    .action(async (options: { user: string; project: string }) => (await import('./commands.js')).token(process.env, options));

  admin.addCommand(gatewayTokenCommand());
  admin.addCommand(apiKeyCommand());
  admin.addCommand(iamCommand());
  admin.addCommand(accessKeyCommand());
  admin.addCommand(auditCommand());
  admin.addCommand(kekCommand());
  admin.addCommand(rewrapCommand());
  return admin;
}
