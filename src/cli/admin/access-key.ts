import { Command } from 'commander';
import type { INestApplicationContext } from '@nestjs/common';
import type { AccessKeysService } from '../../identity/iam/access-keys.service.js';
import type { Status } from '../../identity/iam/access-keys.dto.js';
import type { IamAdminService } from '../../identity/iam/iam-admin.service.js';
import type { Caller } from '../../platform/common/principal.js';
import type { Config } from '../../platform/config/config.js';
import { needEmbeddedIam } from './embedded-iam.js';

interface Services {
  accessKeys: AccessKeysService;
  directory: IamAdminService;
  caller: Caller;
}

async function withAccessKeys<T>(work: (services: Services) => Promise<T>): Promise<T> {
  const [{ withServices }, { AccessKeysService: Keys }, { IamAdminService: Directory }, { operator }, { ApiFault }] = await Promise.all([
    import('./context.js'),
    import('../../identity/iam/access-keys.service.js'),
    import('../../identity/iam/iam-admin.service.js'),
    import('../../identity/projects/operator.js'),
    import('../../platform/common/api-error.js'),
  ]);
  const run = (services: INestApplicationContext, config: Config) => {
    needEmbeddedIam(config);
    return work({
      accessKeys: services.get(Keys, { strict: false }),
      directory: services.get(Directory, { strict: false }),
      caller: operator('signet-cli'),
    });
  };
  return withServices(process.env, run).catch((error: unknown) => {
    const kind = error instanceof ApiFault ? error.kind : undefined;
    if (kind === 'not_found') throw new Error('there is no such access key', { cause: error });
    if (kind === 'conflict') throw new Error('the user has the maximum number of access keys: delete one first', { cause: error });
    throw error;
  });
}

/** `signet admin access-key …`: keys (AK/SK) with which users sign requests. */
export function accessKeyCommand(): Command {
  const accessKey = new Command('access-key').description('keys (AK/SK) with which users of the embedded identity service sign requests');
  const domain = ['--domain <name>', 'domain of the user', 'default'] as const;

  accessKey
    .command('create')
    .description('create an access key and print it with its secret, which is shown only once')
    .requiredOption('--user <name>', 'user')
    .option(...domain)
    .option('--description <text>', 'for people', '')
    .action(async ({ user, domain, description }: { user: string; domain: string; description: string }) => {
      const { credential } = await withAccessKeys(async ({ accessKeys, directory, caller }) => {
        const { id: user_id } = await directory.user({ name: user, domain });
        return accessKeys.create({ credential: { user_id, description } }, caller);
      });
      console.log(`access: ${credential.access}\nsecret: ${credential.secret}`);
    });
  accessKey
    .command('list')
    .description('list the access keys of a user without their secrets, one JSON object a line')
    .requiredOption('--user <name>', 'user')
    .option(...domain)
    .action(async ({ user, domain }: { user: string; domain: string }) => {
      const { credentials } = await withAccessKeys(async ({ accessKeys, directory, caller }) =>
        accessKeys.list((await directory.user({ name: user, domain })).id, caller),
      );
      for (const credential of credentials) console.log(JSON.stringify(credential));
    });
  for (const [verb, status] of [
    ['disable', 'inactive'],
    ['enable', 'active'],
  ] as const satisfies [string, Status][]) {
    accessKey
      .command(`${verb} <access>`)
      .description(`${verb} an access key; takes effect within five seconds`)
      .action(async (access: string) => {
        await withAccessKeys(({ accessKeys, caller }) => accessKeys.update(access, { credential: { status } }, caller));
      });
  }
  accessKey
    .command('delete <access>')
    .description('delete an access key; takes effect within five seconds')
    .action((access: string) => withAccessKeys(({ accessKeys, caller }) => accessKeys.delete(access, caller)));
  return accessKey;
}
