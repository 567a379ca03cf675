import { Command, Option } from 'commander';
import { API_KEY_MODES, type ApiKeyMode } from '../common/principal.js';
import type { ApiKeysService } from '../endpoints/api-keys.service.js';

interface InProject {
  project: string;
  domain: string;
}

/** Runs `work` with the API keys of the database that the environment names. @throws Error when there is no such project */
async function withApiKeys<T>(
  { project, domain }: InProject,
  work: (keys: ApiKeysService, scope: { projectId: string }) => Promise<T>,
): Promise<T> {
  const [{ withServices }, { ApiKeysService: Keys }, { Database }] = await Promise.all([
    import('./context.js'),
    import('../endpoints/api-keys.service.js'),
    import('../database/database.js'),
  ]);
  return withServices(process.env, async (services) => {
    const sql = 'SELECT p.id AS projectId FROM projects p JOIN domains d ON d.id = p.domain_id WHERE p.name = ? AND d.name = ?';
    const [scope] = await services.get(Database, { strict: false }).rows<{ projectId: string }>(sql, [project, domain]);
    if (!scope) throw new Error(`there is no project ${project} in the domain ${domain}`);
    return work(services.get(Keys, { strict: false }), scope);
  });
}

const author = async () => (await import('../projects/operator.js')).operator('signet-cli');

/** `signet api-key …`: what machines show below /v1; how a project gets its first key without a token. */
export function apiKeyCommand(): Command {
  const apiKey = new Command('api-key').description('API keys of a project, for the webhook API below /v1');
  const project = ['--project <name>', 'project', 'default'] as const;
  const domain = ['--domain <name>', 'domain', 'default'] as const;
  apiKey
    .command('create')
    .description('make an API key and print it, which is not shown again')
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
