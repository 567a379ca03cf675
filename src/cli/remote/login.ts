import { createSignetClient, isPasscodeRequired, type SignetClient, userOfExpiredPassword } from 'signet-client';
import { Exit, usage } from '../exit-codes.js';
import { canAsk, type Io } from '../io.js';
import { connect, credentialsOf, DEFAULT_URL, environmentOf, format, serviceUrl } from './connection.js';
import type { ConnectionOptions, FormatOptions } from './options.js';
import { type Columns, Result } from './output.js';
import { Profiles, type Proof } from './profiles.js';
import { ask, secret, type SecretSource } from './prompt.js';

export interface LoginOptions extends FormatOptions, SecretSource {
  readonly profile?: string;
  readonly url?: string;
  readonly user?: string;
  readonly domain: string;
  readonly project?: string;
  readonly gateway?: string;
  readonly token?: boolean;
  readonly apiKey?: boolean;
  readonly accessKey?: string;
  readonly allowHttp?: boolean;
}

interface SignedIn {
  readonly profile: string;
  readonly url: string;
  readonly credential: Proof['kind'];
  readonly user: string | null;
  readonly project_id: string | null;
  readonly expires_at: string | null;
  readonly file: string;
}

const FIELDS: Columns<SignedIn> = {
  PROFILE: ({ profile }) => profile,
  SERVICE: ({ url }) => url,
  CREDENTIAL: ({ credential }) => credential,
  USER: ({ user }) => user,
  PROJECT: ({ project_id }) => project_id,
  EXPIRES: ({ expires_at }) => expires_at,
  FILE: ({ file }) => file,
};

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Checks a credential with the service, and stores it. Nothing is stored when the service does not accept it. */
export async function login(io: Io, options: LoginOptions): Promise<void> {
  const config = environmentOf(io);
  const out = new Result(io, format(options));
  const profiles = new Profiles(io);
  const profile = options.profile ?? config.profile;
  const file = profiles.path(profile);
  if ([options.token, options.apiKey, options.accessKey].filter(Boolean).length > 1)
    throw usage('give one of --token, --api-key and --access-key');
  const url = serviceUrl(options.url ?? config.url ?? DEFAULT_URL);
  const { protocol, hostname } = new URL(url);
  if (protocol === 'http:' && !LOOPBACK.test(hostname) && options.allowHttp !== true)
    throw usage(`everybody on the way to ${hostname} can read the credential: use https, or say --allow-http`);
  const proof = await proofOf(io, url, options);
  const client = createSignetClient({ baseUrl: url, credentials: credentialsOf(proof, options.project) });
  const { user, project_id = options.project } = await whoIs(client, proof);
  await profiles.write(profile, {
    url,
    proof,
    ...(project_id !== undefined && { project_id }),
    ...(options.gateway !== undefined && { gateway: options.gateway }),
    ...(user !== undefined && { user }),
  });
  out.one(
    {
      profile,
      url,
      credential: proof.kind,
      user: user ?? null,
      project_id: project_id ?? null,
      expires_at: proof.kind === 'token' ? (proof.expires_at ?? null) : null,
      file,
    },
    FIELDS,
  );
}

/** Asks the service, which refuses a credential that it does not know. An API key is of no user, and for webhooks alone. */
async function whoIs(client: SignetClient, { kind }: Proof): Promise<{ user?: string; project_id?: string }> {
  if (kind === 'api-key') {
    await client.GET('/v1/endpoints', { params: { query: { limit: 1 } } });
    return {};
  }
  const { user_id: user, project_id } = (await client.GET('/signet/v1/me/permissions')).data;
  return { user, ...(project_id !== null && { project_id }) };
}

