import type { Schema } from 'signet-client';
import { anonymous, withToken } from '../../api/client.ts';
import type { Session } from '../../app/session.ts';

/** What a person types. */
export interface Credentials {
  user: string;
  password: string;
  domain: string;
}

export type Project = { id: string; name: string };
/** Who signed in; not yet for which project. */
export type Login = { token: string } & Omit<Session, 'project'> & { project?: Project | undefined };

type Identity = Schema<'TokenInput'>['auth']['identity'];

/** @param passcode of the person's app, if it is asked for */
export function byPassword({ user: name, password, domain }: Credentials, passcode?: string): Identity {
  const user = { name, domain: { name: domain } };
  const proof = { methods: ['password' as const], password: { user: { ...user, password } } };
  return passcode === undefined ? proof : { ...proof, methods: ['password', 'totp'], totp: { user: { ...user, passcode } } };
}
/** With a token: of this sign-in, or one that was pasted. */
export const byToken = (id: string): Identity => ({ methods: ['token'], token: { id } });

/** Asks the identity service for a token; with a project, the token is for that project. */
export async function logIn(identity: Identity, projectId?: string): Promise<Login> {
  const { data, response } = await anonymous.POST('/v3/auth/tokens', {
    params: { query: { nocatalog: '' } },
    body: { auth: { identity, ...(projectId !== undefined && { scope: { project: { id: projectId } } }) } },
  });
  const { user, project, expires_at } = data.token;
  return { token: response.headers.get('X-Subject-Token') ?? '', expiresAt: Date.parse(expires_at), user, project };
}

/** The projects in which the person has a role. */
export const projectsOf = async ({ token }: Login): Promise<Project[]> => (await withToken(token).GET('/v3/auth/projects')).data.projects;

/** Replaces a password that must be changed. */
export async function changePassword(user_id: string, original_password: string, password: string): Promise<void> {
  await anonymous.POST('/v3/users/{user_id}/password', { params: { path: { user_id } }, body: { user: { password, original_password } } });
}
