// reflect-metadata is imported here because a gateway node reads its configuration without Nest.
import 'reflect-metadata';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { plainToInstance, Type } from 'class-transformer';
import {
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsDefined,
  IsIn,
  IsObject,
  Length,
  Matches,
  ValidateBy,
  ValidateIf,
  ValidateNested,
  validateSync,
  type ValidationArguments,
  type ValidationError,
} from 'class-validator';
import { type IdentityConfig, type KeystoneConfig, OIDC_ALGORITHMS, type OidcAlgorithm, type OidcConfig } from './identity-config.js';
import { Secret } from './secret.js';

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;
const PROJECT_ID = /^[A-Za-z0-9_-]{1,64}$/;
const DAY_SECONDS = 86_400;
/**
 * Shorter than the 3 s within which every request is answered, so that time remains for an error response if the external service does not
 * answer.
 */
const TIMEOUT_MAX_MS = 2900;

/** Property decorator: the field may be absent, but not `null`. Not needed for fields with a default. */
const MayBeLeftOut = () => ValidateIf((_, value: unknown) => value !== undefined);
const Needed = () => IsDefined({ message: 'is missing' });
const Text = (max = 255) => Length(1, max, { message: `must be a text of 1 to ${max} characters` });
const OneOf = (...values: readonly string[]) => IsIn(values, { message: `must be one of ${values.join(', ')}` });
const Nested = (type: () => new () => object) => (target: object, key: string) => {
  Type(type)(target, key);
  ValidateNested({ message: 'must be an object' })(target, key);
  IsObject({ message: 'must be an object' })(target, key);
};
const That = (words: string, validate: (value: unknown, args?: ValidationArguments) => boolean) =>
  ValidateBy({ name: words, validator: { validate, defaultMessage: () => words } });

