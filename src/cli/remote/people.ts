import { Command, Option } from 'commander';
import { ProgramEnded } from '../exit-codes.js';
import type { Io } from '../io.js';
import type { TailOptions } from './audit-tail.js';
import { keysCommand } from './keys.js';
import type { MaterialOptions } from './signing-material.js';
import { count, running, seconds, withConnection, withFormat, withGateway, withWait, withYes } from './options.js';

/** The commands that call the service, or work on files alone. None of them opens the database. */
export function peopleCommands(io: Io): Command[] {
  return [
    loginCommand(io),
    logoutCommand(io),
    profilesCommand(io),
    whoamiCommand(io),
    gatewaysCommand(io),
    keysCommand(io),
    apisCommand(io),
    nodesCommand(io),
    receiptsCommand(io),
    endpointsCommand(io),
    messagesCommand(io),
    auditCommand(io),
    verifyCommand(io),
    explainCommand(io),
    signCommand(io),
  ];
}

const session = () => import('./login.js');
const gateway = () => import('./gateway-actions.js');
const webhooks = () => import('./webhook-actions.js');
const local = () => import('./verify-actions.js');

const loginCommand = (io: Io) =>
  withFormat(new Command('login'))
    .description('sign in, and store the credential in a profile; secrets are typed at a terminal, or come from a file or standard input')
    .option('--url <url>', 'address of the service (SIGNET_URL, http://127.0.0.1:8700)')
    .option('--profile <name>', 'name of the profile (SIGNET_PROFILE, default)')
    .option('--user <name>', 'with a password: name of the user')
    .option('--domain <name>', 'domain of the user and the project', 'default')
    .option('--project <name>', 'name of the project (default); with an access key, its id')
    .option('--gateway <name>', 'id or name of the gateway that commands of this profile work on')
    .option('--token', 'with a token instead of a password')
    .option('--api-key', 'with an API key, for webhooks')
    .option('--access-key <access>', 'with an access key (AK), whose secret key is asked for')
    .option('--stdin', 'read the secret from standard input')
    .option('--file <file>', 'read the secret from a file')
    .option('--allow-http', 'send the credential in clear to another machine')
    .action(running(io, async () => (await session()).login));

const logoutCommand = (io: Io) =>
  new Command('logout')
    .description('revoke the token of a profile, and delete the profile')
    .option('--profile <name>', 'name of the profile (SIGNET_PROFILE, default)')
    .action(running(io, async () => (await session()).logout));

const profilesCommand = (io: Io) =>
  withFormat(new Command('profiles'))
    .description('list the profiles, without their secrets')
    .action(running(io, async () => (await session()).profiles));

const whoamiCommand = (io: Io) =>
  withConnection(new Command('whoami'))
    .description('show as whom, in which project and with which roles commands call the service')
    .action(running(io, async () => (await session()).whoami));

const gatewaysCommand = (io: Io) =>
  withConnection(new Command('gateways'))
    .description('list the gateways of the project')
    .action(running(io, async () => (await gateway()).gateways));

function apisCommand(io: Io): Command {
  const apis = new Command('apis').description('APIs, which keys are bound to');
  const environment = ['--env <name>', 'id or name of the environment (RELEASE)'] as const;
  withGateway(apis.command('list'))
    .description('list APIs, and where they are published')
    .option('--name <text>', 'only APIs with this text in their name')
    .action(running(io, async () => (await gateway()).apis));
  withGateway(apis.command('create <name>'))
    .description('create an API; gateway nodes forward its requests to the backend of their configuration')
    .addOption(
      new Option('--method <method>', 'of its requests')
        .choices(['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS', 'ANY'])
        .default('ANY'),
    )
    .requiredOption('--path <path>', 'of its requests, such as /orders')
    .option('--group <name>', 'id or name of its group (default_group, which is created when it is missing)')
    .option('--publish', 'and publish it')
    .option(...environment)
    .action(running(io, async () => (await gateway()).createApi));
  withGateway(apis.command('publish <api>'))
    .description('publish an API in an environment')
    .option(...environment)
    .action(running(io, async () => (await gateway()).publishApi));
  withYes(withWait(withGateway(apis.command('offline <api>'))))
    .description('take an API offline in an environment, where its key is unbound')
    .option(...environment)
    .action(running(io, async () => (await gateway()).unpublishApi));
  withYes(withGateway(apis.command('delete <api>')))
    .description('take an API offline in every environment, and delete it')
    .action(running(io, async () => (await gateway()).deleteApi));
  return apis;
}

