import { Argument, Command, Option } from 'commander';
import { access } from './access.ts';
import { bindingOperations } from './binding-operations.ts';
import { Client, Wire } from './client.ts';
import { dataPlane } from './data-plane.ts';
import { check, Difference, including } from './expect.ts';
import { Gateway } from './gateway.ts';
import type { Part } from './part.ts';
import { type PartResult, Progress, summarize, tellDifference, tellPassed } from './report.ts';
import { scale } from './scale.ts';
import { seedPage } from './seed-page.ts';
import { Server, type User } from './server.ts';
import { signOperations } from './sign-operations.ts';
import { terraform } from './terraform.ts';
import { WEBHOOK_ENVIRONMENT, webhooks } from './webhooks.ts';

const DIFFERENT = 1;
const NOT_RUN = 2;
const SETTING_THE_STAGE = 'Setting the stage';
/** 35 APIs in three environments: more publications than one page of the provider's takes. */
const APIS = 35;
const PARTS: readonly Part[] = [seedPage, signOperations, bindingOperations, access, terraform, dataPlane, scale];

interface Options {
  mariadb?: string;
  url?: string;
  token?: string;
  project?: string;
  instance?: string;
  readerToken?: string;
}

const program = new Command('npm run demo --')
  .description(
    'Sends every documented request about signature keys and their bindings to a running server and compares each whole answer with the contract. ' +
      'Ends at the first difference with exit code 1; with 2 when it could not run. Without options it starts a server of its own on SQLite and removes it afterwards.',
  )
  .addArgument(
    new Argument(
      '[story]',
      "another story, on a server of the demo's own: webhooks, an endpoint and its keys as its receiver sees them",
    ).choices(['webhooks']),
  )
  .addOption(
    new Option(
      '--mariadb <url>',
      'let its own server keep its data in MariaDB or MySQL: mysql://user:password@host:3306 makes a database and drops it, …/name uses that empty one',
    ).env('DEMO_MARIADB_URL'),
  )
  .addOption(new Option('--url <url>', 'use a server that runs already, with the default limits').conflicts('mariadb'))
  .addOption(new Option('--token <token>', 'with --url: token of a user with full access').env('TOKEN'))
  .option('--project <id>', 'with --url: project of the token')
  .option(
    '--instance <id>',
    'with --url: gateway for parts 1 to 3 in which nothing was done yet; keeps the APIs made there. Left out: a new one, deleted afterwards',
  )
  .option('--reader-token <token>', 'with --url: token of a read-only user of the project')
  // A wrong option is no difference.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : NOT_RUN));

/** Where the requests go, and who sends them. */
interface Target {
  wire: Wire;
  api: Client;
  reader: Client | undefined;
  server: Server | undefined;
}