const Whole = (min: number, max: number) =>
  That(
    `must be a whole number from ${min} to ${max}`,
    (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
  );

/** Property decorator: refuses `http:` except on this machine, or if the file declares the network trusted. */
const Endpoint = () =>
  That('must be a URL that starts with https:// (http:// on this machine only), without user, query and fragment', (value, args) => {
    if (typeof value !== 'string' || !URL.canParse(value)) return false;
    const { protocol, hostname, username, password, search, hash } = new URL(value);
    if (username || password || search || hash) return false;
    const provider: { plaintext?: string } | undefined = args?.object;
    const trusted = LOOPBACK.test(hostname) || provider?.plaintext === 'allow';
    return protocol === 'https:' || (protocol === 'http:' && trusted);
  });

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.length > 0 && value.every(isText);
const Claim = () => That('must be the name of a claim, or a list of nested names', (value) => isText(value) || isTexts(value));
const MapOf = (words: string, fits: (value: unknown) => boolean) =>
  That(`must be an object of ${words}`, (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const entries = Object.entries(value);
    return entries.length > 0 && entries.every(([key, one]) => key !== '' && fits(one));
  });

class ServiceEntry {
  @Text() @Needed() user: string;
  @Text() user_domain: string = 'Default';
  @Text() @Needed() project: string;
  @Text() project_domain: string = 'Default';
  @Text(4096) @MayBeLeftOut() password_file?: string;
}

class GrantEntry {
  @Text(64) @Needed() user: string;
  @Matches(PROJECT_ID, { message: 'must be the id of a project' }) @Needed() project: string;
  @That('must be a list of policy names', isTexts) @Needed() roles: string[];
}

class JwsEntry {
  @Text(4096) @Needed() public_keys: string;
  @OneOf('online', 'offline-jws') policy: 'online' | 'offline-jws' = 'online';
  @Whole(60, 30 * DAY_SECONDS) max_life_seconds: number = DAY_SECONDS;

  @Type(() => GrantEntry)
  @ValidateNested({ each: true, message: 'must be objects' })
  @IsArray({ message: 'must be a list' })
  grants: GrantEntry[] = [];
}

class KeystoneEntry {
  @Endpoint() @Needed() url: string;
  /** `allow` is for a trusted network between Signet and Keystone. */
  @OneOf('refuse', 'allow') plaintext: 'refuse' | 'allow' = 'refuse';
  @Nested(() => ServiceEntry) @Needed() service: ServiceEntry;
  @Nested(() => JwsEntry) @MayBeLeftOut() jws?: JwsEntry;
}

class ClaimsEntry {
  @Claim() @Needed() roles: string | string[];
  @Claim() user_name: string | string[] = 'preferred_username';
  @Claim() @MayBeLeftOut() domain?: string | string[];
  @Claim() @MayBeLeftOut() project?: string | string[];
}

class OidcEntry {
  @Text(1024) @Needed() issuer: string;
  @Endpoint() @Needed() jwks_uri: string;
  @Text(1024) @Needed() audience: string;

  @IsIn(OIDC_ALGORITHMS, { each: true, message: `must contain only ${OIDC_ALGORITHMS.join(', ')}` })
  @ArrayUnique({ message: 'must not contain an algorithm twice' })
  @ArrayNotEmpty({ message: 'must not be empty' })
  @IsArray({ message: 'must be a list' })
  @Needed()
  algorithms: OidcAlgorithm[];

  @Whole(60, 30 * DAY_SECONDS) max_life_seconds: number = DAY_SECONDS;
  @Whole(1, DAY_SECONDS) keys_cache_seconds: number = 600;
  @Nested(() => ClaimsEntry) @Needed() claims: ClaimsEntry;
  @Matches(PROJECT_ID, { message: 'must be the id of a project' }) @MayBeLeftOut() project?: string;

  @MapOf('claim values and project ids', (value) => isText(value) && PROJECT_ID.test(value))
  @MayBeLeftOut()
  project_ids?: Record<string, string>;
}

/** The content of `SIGNET_IDENTITY_FILE`. */
class IdentityFile {
  @Nested(() => KeystoneEntry) @MayBeLeftOut() keystone?: KeystoneEntry;
  @Nested(() => OidcEntry) @MayBeLeftOut() oidc?: OidcEntry;
  @MapOf('role names and lists of policy names', isTexts) @Needed() roles: Record<string, string[]>;
  @Whole(0, 300) cache_seconds: number = 60;
  @IsBoolean({ message: 'must be true or false' }) revalidate_writes: boolean = false;
  @Whole(100, TIMEOUT_MAX_MS) timeout_ms: number = 2500;
}

/**
 * Reads and validates the configuration of the external identity service.
 * @param password `SIGNET_IDENTITY_PASSWORD`, unless a file holds the service user's password
 * @param faults receives every error, with the path of its field and without its value
 */
export function readIdentityFile(path: string, password: string | undefined, faults: string[]): IdentityConfig | undefined {
  const found: string[] = [];
  const file = parse(path, found);
  const config = file && found.length === 0 ? toConfig(file, password, found) : undefined;
  faults.push(...found.map((fault) => `SIGNET_IDENTITY_FILE (${path}): ${fault}`));
  return found.length === 0 ? config : undefined;
}

function parse(path: string, faults: string[]): IdentityFile | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    // Omits the parser's message, because it would quote the content of the file.
    faults.push(error instanceof SyntaxError ? 'it is not valid JSON' : `it cannot be read (${codeOf(error)})`);
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    faults.push('it must contain one JSON object');
    return undefined;
  }
  const file = plainToInstance(IdentityFile, parsed, { exposeDefaultValues: true });
  const options = { whitelist: true, forbidNonWhitelisted: true, stopAtFirstError: true };
  faults.push(...validateSync(file, options).flatMap((error) => faultsOf(error)));
  return file;
}

