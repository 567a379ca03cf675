import { IamAdminService } from '../../identity/iam/iam-admin.service.js';
import { withServices } from './context.js';
import { needEmbeddedIam } from './embedded-iam.js';

type Environment = NodeJS.ProcessEnv;

export async function migrate(env: Environment): Promise<void> {
  await withServices(env, async () => console.log('The database is up to date.'), { makes: true });
}

/**
 * Prints only a token, without asking for a password, for scripts.
 * @throws Error outside local mode, where access to the database and key must not mean access as any user
 */
export async function token(env: Environment, { user, project }: { user: string; project: string }): Promise<void> {
  await withServices(env, async (services, config) => {
    needEmbeddedIam(config);
    if (config.mode !== 'local') throw new Error('signet admin token works in the local mode only; elsewhere, use POST /v3/auth/tokens');
    console.log((await services.get(IamAdminService, { strict: false }).issueToken(user, project)).token);
  });
}
