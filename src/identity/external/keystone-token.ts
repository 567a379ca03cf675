import { ApiFault } from '../../platform/common/api-error.js';
import { KeystoneFailure } from './keystone-failure.js';

/** The fields of Keystone's description of a valid token that Signet uses. */
export interface KeystoneToken {
  userId: string;
  userName: string;
  domainId: string;
  domainName: string;
  /** Absent: the token is scoped to a domain, to the system, or not at all. */
  project?: { id: string; name: string };
  /** Names of Keystone's roles in the scope of the token. */
  roles: readonly string[];
  /** Unix time in milliseconds. */
  expiresAt: number;
}

/**
 * Reads the body of `GET /v3/auth/tokens`.
 * @throws ApiFault `token_invalid` for a token that is bound to a proof that Signet cannot check
 * @throws KeystoneFailure when the body does not have the format that Keystone documents
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
  if (!sound) throw new KeystoneFailure('Keystone described a token in an unknown format');
  // The token is bound to a client certificate (RFC 8705). Signet cannot check the certificate if TLS ends at a proxy.
  if (token?.['oauth2_credential'] !== undefined) throw new ApiFault('token_invalid');
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
