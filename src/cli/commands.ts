import { IamAdminService } from '../iam/iam-admin.service.js';
import { DEFAULT_DOMAIN } from '../iam/iam-file.js';
import type { MachineRole } from '../common/principal.js';
import { Database } from '../database/database.js';
import { GatewayTokens } from '../distribution/gateway-tokens.service.js';
import { operator } from '../projects/operator.js';
import { withServices } from './context.js';
import { needEmbeddedIam } from './embedded-iam.js';

type Environment = NodeJS.ProcessEnv;

export async function migrate(env: Environment): Promise<void> {
  await withServices(env, async () => console.log('The database is up to date.'));
}

/**
 * Prints a token that needed no password, and nothing else, so that a script can take it.
 * @throws Error outside the local mode, where whoever reaches the database and the key is not thereby every user
 */
export async function token(env: Environment, { user, project }: { user: string; project: string }): Promise<void> {
  await withServices(env, async (services, config) => {
    needEmbeddedIam(config);
    if (config.mode !== 'local') throw new Error('signet token works in the local mode only; elsewhere ask POST /v3/auth/tokens');
    console.log((await services.get(IamAdminService, { strict: false }).issueToken(user, project)).token);
  });
}

/**
 * Makes a machine credential and prints its token, and nothing else, so that a script can take it.
 * @throws Error when the project has no such instance
 */
export async function gatewayToken(
  env: Environment,
  { instance, project, role, name }: { instance: string; project: string; role: MachineRole; name: string },
): Promise<void> {
  await withServices(env, async (services) => {
    const [found] = await services.get(Database, { strict: false }).rows<{ projectId: string }>(
      `SELECT p.id AS projectId FROM instances i JOIN projects p ON p.id = i.project_id JOIN domains d ON d.id = p.domain_id
       WHERE i.id = ? AND (p.id = ? OR (p.name = ? AND d.name = ?))`,
      [instance, project, project, DEFAULT_DOMAIN],
    );
    if (!found) throw new Error(`the project ${project} has no instance ${instance}`);
    const scope = { projectId: found.projectId, instanceId: instance };
    const { token } = await services.get(GatewayTokens, { strict: false }).create(scope, { role, name }, operator('signet-cli'));
    console.log(token);
  });
}