async function main(options: Options): Promise<void> {
  const results: PartResult[] = [];
  const progress = new Progress();
  let current = SETTING_THE_STAGE;
  const timed = async (title: string, wire: Wire | undefined, work: () => Promise<string>) => {
    current = title;
    progress.begin(title);
    const [start, before] = [performance.now(), wire?.requests ?? 0];
    const proved = await work().finally(() => progress.end());
    results.push({ title, requests: (wire?.requests ?? 0) - before, seconds: (performance.now() - start) / 1000, proved });
    tellPassed(results.at(-1) as PartResult);
  };
  const gateways: Gateway[] = [];
  let target: Target | undefined;
  let interrupted = false;
  const leave = async () => {
    if (target) target.wire.interrupted = false;
    // A gateway of an own server goes with the server.
    if (target && !target.server) for (const gateway of gateways) await gateway.delete().catch(() => {});
    await target?.wire.close();
    await target?.server?.remove();
  };
  // The next request fails then, and the rest is as after any failure.
  const interrupt = () => {
    process.exitCode = NOT_RUN;
    interrupted = true;
    if (target) target.wire.interrupted = true;
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  try {
    target = await open(options);
    const { wire, api, reader, server } = target;
    wire.onRequest = () => progress.step();
    wire.interrupted = interrupted;
    const newGateway = async () => {
      const made = await Gateway.create(api);
      gateways.push(made);
      return made;
    };
    let gateway!: Gateway;
    await timed(SETTING_THE_STAGE, wire, async () => {
      progress.stage(`a gateway with ${APIS} APIs in 3 environments`, APIS + 7);
      gateway = options.instance === undefined ? await newGateway() : await Gateway.existing(api, options.instance);
      await gateway.populate(APIS, ['DEMO_STAGING', 'DEMO_TEST']);
      return `${gateway.model.publications.length} publications`;
    });
    for (const part of PARTS) await timed(part.title, wire, () => part.run({ gateway, api, reader, progress, newGateway }));
    if (server) await timed('Part 6, the audit trail verified', undefined, () => verifyTrail(wire, server));
    summarize(
      results,
      results.filter(({ title }) => title === scale.title || title === dataPlane.title).map(({ proved }) => proved),
    );
  } catch (error) {
    process.exitCode = error instanceof Difference ? DIFFERENT : NOT_RUN;
    if (error instanceof Difference) tellDifference(current, error);
    else console.error(`\n${current}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await leave();
  }
}

async function open(options: Options): Promise<Target> {
  if (options.url !== undefined) {
    const { url, token, project, readerToken } = options;
    if (token === undefined || project === undefined) throw new Error('--url needs --token and --project');
    const wire = new Wire(new URL(url).origin);
    const api = new Client(wire, project, token);
    return { wire, api, reader: readerToken === undefined ? undefined : api.as(readerToken), server: undefined };
  }
  const server = await Server.start(options.mariadb);
  const wire = new Wire(server.baseUrl);
  try {
    const api = await logIn(wire, server.admin);
    return { wire, api, reader: await logIn(wire, server.reader), server };
  } catch (error) {
    await wire.close();
    await server.remove();
    throw error;
  }
}

/** `POST /v3/auth/tokens` with a password (docs/contracts/apig.md §6.1). */
async function logIn(wire: Wire, { name, password }: User): Promise<Client> {
  const body = {
    auth: {
      identity: { methods: ['password'], password: { user: { name, password, domain: { name: 'default' } } } },
      scope: { project: { name: 'default' } },
    },
  };
  const answer = await wire.send('POST', '/v3/auth/tokens', { 'content-type': 'application/json' }, JSON.stringify(body));
  const token = { methods: ['password'], user: including({ name }), project: including({ name: 'default' }) };
  check(`POST /v3/auth/tokens as ${name}`, including({ status: 201, token: including(token) }), { status: answer.status, ...answer.body });
  return new Client(wire, answer.body.token.project.id as string, String(answer.headers['x-subject-token']));
}

/** Stops the server and walks every chain of its audit trail. */
async function verifyTrail(wire: Wire, server: Server): Promise<string> {
  await wire.close();
  check('exit code of signet serve after SIGTERM', 0, await server.stop());
  const { code, output } = await server.run('admin', 'audit', 'verify');
  check(`exit code of signet admin audit verify, which printed: ${output}`, 0, code);
  return output;
}

/** A receiver on loopback, so on a server of its own only. */
async function webhookStory({ mariadb, url }: Options): Promise<void> {
  if (url !== undefined) program.error('error: webhooks runs on a server of its own, not with --url');
  let server: Server | undefined;
  let wire: Wire | undefined;
  try {
    server = await Server.start(mariadb, WEBHOOK_ENVIRONMENT);
    wire = new Wire(server.baseUrl);
    let step = 1;
    await webhooks(await logIn(wire, server.admin), (line) => console.log(`${step++}. ${line}`));
    check('exit code of signet serve after SIGTERM', 0, await server.stop());
    console.log(`All as the contract says: ${wire.requests} requests`);
  } catch (error) {
    process.exitCode = error instanceof Difference ? DIFFERENT : NOT_RUN;
    if (error instanceof Difference) tellDifference('webhooks', error);
    else console.error(`\nwebhooks: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await wire?.close();
    await server?.remove();
  }
}

const [story] = program.parse().processedArgs as [string | undefined];
await (story === 'webhooks' ? webhookStory : main)(program.opts<Options>());
