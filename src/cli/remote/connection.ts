import { apiKey, createSignetClient, type Credentials, items, type SignetClient, token } from 'signet-client';
import { accessKey } from 'signet-client/aksk';
import { type CommandLineConfig, readCommandLineConfig } from '../../platform/config/command-line-config.js';
import { ConfigError } from '../../platform/config/values.js';
import { Exit, usage } from '../exit-codes.js';
import type { Io } from '../io.js';
import { type ConnectionOptions, type Format, type FormatOptions, type GatewayOptions } from './options.js';
import { Result } from './output.js';
import { type Profile, Profiles, type Proof } from './profiles.js';

export const DEFAULT_URL = 'http://127.0.0.1:8700';

/** The service as one caller, and where the result goes. */
export interface Connection {
  readonly io: Io;
  readonly client: SignetClient;
  readonly out: Result;
  readonly url: string;
  /** @throws Exit `usage` when the credential names no project and none is given */
  readonly projectId: () => Promise<string>;
  /** Path parameters of one gateway. @throws Exit `not_found` when there is none of that name, or it is not clear which one */
  readonly gateway: () => Promise<{ project_id: string; instance_id: string }>;
}

export const format = ({ output, json }: FormatOptions): Format => {
  if (json === true && output !== undefined && output !== 'json') throw usage('give --json or --output, not both');
  return json === true ? 'json' : (output ?? 'table');
};

/** @throws Exit `usage` naming every fault of the environment */
export function environmentOf({ env }: Io): CommandLineConfig {
  try {
    return readCommandLineConfig(env);
  } catch (error) {
    throw error instanceof ConfigError ? usage(error.message) : error;
  }
}

function proofIn({ token: bearer, apiKey: key, accessKey: pair }: CommandLineConfig): Proof | undefined {
  if (bearer !== undefined) return { kind: 'token', token: bearer.reveal() };
  if (key !== undefined) return { kind: 'api-key', api_key: key.reveal() };
  return pair && { kind: 'access-key', access: pair.access, secret: pair.secret.reveal() };
}

/** @throws Exit `usage`, without the text: it may have a password */
export function serviceUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw usage('the address of the service is a URL, such as https://signet.example.com');
  }
  if (!['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw usage('the address of the service is http or https, without user, password, query and fragment');
  return url.href.replace(/\/$/, '');
}

interface Caller {
  readonly url: string;
  readonly proof: Proof;
  readonly profile: Profile | undefined;
}

/**
 * Which service is called, and as whom. A credential goes to the address that it was stored for, and to no other.
 * @throws Exit `denied` without a credential
 */
async function caller(io: Io, config: CommandLineConfig, options: ConnectionOptions): Promise<Caller> {
  const name = options.profile ?? config.profile;
  const inEnvironment = proofIn(config);
  const given = options.url ?? config.url;
  const url = given === undefined ? undefined : serviceUrl(given);
  // An explicit profile counts more than a credential that happens to be in the environment.
  if (options.profile === undefined && inEnvironment !== undefined)
    return { url: url ?? DEFAULT_URL, proof: inEnvironment, profile: undefined };
  const profile = await new Profiles(io).read(name);
  if (profile === undefined) throw new Exit('denied', `there is no profile ${name} and no credential in the environment: signet login`);
  if (url !== undefined && url !== profile.url)
    throw new Exit(
      'denied',
      `the credential of the profile ${name} is for ${profile.url}, not for ${url}: sign in there with another --profile`,
    );
  return { url: profile.url, proof: profile.proof, profile };
}

export function credentialsOf(proof: Proof, projectId?: string): Credentials {
  try {
    if (proof.kind === 'token') return token(proof.token);
    if (proof.kind === 'api-key') return apiKey(proof.api_key);
    return accessKey({ access: proof.access, secret: proof.secret, ...(projectId !== undefined && { projectId }) });
  } catch (error) {
    throw usage((error as Error).message);
  }
}

export async function connect(io: Io, options: GatewayOptions): Promise<Connection> {
  const out = new Result(io, format(options));
  const config = environmentOf(io);
  const { url, proof, profile } = await caller(io, config, options);
  const given = options.project ?? config.project ?? profile?.project_id;
  const client = createSignetClient({ baseUrl: url, credentials: credentialsOf(proof, given) });
  let projectId = given;
  const project = async () => {
    projectId ??= await projectOf(client);
    if (projectId === undefined) throw usage('the credential is of no project: name one with --project or SIGNET_PROJECT');
    return projectId;
  };
  return {
    io,
    client,
    out,
    url,
    projectId: project,
    async gateway() {
      const name = options.gateway ?? config.gateway ?? profile?.gateway;
      return gatewayNamed(client, await project(), name);
    },
  };
}

/** The project of the caller's credential. */
const projectOf = async (client: SignetClient): Promise<string | undefined> =>
  (await client.GET('/signet/v1/me/permissions')).data.project_id ?? undefined;

async function gatewayNamed(client: SignetClient, project_id: string, name: string | undefined) {
  const list = '/v2/{project_id}/apigw/instances';
  const found = (await all(items(client, list, { params: { path: { project_id } } }))).filter(
    (each) => name === undefined || each.id === name || each.instance_name === name,
  );
  // An id counts more than a gateway that is called like it.
  const chosen = only('gateway', name, found.find(({ id }) => id === name) ? found.filter(({ id }) => id === name) : found, ({ id }) => id);
  return { project_id, instance_id: chosen.id };
}

/** Every item of a list. */
export async function all<Item>(list: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of list) found.push(item);
  return found;
}

/** The one that was meant. @throws Exit `not_found` for none, and for several */
export function only<Item>(what: string, name: string | undefined, found: readonly Item[], id: (item: Item) => string): Item {
  const [first] = found;
  if (first === undefined) throw new Exit('not_found', name === undefined ? `there is no ${what}` : `there is no ${what} ${name}`);
  if (found.length === 1) return first;
  const ids = found.map(id).join(', ');
  throw new Exit(
    'not_found',
    name === undefined
      ? `there are several of kind ${what}; name one: ${ids}`
      : `${found.length} of kind ${what} are called ${name}; use an id: ${ids}`,
  );
}
