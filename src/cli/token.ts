import { ConfigError } from '../config/config.js';
import { IamAdminService } from '../iam/iam-admin.service.js';
import { withServices } from './context.js';

/**
 * `signet token`: prints a token and nothing else, so that `TOKEN=$(signet token …)` works.
 * @throws ConfigError in production, where a token costs a password
 */
export async function printToken(env: NodeJS.ProcessEnv, { user, project }: { user: string; project: string }): Promise<void> {
  const token = await withServices(env, async (services, config) => {
    if (config.mode !== 'local') throw new ConfigError(['signet token is for SIGNET_MODE=local; ask POST /v3/auth/tokens for a token']);
    return (await services.get(IamAdminService, { strict: false }).issueToken(user, project)).token;
  });
  console.log(token);
}
