import { Command, Option } from 'commander';
import { API_KEY_MODES, type ApiKeyMode } from '../../platform/common/access.js';
import { projectNamed } from './named.js';
import type { ApiKeysService } from '../../webhooks/api-keys/api-keys.service.js';

interface InProject {
  project: string;
  domain: string;
}

/** Runs `work` with the API keys of the configured database. @throws Error when there is no such project */
async function withApiKeys<T>(
  { project, domain }: InProject,
  work: (keys: ApiKeysService, scope: { projectId: string }) => Promise<T>,
): Promise<T> {
  const [{ withServices }, { ApiKeysService: Keys }, { Database }] = await Promise.all([
    import('./context.js'),
    import('../../webhooks/api-keys/api-keys.service.js'),
    import('../../platform/database/database.js'),
  ]);
  return withServices(process.env, async (services) => {
    const scope = { projectId: await projectNamed(services.get(Database, { strict: false }), project, domain) };
    return work(services.get(Keys, { strict: false }), scope);
  });
}

const author = async () => (await import('../../identity/projects/operator.js')).operator('signet-cli');

/** `signet admin api-key …`: credentials for the webhook API below /v1. Creates a project's first key without a token. */
export function apiKeyCommand(): Command {
  const apiKey = new Command('api-key').description('API keys of a project, for the webhook API below /v1');
  const project = ['--project <project>', 'project: its name in the domain, or its id', 'default'] as const;
  const domain = ['--domain <name>', 'domain', 'default'] as const;
  apiKey
    .command('create')
    .description('create an API key and print it; it is shown only once')
    .option(...project)
    .option(...domain)
    .option('--label <text>', 'for people')
    .addOption(new Option('--mode <mode>', 'how the key begins').choices(API_KEY_MODES).default('live'))
    .action(async ({ label, mode, ...where }: InProject & { label?: string; mode: ApiKeyMode }) => {
      if (label !== undefined && label.length > 255) throw new Error('--label has at most 255 characters');
      const caller = await author();
      const { key } = await withApiKeys(where, (keys, scope) =>
        keys.create(scope, { mode, ...(label !== undefined && { label }) }, caller),
      );
      console.log(key);
    });
  apiKey
    .command('list')
    .description('list API keys, one JSON object a line')
    .option(...project)
    .option(...domain)
    .action(async (where: InProject) => {
      for (const each of await withApiKeys(where, (keys, scope) => keys.list(scope))) console.log(JSON.stringify(each));
    });
  apiKey
    .command('revoke <key-id>')
    .description('revoke an API key; running services refuse it at once')
    .option(...project)
    .option(...domain)
    .action(async (keyId: string, where: InProject) => {
      const caller = await author();
      await withApiKeys(where, (keys, scope) => keys.delete(scope, keyId, caller));
      console.log('done');
    });
  return apiKey;
}