function nodesCommand(io: Io): Command {
  const nodes = new Command('nodes').description('processes that sign or verify with the keys of a gateway');
  withGateway(nodes.command('list'))
    .description('list the sessions of gateway nodes')
    .action(running(io, async () => (await gateway()).nodes));
  withGateway(nodes.command('verifiers'))
    .description('list the verifiers of backends')
    .action(running(io, async () => (await gateway()).verifiers));
  withYes(withGateway(nodes.command('vouch <session>')))
    .description('vouch that the process of a session is dead; receipts then do not wait for it, and show this')
    .action(running(io, async () => (await gateway()).vouch));
  return nodes;
}

function receiptsCommand(io: Io): Command {
  const receipts = new Command('receipts').description('receipts: which processes still sign with what a write has ended');
  withConnection(receipts.command('show <receipt>'))
    .description('show a receipt, by the path that the write has printed')
    .action(running(io, async () => (await gateway()).receipt));
  withConnection(receipts.command('watch <receipt>'))
    .description('wait until a receipt is complete')
    .option('--timeout <seconds>', 'how long', seconds, 600)
    .action(running(io, async () => (await gateway()).watchReceipt));
  return receipts;
}

function endpointsCommand(io: Io): Command {
  const endpoints = new Command('endpoints').description('endpoints, to which signed webhooks are delivered; by id or URL');
  withConnection(endpoints.command('list'))
    .description('list endpoints')
    .action(running(io, async () => (await webhooks()).endpoints));
  withConnection(endpoints.command('create <url>'))
    .description('create an endpoint and print its first signing key')
    .option('--description <text>', 'for people')
    .action(running(io, async () => (await webhooks()).createEndpoint));
  withConnection(endpoints.command('show <endpoint>'))
    .description('show an endpoint, and whether it fails')
    .action(running(io, async () => (await webhooks()).showEndpoint));
  withWait(withConnection(endpoints.command('pause <endpoint>')))
    .description('deliver nothing for now; messages wait')
    .action(running(io, async () => (await webhooks()).pauseEndpoint));
  withConnection(endpoints.command('resume <endpoint>'))
    .description('deliver again, first what has waited')
    .action(running(io, async () => (await webhooks()).resumeEndpoint));
  withYes(withWait(withConnection(endpoints.command('delete <endpoint>'))))
    .description('delete an endpoint with its signing keys')
    .action(running(io, async () => (await webhooks()).deleteEndpoint));
  const keys = endpoints.command('keys').description('the one or two signing keys of an endpoint');
  withConnection(keys.command('list <endpoint>'))
    .description('list signing keys, without their secrets')
    .action(running(io, async () => (await webhooks()).signingKeys));
  withWait(withConnection(keys.command('add <endpoint>')))
    .description('add a second signing key and print its secret; deliveries then carry both signatures')
    .addOption(new Option('--type <type>', 'how it signs').choices(['hmac', 'ed25519']))
    .option('--secret-file <file>', 'file with the secret instead of a generated one; - is standard input')
    .option('--overlap <seconds>', 'when the older key expires', seconds)
    .action(running(io, async () => (await webhooks()).addSigningKey));
  withYes(withWait(withConnection(keys.command('delete <endpoint> <key>'))))
    .description('delete a signing key, unless it is the last')
    .action(running(io, async () => (await webhooks()).deleteSigningKey));
  return endpoints;
}

