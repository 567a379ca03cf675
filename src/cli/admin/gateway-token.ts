import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { MACHINE_ROLES, type MachineRole } from '../../platform/common/access.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import type { GatewayTokens } from '../../distribution/credentials/gateway-tokens.service.js';

interface InInstance {
  instance: string;
  project: string;
}

interface Bound {
  expiresAt?: string;
  clientCertificate?: string;
}

type Given = Partial<InInstance> & Bound;

/**
 * Merges the options of the parent command: Commander gives an option that both define to the parent. @throws Error without an instance
 */
function needed({ instance, project = 'default', ...bound }: Given): InInstance & Bound {
  if (instance === undefined) throw new Error('--instance <id> is needed');
  return { instance, project, ...bound };
}

/** Runs `work` with the gateway tokens of the configured database. @throws Error when the project has no such instance */
async function withTokens<T>(
  { instance, project }: InInstance,
  work: (tokens: GatewayTokens, scope: InstanceScope) => Promise<T>,
): Promise<T> {
  const [{ withServices }, { GatewayTokens: Tokens }, { Database }, { DEFAULT_DOMAIN }, { ApiFault }] = await Promise.all([
    import('./context.js'),
    import('../../distribution/credentials/gateway-tokens.service.js'),
    import('../../platform/database/database.js'),
    import('../../identity/iam/iam-file.js'),
    import('../../platform/common/api-error.js'),
  ]);
  const worked = withServices(process.env, async (services) => {
    const [found] = await services.get(Database, { strict: false }).rows<{ projectId: string }>(
      `SELECT p.id AS projectId FROM instances i JOIN projects p ON p.id = i.project_id JOIN domains d ON d.id = p.domain_id
       WHERE i.id = ? AND (p.id = ? OR (p.name = ? AND d.name = ?))`,
      [instance, project, project, DEFAULT_DOMAIN],
    );
    if (!found) throw new Error(`the project ${project} has no instance ${instance}`);
    return work(services.get(Tokens, { strict: false }), { projectId: found.projectId, instanceId: instance });
  });
  return worked.catch((error: unknown) => {
    if (!(error instanceof ApiFault)) throw error;
    throw error.kind === 'not_found' ? new Error('there is no such credential', { cause: error }) : error;
  });
}

const author = async () => (await import('../../identity/projects/operator.js')).operator('signet-cli');

/** The limits in the API's form. @throws Error for a file without a certificate, and for an invalid time */
function boundsOf({ expiresAt, clientCertificate }: Bound): { expires_at?: string; client_certificate_sha256?: string } {
  if (expiresAt !== undefined && Number.isNaN(Date.parse(expiresAt))) throw new Error(`--expires-at ${expiresAt} is no time`);
  return {
    ...(expiresAt !== undefined && { expires_at: new Date(expiresAt).toISOString() }),
    ...(clientCertificate !== undefined && {
      client_certificate_sha256: new X509Certificate(readFileSync(clientCertificate)).fingerprint256,
    }),
  };
}

/** `signet admin gateway-token …`: credentials of a gateway's nodes and verifiers. Prints tokens alone, for scripts. */
export function gatewayTokenCommand(): Command {
  const instance = ['--instance <id>', 'id of the gateway'] as const;
  const project = ['--project <name>', 'project: its name in the domain default, or its id', 'default'] as const;
  const end = ['--expires-at <time>', 'when it expires, such as 2027-01-31T00:00:00Z'] as const;
  const certificate = ['--client-certificate <file>', 'accept it only with this client certificate (PEM)'] as const;
  const command = new Command('gateway-token')
    .description('create a credential for the nodes or verifiers of a gateway and print its token, which is shown only once')
    .option(...instance)
    .option(...project)
    .addOption(new Option('--role <role>', 'what it is for').choices(MACHINE_ROLES).default('gateway'))
    .option('--name <text>', 'for people', '')
    .option(...end)
    .option(...certificate)
    .action(async ({ role, name, ...given }: Given & { role: MachineRole; name: string }) => {
      const where = needed(given);
      const input = { role, name, ...boundsOf(where) };
      const caller = await author();
      console.log((await withTokens(where, (tokens, scope) => tokens.create(scope, input, caller))).token);
    });
  command
    .command('renew <id>')
    .description('create a replacement for a credential and print its token; the old credential ends after the overlap')
    .option(...instance)
    .option(...project)
    .option(...end)
    .option(...certificate)
    .option('--overlap <seconds>', 'how long the old one is still accepted at most', '86400')
    .action(async (id: string, { overlap }: { overlap: string }, renew: Command) => {
      const where = needed(renew.optsWithGlobals<Given>());
      if (!/^\d{1,7}$/.test(overlap) || Number(overlap) > 90 * 86_400) throw new Error('--overlap must be 0 to 7776000 seconds');
      const input = { overlap_seconds: Number(overlap), ...boundsOf(where) };
      const caller = await author();
      console.log((await withTokens(where, (tokens, scope) => tokens.renew(scope, id, input, caller))).token);
    });
  command
    .command('list')
    .description('list credentials with their expiry and sessions, one JSON object a line')
    .option(...instance)
    .option(...project)
    .action(async (_: unknown, list: Command) => {
      const where = needed(list.optsWithGlobals<Given>());
      const { gateway_tokens } = await withTokens(where, (tokens, scope) => tokens.list(scope));
      for (const each of gateway_tokens) console.log(JSON.stringify(each));
    });
  command
    .command('revoke <id>')
    .description('revoke a credential; its processes can acknowledge nothing any more, and receipts wait for their leases')
    .option(...instance)
    .option(...project)
    .action(async (id: string, _: unknown, revoke: Command) => {
      const where = needed(revoke.optsWithGlobals<Given>());
      const caller = await author();
      await withTokens(where, (tokens, scope) => tokens.revoke(scope, id, caller));
      console.log('done');
    });
  return command;
}
