import type { Secret } from './secret.js';

/** Roles and groups of the external service → names of policies. Others grant nothing. */
type RoleMapping = ReadonlyMap<string, readonly string[]>;

/** Settings of all external identity services (docs/identity.md). */
interface ExternalIdentity {
  roles: RoleMapping;
  /** How long a token is cached, milliseconds. */
  freshMs: number;
  /** Whether requests with side effects bypass the cache. */
  revalidateWrites: boolean;
  /** Total time of the external service per request, milliseconds. */
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
    /** Read at each login, so that the file can be changed at run time. @throws Error when it cannot be read */
    password: () => Secret;
  };
  /** Absent: tokens are opaque. */
  jws: KeystoneJwsConfig | undefined;
}

export interface KeystoneJwsConfig {
  /** Folder of PEM files: a token is accepted if one of them verifies it. */
  publicKeys: string;
  /** `online`: Keystone is asked about tokens with a valid signature; `offline-jws`: it is not, and roles come from `grants`. */
  policy: 'online' | 'offline-jws';
  maxLifeMs: number;
  grants: readonly { user: string; project: string; roles: readonly string[] }[];
}

/** jsonwebtoken's asymmetric algorithms: with a shared secret, every verifier could also sign. */
export const OIDC_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'] as const;
export type OidcAlgorithm = (typeof OIDC_ALGORITHMS)[number];

/** Path to a claim: its name, or a list of nested names. */
export type ClaimPath = readonly string[];

export interface OidcConfig extends ExternalIdentity {
  kind: 'oidc';
  issuer: string;
  jwksUri: string;
  audience: string;
  algorithms: readonly OidcAlgorithm[];
  /** Longest accepted lifetime of a token, milliseconds. */
  maxLifeMs: number;
  /** How long a fetched key set is used, milliseconds. */
  keysFreshMs: number;
  claims: { roles: ClaimPath; userName: ClaimPath; domain: ClaimPath | undefined };
  /** One project for all callers, or the claim that names it with an optional mapping of its values to project ids. */
  project: { id: string } | { claim: ClaimPath; ids: ReadonlyMap<string, string> | undefined };
}

export type IdentityConfig = KeystoneConfig | OidcConfig;
