import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { FRESH_MS } from '../../platform/auth/freshness.js';
import type { Config } from '../../platform/config/config.js';
import type { AccessAdminService } from '../../identity/iam/access-admin.service.js';
import type { IamAdminService } from '../../identity/iam/iam-admin.service.js';
import { needEmbeddedIam } from './embedded-iam.js';

/** Runs `work` with the directory of the configured database. */
async function withDirectory<T>(work: (directory: IamAdminService) => Promise<T>): Promise<T> {
  const [{ withServices }, { IamAdminService: Directory }] = await Promise.all([
    import('./context.js'),
    import('../../identity/iam/iam-admin.service.js'),
  ]);
  return withServices(process.env, (services, config) => {
    needEmbeddedIam(config);
    return work(services.get(Directory, { strict: false }));
  });
}

/** The same with its groups. */
const withGroups = <T>(work: (access: AccessAdminService) => Promise<T>): Promise<T> => withAccess(work, needEmbeddedIam);

/** The same with its policies, which also apply to users of an external identity service. */
async function withAccess<T>(
  work: (access: AccessAdminService) => Promise<T>,
  check: (config: Config) => void = () => undefined,
): Promise<T> {
  const [{ withServices }, { AccessAdminService: Access }] = await Promise.all([
    import('./context.js'),
    import('../../identity/iam/access-admin.service.js'),
  ]);
  return withServices(process.env, (services, config) => {
    check(config);
    return work(services.get(Access, { strict: false }));
  });
}

/** Reads a password from standard input, so that it is in no process list and no shell history. */
async function readPassword(fromStdin: boolean): Promise<{ password: string } | undefined> {
  if (!fromStdin) return undefined;
  const lines = createInterface({ input: process.stdin });
  for await (const password of lines) return { password };
  throw new Error('--password-stdin: standard input is empty');
}

interface UserPasswordOptions {
  domain: string;
  passwordStdin: boolean;
  mustChange?: boolean;
}

const tellPassword = (password: string | undefined) => password !== undefined && console.log(`password: ${password}`);

/** `signet admin iam …`: the directory of the embedded identity service. */
export function iamCommand(): Command {
  const iam = new Command('iam').description('users, groups, projects, policies and roles of the embedded identity service');
  const domain = ['--domain <name>', 'domain', 'default'] as const;

  const user = iam.command('user').description('users');
  user
    .command('add <name>')
    .description('add a user without any role; the password is random and printed, or read with --password-stdin')
    .option(...domain)
    .option('--password-stdin', 'read the password from standard input', false)
    .option('--must-change', 'the user must change the password before it gives a token (the default for a random one)')
    .option('--no-must-change', 'the password stays valid, for programs (the default for one from standard input)')
    .action(async (name: string, { domain, ...options }: UserPasswordOptions) => {
      const given = await readPassword(options.passwordStdin);
      const { id, password } = await withDirectory((directory) => directory.addUser({ name, domain }, given, options));
      console.log(`id: ${id}`);
      tellPassword(password);
    });
  user
    .command('password <name>')
    .description('set a new password, random and printed or read with --password-stdin; tokens issued before it end')
    .option(...domain)
    .option('--password-stdin', 'read the password from standard input', false)
    .option('--must-change', 'the user must change the password before it gives a token (the default for a random one)')
    .option('--no-must-change', 'the password stays valid, for programs (the default for one from standard input)')
    .action(async (name: string, { domain, ...options }: UserPasswordOptions) => {
      const given = await readPassword(options.passwordStdin);
      tellPassword(await withDirectory((directory) => directory.setPassword({ name, domain }, given, options)));
    });
  for (const [verb, enabled] of [
    ['disable', false],
    ['enable', true],
  ] as const) {
    user
      .command(`${verb} <name>`)
      .description(`${verb} a user; takes effect within ${FRESH_MS / 1000} seconds for tokens in use`)
      .option(...domain)
      .action((name: string, options: { domain: string }) =>
        withDirectory((directory) => directory.setEnabled({ name, domain: options.domain }, enabled)),
      );
  }
  user
    .command('reset-totp <name>')
    .description('remove the one-time passwords of a user who has lost the device')
    .option(...domain)
    .action(async (name: string, options: { domain: string }) => {
      const had = await withDirectory((directory) => directory.resetTotp({ name, domain: options.domain }));
      console.log(had ? 'done' : 'nothing to do');
    });
  user
    .command('list')
    .description('list users with their roles, one JSON object a line')
    .action(async () => {
      for (const each of await withDirectory((directory) => directory.listUsers())) console.log(JSON.stringify(each));
    });

  const project = iam.command('project').description('projects');
  project
    .command('add <name>')
    .description('add a project')
    .option(...domain)
    .option('--description <text>', 'description', '')
    .action(async (name: string, options: { domain: string; description: string }) => {
      const { id } = await withDirectory((directory) => directory.addProject({ name, domain: options.domain }, options.description));
      console.log(`id: ${id}`);
    });
  project
    .command('list')
    .description('list projects, one JSON object a line')
    .action(async () => {
      for (const each of await withDirectory((directory) => directory.listProjects())) console.log(JSON.stringify(each));
    });

  addGroups(iam, domain);
  addPolicies(iam, domain);

  for (const verb of ['grant', 'revoke'] as const) {
    iam
      .command(verb)
      .description(`${verb} a role in a project`)
      .option('--user <name>', 'user, or')
      .option('--group <name>', 'group')
      .requiredOption('--project <name>', 'project')
      .requiredOption('--role <name>', 'role: "APIG Administrator", "APIG FullAccess", "APIG ReadOnlyAccess" or a policy of the domain')
      .option(...domain)
      .action(async (options: { user?: string; group?: string; project: string; role: string; domain: string }) => {
        const changed = await withDirectory((directory) => directory[verb](options));
        console.log(changed ? 'done' : 'nothing to do');
      });
  }
  return iam;
}

