import { readFileSync } from 'node:fs';
import { plainToInstance, Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsDefined,
  IsNotEmpty,
  IsObject,
  IsString,
  Matches,
  MaxLength,
  ValidateNested,
  ValidateIf,
  validateSync,
  type ValidationError,
} from 'class-validator';
import { PolicyFault, readPolicy } from '../../platform/auth/policy.js';
import { isSystemName, SYSTEM_POLICY_NAMES } from '../../platform/auth/system-policies.js';
import { PROJECT_NAME } from '../projects/projects.service.js';
import { PASSWORD_MAX_CHARS } from './auth-tokens.dto.js';
import { ACCESS_NAME } from './user-groups.dto.js';
import { isUsableHash } from './passwords.js';
import { USER_NAME } from './user-name.js';

/** The domain of everything for which the file names none. */
export const DEFAULT_DOMAIN = 'default';
/** The project that always exists. */
export const DEFAULT_PROJECT = 'default';

/** Property decorator: the field may be absent, but not `null`. Not needed for fields with a default. */
const MayBeLeftOut = () => ValidateIf((_, value: unknown) => value !== undefined);

class DomainEntry {
  @Matches(PROJECT_NAME, { message: 'must be a valid name of a domain' })
  name: string;
}

class ProjectEntry {
  @Matches(PROJECT_NAME, { message: 'must be a valid name of a project' })
  name: string;

  @IsString({ message: 'must be a text' })
  domain: string = DEFAULT_DOMAIN;

  @MaxLength(255, { message: 'must be a text of at most 255 characters' })
  description: string = '';
}

class RoleEntry {
  @IsDefined({ message: 'is missing' })
  @IsString({ message: 'must be a text' })
  project: string;

  @IsString({ message: 'must be a text' })
  role: string;
}

class UserEntry {
  @Matches(USER_NAME, { message: 'must be a valid name of a user' })
  name: string;

  @IsString({ message: 'must be a text' })
  domain: string = DEFAULT_DOMAIN;

  @MaxLength(PASSWORD_MAX_CHARS, { message: `must be a text of at most ${PASSWORD_MAX_CHARS} characters` })
  @IsNotEmpty({ message: 'must not be empty' })
  @MayBeLeftOut()
  password?: string;

  /** Argon2id in PHC format. */
  @IsString({ message: 'must be a text' })
  @MayBeLeftOut()
  password_hash?: string;

  /** Default: unchanged. A new user is enabled. */
  @IsBoolean({ message: 'must be true or false' })
  @MayBeLeftOut()
  enabled?: boolean;

  @Type(() => RoleEntry)
  @ValidateNested({ each: true, message: 'must be objects' })
  @IsArray({ message: 'must be a list' })
  roles: RoleEntry[] = [];
}

class PolicyEntry {
  @Matches(ACCESS_NAME, { message: 'must be a valid name of a policy' })
  name: string;

  @IsString({ message: 'must be a text' })
  domain: string = DEFAULT_DOMAIN;

  @MaxLength(255, { message: 'must be a text of at most 255 characters' })
  description: string = '';

  /** Validated by platform/auth/policy.ts. */
  @IsObject({ message: 'must be an object' })
  policy: unknown;
}

class GroupEntry {
  @Matches(ACCESS_NAME, { message: 'must be a valid name of a group' })
  name: string;

  @IsString({ message: 'must be a text' })
  domain: string = DEFAULT_DOMAIN;

  @MaxLength(255, { message: 'must be a text of at most 255 characters' })
  description: string = '';

  /** Names of users. Other users of the group stay in it. */
  @IsString({ each: true, message: 'must be texts' })
  @IsArray({ message: 'must be a list' })
  users: string[] = [];

  @Type(() => RoleEntry)
  @ValidateNested({ each: true, message: 'must be objects' })
  @IsArray({ message: 'must be a list' })
  roles: RoleEntry[] = [];
}

/** The content of `SIGNET_IAM_FILE`. Roles that it does not name stay. */
export class IamFile {
  @Type(() => DomainEntry)
  @ValidateNested({ each: true, message: 'must be objects' })
  @IsArray({ message: 'must be a list' })
  domains: DomainEntry[] = [];

  @Type(() => ProjectEntry)
  @ValidateNested({ each: true, message: 'must be objects' })
  @IsArray({ message: 'must be a list' })
  projects: ProjectEntry[] = [];

  @Type(() => UserEntry)
  @ValidateNested({ each: true, message: 'must be objects' })
  @IsArray({ message: 'must be a list' })
  users: UserEntry[] = [];

  @Type(() => PolicyEntry)
  @ValidateNested({ each: true, message: 'must be objects' })
  @IsArray({ message: 'must be a list' })
  policies: PolicyEntry[] = [];

  @Type(() => GroupEntry)
  @ValidateNested({ each: true, message: 'must be objects' })
  @IsArray({ message: 'must be a list' })
  groups: GroupEntry[] = [];
}