function faultsOf({ property, constraints, children }: ValidationError, prefix = ''): string[] {
  const path = /^\d+$/.test(property) ? `${prefix}[${property}]` : prefix ? `${prefix}.${property}` : property;
  const own = Object.entries(constraints ?? {}).map(
    ([kind, words]) => `${path} ${kind === 'whitelistValidation' ? 'is not known' : words}`,
  );
  return [...own, ...(children ?? []).flatMap((child) => faultsOf(child, path))];
}

function toConfig(file: IdentityFile, password: string | undefined, faults: string[]): IdentityConfig | undefined {
  const { keystone, oidc } = file;
  const common = {
    roles: new Map(Object.entries(file.roles)),
    freshMs: file.cache_seconds * 1000,
    revalidateWrites: file.revalidate_writes,
    timeoutMs: file.timeout_ms,
  };
  if (keystone && !oidc) return { ...common, ...toKeystone(keystone, password, faults) };
  if (oidc && !keystone) return { ...common, ...toOidc(oidc, faults) };
  faults.push('it must contain either keystone or oidc');
  return undefined;
}

function toKeystone({ url, service, jws }: KeystoneEntry, inline: string | undefined, faults: string[]) {
  const { user, user_domain: userDomain, project, project_domain: projectDomain, password_file: file } = service;
  if (file && inline) faults.push('only one of keystone.service.password_file and SIGNET_IDENTITY_PASSWORD may be set');
  if (!file && !inline) faults.push('keystone.service.password_file or SIGNET_IDENTITY_PASSWORD is required');
  const given = inline ? new Secret(inline) : undefined;
  const password = () => given ?? new Secret(readFileSync(resolve(file ?? ''), 'utf8').replace(/\r?\n$/, ''));
  try {
    if (file && password().reveal() === '') faults.push('keystone.service.password_file is empty');
  } catch (error) {
    faults.push(`keystone.service.password_file cannot be read (${codeOf(error)})`);
  }
  return {
    kind: 'keystone',
    url: url.replace(/\/+$/, ''),
    service: { user, userDomain, project, projectDomain, password },
    jws: jws && toJws(jws, faults),
  } satisfies Partial<KeystoneConfig>;
}

function toJws({ public_keys, policy, max_life_seconds, grants }: JwsEntry, faults: string[]) {
  const publicKeys = resolve(public_keys);
  try {
    if (!readdirSync(publicKeys).some((name) => name.endsWith('.pem')))
      faults.push('keystone.jws.public_keys must contain a file named *.pem');
  } catch (error) {
    faults.push(`keystone.jws.public_keys cannot be read (${codeOf(error)})`);
  }
  if (policy === 'offline-jws' && grants.length === 0)
    faults.push('keystone.jws.grants is required with offline-jws, because such tokens name no roles');
  if (policy === 'online' && grants.length > 0)
    faults.push('keystone.jws.grants requires offline-jws: with online, Keystone names the roles');
  return { publicKeys, policy, maxLifeMs: max_life_seconds * 1000, grants };
}

function toOidc(entry: OidcEntry, faults: string[]) {
  const { claims, project, project_ids: ids } = entry;
  if ((project === undefined) === (claims.project === undefined))
    faults.push('oidc must contain either project (one project for all callers) or claims.project');
  if (ids && claims.project === undefined) faults.push('oidc.project_ids requires claims.project');
  const path = (claim: string | string[]) => (typeof claim === 'string' ? [claim] : claim);
  return {
    kind: 'oidc',
    issuer: entry.issuer,
    jwksUri: entry.jwks_uri,
    audience: entry.audience,
    algorithms: entry.algorithms,
    maxLifeMs: entry.max_life_seconds * 1000,
    keysFreshMs: entry.keys_cache_seconds * 1000,
    claims: {
      roles: path(claims.roles),
      userName: path(claims.user_name),
      domain: claims.domain === undefined ? undefined : path(claims.domain),
    },
    project: project !== undefined ? { id: project } : { claim: path(claims.project ?? ''), ids: ids && new Map(Object.entries(ids)) },
  } satisfies Partial<OidcConfig>;
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown';
