import { AuditTrailService } from '../audit/audit-trail.service.js';
import { IamAdminService } from '../iam/iam-admin.service.js';
import { withServices } from './context.js';

type Environment = NodeJS.ProcessEnv;

export async function migrate(env: Environment): Promise<void> {
  await withServices(env, async () => console.log('The database is up to date.'));
}

/**
 * Prints a token that needed no password, and nothing else, so that a script can take it.
 * @throws Error outside the local mode, where whoever reaches the database and the key is not thereby every user
 */
export async function token(env: Environment, { user, project }: { user: string; project: string }): Promise<void> {
  await withServices(env, async (services, { mode }) => {
    if (mode !== 'local') throw new Error('signet token works in the local mode only; elsewhere ask POST /v3/auth/tokens');
    console.log((await services.get(IamAdminService, { strict: false }).issueToken(user, project)).token);
  });
}

/** Prints what was walked and every fault; the exit code is 1 when there is one. */
export async function verifyAudit(env: Environment): Promise<void> {
  const { chains, events, faults } = await withServices(env, (services) => services.get(AuditTrailService, { strict: false }).verify());
  for (const { scopeId, seq, fault } of faults) console.error(`${scopeId} #${seq}: ${fault}`);
  console.log(`${events} events in ${chains} chains: ${faults.length === 0 ? 'intact' : `${faults.length} faults`}`);
  if (faults.length > 0) process.exitCode = 1;
}