type DomainOption = readonly [flags: string, description: string, value: string];

function addGroups(iam: Command, domain: DomainOption): void {
  const group = iam.command('group').description('groups of users');
  group
    .command('add <name>')
    .description('add a group without users and roles')
    .option(...domain)
    .option('--description <text>', 'description', '')
    .action(async (name: string, options: { domain: string; description: string }) => {
      const { id } = await withGroups((access) => access.addGroup({ name, domain: options.domain }, options.description));
      console.log(`id: ${id}`);
    });
  group
    .command('delete <name>')
    .description('delete a group; its users lose its roles')
    .option(...domain)
    .action((name: string, options: { domain: string }) => withGroups((access) => access.deleteGroup({ name, domain: options.domain })));
  for (const verb of ['join', 'leave'] as const) {
    group
      .command(`${verb} <name>`)
      .description(verb === 'join' ? 'put a user into a group' : 'take a user out of a group')
      .requiredOption('--user <name>', 'user')
      .option(...domain)
      .action((name: string, options: { user: string; domain: string }) =>
        withGroups((access) => access[verb]({ group: name, ...options })),
      );
  }
  group
    .command('list')
    .description('list groups with their users and roles, one JSON object a line')
    .action(async () => {
      for (const each of await withGroups((access) => access.listGroups())) console.log(JSON.stringify(each));
    });
}

function addPolicies(iam: Command, domain: DomainOption): void {
  const policy = iam.command('policy').description('policies of a domain (docs/permissions.md has the actions)');
  policy
    .command('put <name>')
    .description('create a policy, or change it for everybody who has it')
    .requiredOption(
      '--file <path>',
      'the policy: {"Version":"1.1","Statement":[{"Effect":"Allow","Action":["apig:*:get*"]}]}; - reads standard input',
    )
    .option(...domain)
    .option('--description <text>', 'description')
    .action(async (name: string, options: { file: string; domain: string; description?: string }) => {
      const given = { policy: readJson(options.file), description: options.description };
      const { id } = await withAccess((access) => access.putPolicy({ name, domain: options.domain }, given));
      console.log(`id: ${id}`);
    });
  policy
    .command('delete <name>')
    .description('delete a policy; everybody who has it loses it')
    .option(...domain)
    .action((name: string, options: { domain: string }) => withAccess((access) => access.deletePolicy({ name, domain: options.domain })));
  policy
    .command('list')
    .description('list the policies of all domains, one JSON object a line')
    .action(async () => {
      for (const each of await withAccess((access) => access.listPolicies())) console.log(JSON.stringify(each));
    });
}

function readJson(file: string): unknown {
  const text = readFileSync(file === '-' ? 0 : file, 'utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error(`${file} is not valid JSON`);
  }
}
