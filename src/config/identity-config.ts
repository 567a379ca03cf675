import type { Secret } from './secret.js';

/** Roles and groups of the external service → names of our policies. What is not named here grants nothing. */
export type RoleMapping = ReadonlyMap<string, readonly string[]>;

/** What every kind of external identity service has (docs/identity.md). */
interface ExternalIdentity {
  roles: RoleMapping;
  /** How long a token counts without being asked about again, milliseconds. */
  freshMs: number;
  /** Requests that change something ask again, whatever is known. */
  revalidateWrites: boolean;
  /** How long the external service has for all that one request asks of it, milliseconds. */
  timeoutMs: number;
}

export interface KeystoneConfig extends ExternalIdentity {
  kind: 'keystone';
  /** With the version: `https://keystone.example.com:5000/v3`. */
  url: string;
  service: {
    user: string;
    userDomain: string;
    project: string;
    projectDomain: string;
    /** Read anew at each login, so that a file can change under a running service. @throws Error when it cannot be read */
    password: () => Secret;
  };
  /** Absent: tokens are never looked into. */
  jws: KeystoneJwsConfig | undefined;
}

export interface KeystoneJwsConfig {
  /** Folder of PEM files: a token counts when one of them verifies it. */
  publicKeys: string;
  /** `online`: Keystone is asked about a token whose signature is good; `offline-jws`: it is not, and roles come from `grants`. */
  policy: 'online' | 'offline-jws';
  maxLifeMs: number;
  grants: readonly { user: string; project: string; roles: readonly string[] }[];
}

/** jsonwebtoken's asymmetric algorithms: with a shared secret, whoever verifies could also sign. */
export const OIDC_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'] as const;
export type OidcAlgorithm = (typeof OIDC_ALGORITHMS)[number];

/** The way to a claim: its name, or the names that lead to it. */
export type ClaimPath = readonly string[];

export interface OidcConfig extends ExternalIdentity {
  kind: 'oidc';
  issuer: string;
  jwksUri: string;
  audience: string;
  algorithms: readonly OidcAlgorithm[];
  /** Longest life of a token, milliseconds. */
  maxLifeMs: number;
  /** How long a key set may be used after it was fetched, milliseconds. */
  keysFreshMs: number;
  claims: { roles: ClaimPath; userName: ClaimPath; domain: ClaimPath | undefined };
  /** One project for everybody, or the claim that names it and, if its values are no ids, the ids they stand for. */
  project: { id: string } | { claim: ClaimPath; ids: ReadonlyMap<string, string> | undefined };
}

export type IdentityConfig = KeystoneConfig | OidcConfig;
