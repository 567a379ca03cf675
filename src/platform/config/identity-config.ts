import type { Secret } from './secret.js';

/** Maps roles and groups of the external service to names of policies. Roles and groups without an entry grant nothing. */
type RoleMapping = ReadonlyMap<string, readonly string[]>;

/** Settings that all external identity services have (docs/identity.md). */
interface ExternalIdentity {
  roles: RoleMapping;
  /** How long the result for a token is cached, in milliseconds. */
  freshMs: number;
  /** Whether requests with side effects bypass the cache. */
  revalidateWrites: boolean;
  /** How long one request may wait for the external service in total, in milliseconds. */
  timeoutMs: number;
}

export interface KeystoneConfig extends ExternalIdentity {
  kind: 'keystone';
  /** URL of Keystone, including the version: `https://keystone.example.com:5000/v3`. */
  url: string;
  service: {
    user: string;
    userDomain: string;
    project: string;
    projectDomain: string;
    /** Returns the password. Read at each login, so that the file can be changed at run time. @throws Error when the file cannot be read */
    password: () => Secret;
  };
  /** Settings for signed tokens. Absent: tokens are opaque. */
  jws: KeystoneJwsConfig | undefined;
}

export interface KeystoneJwsConfig {
  /** Folder of PEM files. A token is accepted if one of these keys verifies it. */
  publicKeys: string;
  /**
   * `online`: Keystone also checks tokens with a valid signature. `offline-jws`: Keystone does not check them, and the roles come from
   * `grants`.
   */
  policy: 'online' | 'offline-jws';
  maxLifeMs: number;
  grants: readonly { user: string; project: string; roles: readonly string[] }[];
}

/** The asymmetric algorithms of jsonwebtoken. Symmetric ones are not allowed, because every verifier could also sign. */
export const OIDC_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'] as const;
export type OidcAlgorithm = (typeof OIDC_ALGORITHMS)[number];

/** Path to a claim: the name of the claim, or a list of nested names. */
export type ClaimPath = readonly string[];

export interface OidcConfig extends ExternalIdentity {
  kind: 'oidc';
  issuer: string;
  jwksUri: string;
  audience: string;
  algorithms: readonly OidcAlgorithm[];
  /** Maximum accepted lifetime of a token, in milliseconds. */
  maxLifeMs: number;
  /** How long a fetched key set is used, in milliseconds. */
  keysFreshMs: number;
  claims: { roles: ClaimPath; userName: ClaimPath; domain: ClaimPath | undefined };
  /**
   * Either one project for all callers, or the claim that names the project, with an optional mapping of the claim's values to project ids.
   */
  project: { id: string } | { claim: ClaimPath; ids: ReadonlyMap<string, string> | undefined };
}

export type IdentityConfig = KeystoneConfig | OidcConfig;