/** Reports all errors of the file at once, by path. Never contains values, because the file contains passwords. */
export class IamFileError extends Error {
  constructor(file: string, faults: readonly string[]) {
    super(`${file} (SIGNET_IAM_FILE) is invalid:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
  }
}

/** What exists in the database. The file may refer to it. */
export interface Known {
  domains: ReadonlySet<string>;
  /** Projects, as {@link ownedKey}, like the two fields below. */
  projects: ReadonlySet<string>;
  policies: ReadonlySet<string>;
  users: ReadonlySet<string>;
  /** All actions that a policy can name. */
  actions: readonly string[];
}

/** Combines a domain and a name in it into one key. */
export const ownedKey = (domain: string, name: string) => `${domain}/${name}`;

/**
 * Reads and validates the file.
 * @throws IamFileError with all errors at once
 */
export function readIamFile(path: string, known: Known): IamFile {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    // Omits the parser's message, because it would quote text of the file.
    throw new IamFileError(path, [
      error instanceof SyntaxError ? 'it is not valid JSON' : `it cannot be read: ${(error as Error).message}`,
    ]);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new IamFileError(path, ['it must contain one JSON object']);
  const file = plainToInstance(IamFile, parsed, { exposeDefaultValues: true });
  const broken = validateSync(file, { whitelist: true, forbidNonWhitelisted: true, stopAtFirstError: true }).flatMap((error) =>
    faultsOf(error),
  );
  const faults = broken.length > 0 ? broken : inconsistencies(file, known);
  if (faults.length > 0) throw new IamFileError(path, faults);
  return file;
}

function faultsOf({ property, constraints, children }: ValidationError, prefix = ''): string[] {
  const path = /^\d+$/.test(property) ? `${prefix}[${property}]` : prefix ? `${prefix}.${property}` : property;
  const own = Object.entries(constraints ?? {}).map(
    ([kind, words]) => `${path} ${kind === 'whitelistValidation' ? 'is not known' : words}`,
  );
  return [...own, ...(children ?? []).flatMap((child) => faultsOf(child, path))];
}

/** Returns errors that no single field shows: duplicate names, unknown references, a password that is given twice or not at all. */
function inconsistencies(file: IamFile, known: Known): string[] {
  const faults: string[] = [];
  const unique = (kind: string, keys: readonly string[]) =>
    keys.forEach((key, i) => keys.indexOf(key) !== i && faults.push(`${kind}[${i}] occurs more than once: ${key}`));
  unique(
    'domains',
    file.domains.map(({ name }) => name),
  );
  unique(
    'projects',
    file.projects.map(({ domain, name }) => ownedKey(domain, name)),
  );
  for (const kind of ['users', 'policies', 'groups'] as const)
    unique(
      kind,
      file[kind].map(({ domain, name }) => ownedKey(domain, name)),
    );

  const domains = new Set([DEFAULT_DOMAIN, ...known.domains, ...file.domains.map(({ name }) => name)]);
  const projects = new Set([...known.projects, ...file.projects.map(({ domain, name }) => ownedKey(domain, name))]);
  const policies = new Set([...known.policies, ...file.policies.map(({ domain, name }) => ownedKey(domain, name))]);
  const users = new Set([...known.users, ...file.users.map(({ domain, name }) => ownedKey(domain, name))]);
  const needRoles = (path: string, domain: string, roles: readonly RoleEntry[]) =>
    roles.forEach(({ project, role }, r) => {
      if (!projects.has(ownedKey(domain, project))) faults.push(`${path}.roles[${r}].project must be a project of ${domain}: ${project}`);
      if (!SYSTEM_POLICY_NAMES.includes(role) && !policies.has(ownedKey(domain, role)))
        faults.push(`${path}.roles[${r}].role must be one of ${SYSTEM_POLICY_NAMES.join(', ')}, or a policy of ${domain}`);
    });
  const needDomain = (path: string, domain: string) =>
    !domains.has(domain) && faults.push(`${path}.domain must be an existing domain: ${domain}`);
  file.projects.forEach(({ domain }, i) => needDomain(`projects[${i}]`, domain));
  file.users.forEach(({ domain, password, password_hash: hash, roles }, i) => {
    needDomain(`users[${i}]`, domain);
    if ((password === undefined) === (hash === undefined)) faults.push(`users[${i}] must have either password or password_hash`);
    if (hash !== undefined && !isUsableHash(hash))
      faults.push(`users[${i}].password_hash must be Argon2id in PHC format with 8 to 128 MiB`);
    needRoles(`users[${i}]`, domain, roles);
  });
  file.policies.forEach(({ name, domain, policy }, i) => {
    needDomain(`policies[${i}]`, domain);
    if (isSystemName(name)) faults.push(`policies[${i}].name is reserved for system policies`);
    try {
      readPolicy(policy, known.actions);
    } catch (error) {
      if (!(error instanceof PolicyFault)) throw error;
      faults.push(`policies[${i}].policy: ${error.message}`);
    }
  });
  file.groups.forEach(({ domain, users: members, roles }, i) => {
    needDomain(`groups[${i}]`, domain);
    members.forEach((user, m) => {
      if (!users.has(ownedKey(domain, user))) faults.push(`groups[${i}].users[${m}] must be a user of ${domain}: ${user}`);
    });
    needRoles(`groups[${i}]`, domain, roles);
  });
  return faults;
}