async function proofOf(io: Io, url: string, options: LoginOptions): Promise<Proof> {
  if (options.token === true) return { kind: 'token', token: await secret(io, 'token', options) };
  if (options.apiKey === true) return { kind: 'api-key', api_key: await secret(io, 'API key', options) };
  if (options.accessKey !== undefined)
    return { kind: 'access-key', access: options.accessKey, secret: await secret(io, 'secret key', options) };
  const name = options.user ?? (await ask(io, 'User'));
  const password = await secret(io, 'password', options);
  const scope = { project: { name: options.project ?? 'default', domain: { name: options.domain } } };
  const user = { name, domain: { name: options.domain } };
  const client = createSignetClient({ baseUrl: url });
  const issue = (given: string, passcode?: string) => {
    const proof = { methods: ['password' as const], password: { user: { ...user, password: given } } };
    const identity =
      passcode === undefined ? proof : { ...proof, methods: ['password' as const, 'totp' as const], totp: { user: { ...user, passcode } } };
    return client.POST('/v3/auth/tokens', { params: { query: { nocatalog: '' } }, body: { auth: { identity, scope } } });
  };
  const login = (given: string) =>
    issue(given).catch(async (error: unknown) => {
      if (!isPasscodeRequired(error)) throw error;
      return issue(given, await askForPasscode(io));
    });
  const { data, response } = await login(password).catch(async (error: unknown) => {
    const user_id = userOfExpiredPassword(error);
    if (user_id === undefined) throw error;
    return login(await changePassword(io, client, user_id, password));
  });
  const token = response.headers.get('X-Subject-Token');
  if (token === null) throw new Exit('unavailable', 'the service has answered without a token');
  return { kind: 'token', token, expires_at: data.token.expires_at };
}

/** The code that the app of the user shows now. It is worth nothing after its use, so it may be seen. */
async function askForPasscode(io: Io): Promise<string> {
  if (!canAsk(io)) throw new Exit('denied', 'the user has one-time passwords: sign in at a terminal, or with a token or an access key');
  return ask(io, 'Passcode of your app');
}

/** Asks for a password in place of one that must be changed. @returns the new one */
async function changePassword(io: Io, client: SignetClient, user_id: string, original_password: string): Promise<string> {
  if (!canAsk(io))
    throw new Exit(
      'denied',
      `the password must be changed first: at a terminal, in the console, or with POST /v3/users/${user_id}/password`,
    );
  io.stderr.write('The password must be changed before it can be used.\n');
  const password = await ask(io, 'New password', { hidden: true });
  if (password !== (await ask(io, 'The same again', { hidden: true }))) throw new Exit('declined', 'the two passwords are not the same');
  await client.POST('/v3/users/{user_id}/password', { params: { path: { user_id } }, body: { user: { password, original_password } } });
  return password;
}

/** Revokes the token of a profile, and deletes the profile. API keys and access keys stay valid: they were not made by the login. */
export async function logout(io: Io, options: { profile?: string }): Promise<void> {
  const profiles = new Profiles(io);
  const name = options.profile ?? environmentOf(io).profile;
  const profile = await profiles.read(name);
  if (profile === undefined) throw new Exit('not_found', `there is no profile ${name}`);
  const { proof, url } = profile;
  if (proof.kind === 'token') {
    const client = createSignetClient({ baseUrl: url, credentials: credentialsOf(proof) });
    try {
      await client.DELETE('/v3/auth/tokens', { params: { header: { 'X-Subject-Token': proof.token } } });
    } catch (error) {
      const { status } = error as { status?: number };
      // It has ended already.
      if (status !== 401 && status !== 404) throw error;
    }
  } else
    io.stderr.write(
      `the ${proof.kind === 'api-key' ? 'API key' : 'access key'} itself stays valid: whoever administers it can revoke it\n`,
    );
  await profiles.delete(name);
}

export async function profiles(io: Io, options: FormatOptions): Promise<void> {
  const stored = new Profiles(io);
  const rows = [];
  for (const profile of await stored.names()) {
    const found = await stored.read(profile);
    if (found === undefined) continue;
    const { url, proof, project_id = null, user = null } = found;
    rows.push({
      profile,
      url,
      credential: proof.kind,
      user,
      project_id,
      expires_at: proof.kind === 'token' ? (proof.expires_at ?? null) : null,
    });
  }
  const { PROFILE, SERVICE, CREDENTIAL, USER, PROJECT, EXPIRES } = FIELDS as Columns<(typeof rows)[number]>;
  new Result(io, format(options)).list(rows, {
    PROFILE: PROFILE!,
    SERVICE: SERVICE!,
    CREDENTIAL: CREDENTIAL!,
    USER: USER!,
    PROJECT: PROJECT!,
    EXPIRES: EXPIRES!,
  });
}

export async function whoami(io: Io, options: ConnectionOptions): Promise<void> {
  const { client, out, url } = await connect(io, options);
  const { user_id, project_id, roles } = (await client.GET('/signet/v1/me/permissions')).data;
  out.one(
    { url, user_id, project_id, roles },
    {
      SERVICE: (me) => me.url,
      USER: (me) => me.user_id,
      PROJECT: (me) => me.project_id,
      ROLES: (me) => me.roles.join(', '),
    },
  );
}