function messagesCommand(io: Io): Command {
  const messages = new Command('messages').description('webhook messages');
  withConnection(messages.command('list'))
    .description('list messages, the newest first')
    .option('--endpoint <endpoint>', 'only those of an endpoint, by id or URL')
    .addOption(
      new Option('--status <status>', 'only those in this state').choices([
        'queued',
        'delivering',
        'succeeded',
        'pending_retry',
        'failed_permanent',
        'paused',
      ]),
    )
    .option('--limit <number>', 'at most so many', count, 50)
    .action(running(io, async () => (await webhooks()).messages));
  withConnection(messages.command('show <message>'))
    .description('show a message')
    .action(running(io, async () => (await webhooks()).showMessage));
  withConnection(messages.command('attempts <message>'))
    .description('list the attempts to deliver a message')
    .action(running(io, async () => (await webhooks()).attempts));
  withConnection(messages.command('send <endpoint>'))
    .description('send a message to an endpoint')
    .option('--payload <file>', 'file with one JSON object; - is standard input', '-')
    .option('--idempotency-key <text>', 'send it once, however often this command runs')
    .action(running(io, async () => (await webhooks()).send));
  withConnection(messages.command('replay <message>'))
    .description('deliver a message once more')
    .action(running(io, async () => (await webhooks()).replay));
  withYes(withConnection(messages.command('cancel <message>')))
    .description('give up the delivery of a message')
    .action(running(io, async () => (await webhooks()).cancelMessage));
  return messages;
}

function auditCommand(io: Io): Command {
  const audit = new Command('audit').description('what was done in the project, and by whom');
  withConnection(audit.command('tail'))
    .description('print the newest events of the audit trail, the newest last')
    .option('--limit <number>', 'at most so many', count, 20)
    .option('--resource <id>', 'only events of the resource with this id')
    .option('--action <action>', 'only this action, such as DeleteSignatureKey')
    .option('-f, --follow', 'go on with new events until it is interrupted')
    .option('--every <seconds>', 'with --follow: how often to ask', seconds, 2)
    .action(async (options: TailOptions) => (await import('./audit-tail.js')).tail(io, options));
  return audit;
}

const withMaterial = (command: Command): Command =>
  withGateway(command)
    .option(
      '--material <file>',
      'JSON file with sign_type, sign_key and sign_secret, as keys show --reveal --json prints; - is standard input',
    )
    .option('--key <name>', 'key of the service, by id or name; the audit trail records that its secret was revealed');

const verifyCommand = (io: Io) =>
  withMaterial(new Command('verify'))
    .description('verify a recorded request: request line, headers, an empty line, body')
    .argument('[file]', 'file with the request; - is standard input', '-')
    .option('--at <instant>', 'as if it had arrived then, in UTC, e.g. 2026-01-31T00:00:00Z')
    .option('--skew <seconds>', 'how far X-Sdk-Date may be from then (900)', seconds)
    .option('--header <name>', 'header with the signature (Authorization)')
    .option('--allow-unsigned-body', 'accept UNSIGNED-PAYLOAD')
    .action(running(io, async () => (await local()).verify));

const explainCommand = (io: Io) =>
  withFormat(new Command('explain'))
    .description('show the first difference between a request as received and as signed')
    .argument('<received>', 'file with the request as it arrived; - is standard input')
    .argument('<signed>', "file with the request as it was sent, or with the signer's canonical request")
    .option('--header <name>', 'header with the signature (Authorization)')
    .action(running(io, async () => (await local()).explain));

function signCommand(io: Io): Command {
  const sign = withMaterial(new Command('sign'))
    .description('sign a request as a gateway does')
    .option('--run', 'run the command instead of printing it; it then exits with the code of curl')
    .enablePositionalOptions();
  sign
    .command('curl')
    .description('print a curl command with its signature; options of signet stand before the word curl')
    .argument('[arguments...]', 'arguments of curl: URL, -X, -H, -d, --data-binary @file and others; refused if unknown')
    .helpOption('--help', 'display help for command')
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (args: string[]) => {
      const code = await (await import('./sign-curl.js')).signCurl(io, args, sign.opts<MaterialOptions & { run?: boolean }>());
      if (code !== 0) throw new ProgramEnded(code);
    });
  return sign;
}
