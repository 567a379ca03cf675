import { Fault } from '../common/api-error.js';
import { KeystoneFailure } from './keystone-failure.js';

/** What Keystone says of a valid token, as far as it concerns us. */
export interface KeystoneToken {
  userId: string;
  userName: string;
  domainId: string;
  domainName: string;
  /** Absent: scoped to a domain, to the system, or to nothing. */
  project?: { id: string; name: string };
  /** Names of Keystone's roles in the scope of the token. */
  roles: readonly string[];
  /** Milliseconds since the epoch. */
  expiresAt: number;
}

/**
 * Reads the body of `GET /v3/auth/tokens`.
 * @throws Fault `token_invalid` for a token that counts only together with something we cannot see
 * @throws KeystoneFailure when it is not what Keystone documents: nothing is guessed
 */
export function readKeystoneToken(body: unknown): KeystoneToken {
  const token = record(record(body)?.['token']);
  const user = record(token?.['user']);
  const domain = record(user?.['domain']);
  const project = token?.['project'] === undefined ? undefined : record(token['project']);
  const roles = token?.['roles'] ?? [];
  const expiresAt = typeof token?.['expires_at'] === 'string' ? Date.parse(token['expires_at']) : Number.NaN;
  const sound =
    isName(user?.['id']) &&
    isName(user['name']) &&
    isName(domain?.['id']) &&
    isName(domain['name']) &&
    (token?.['project'] === undefined || (isName(project?.['id']) && isName(project['name']))) &&
    Array.isArray(roles) &&
    roles.every((role) => isName(record(role)?.['name'])) &&
    Number.isFinite(expiresAt);
  if (!sound) throw new KeystoneFailure('Keystone described a token in a form that is not known');
  // Bound to a client certificate (RFC 8705): it proves nothing without it, and TLS may end before us.
  if (token?.['oauth2_credential'] !== undefined) throw new Fault('token_invalid');
  return {
    userId: user['id'] as string,
    userName: user['name'] as string,
    domainId: domain['id'] as string,
    domainName: domain['name'] as string,
    ...(project && { project: { id: project['id'] as string, name: project['name'] as string } }),
    roles: (roles as { name: string }[]).map(({ name }) => name),
    expiresAt,
  };
}

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';
const record = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
