import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ipaddr from 'ipaddr.js';
import { type EdgeConfig, EDGE_VARIABLES, readEdge } from './edge.js';
import { GATEWAY_VARIABLES } from './gateway-variables.js';
import type { IdentityConfig } from './identity-config.js';
import { readIdentityFile } from './identity-file.js';
import { Secret } from './secret.js';

export type Mode = 'local' | 'production';

export interface KekConfig {
  /** Wraps; the others that are configured only unwrap. */
  provider: 'ring' | 'vault' | 'aws-kms';
  file?: string;
  inline?: Secret;
  credentialsDirectory?: string;
  /** The transit engine of HashiCorp Vault or OpenBao. */
  vault?: { address: string; token?: Secret; tokenFile?: string; mount: string; key: string; namespace?: string; caFile?: string };
  awsKms?: { keyId: string; region?: string; endpoint?: string };
}

/** The service's configuration: read once, validated as a whole, frozen. Injected by this class. */
export class Config {
  readonly mode: Mode;
  readonly host: string;
  readonly port: number;
  /** Absolute path of the folder for the embedded database and, in the local mode, the key-encryption key. */
  readonly dataDir: string;
  /** Absent: embedded SQLite under {@link dataDir}. */
  readonly databaseUrl: Secret | undefined;
  readonly databasePoolSize: number;
  /** Carries change notices between control-plane processes; absent: each looks for itself, ten times a second while gateways watch. */
  readonly redisUrl: Secret | undefined;
  /** Who wraps data keys, where the ring of key-encryption keys comes from, and which other providers unwrap (docs/key-encryption.md). */
  readonly kek: KekConfig;
  /** Beside the control plane, in its process: a gateway node and a backend behind it. */
  readonly embedded: { proxyPort: number; signPort: number; backendPort: number } | undefined;
  /** Gateways and verifiers may be served without TLS in production too. */
  readonly gatewayPlaintext: boolean;
  /** The identity service of somebody else; absent: the embedded one. */
  readonly identity: IdentityConfig | undefined;
  readonly adminPassword: Secret | undefined;
  readonly iamFile: string | undefined;
  readonly tokenTtlSeconds: number;
  readonly region: string;
  /** The base URL under which callers reach the service; goes into the service catalogue. */
  readonly publicUrl: string;
  readonly bodyLimitBytes: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly shutdownGraceMs: number;
  readonly logLevel: string;
  /** What PUT …/signs/{id} does with an omitted key or secret (docs/contract.md). */
  readonly signUpdateOmitted: 'keep' | 'regenerate';
  /** Largest number of signature keys in one gateway (`SIGN_NUM_LIMIT`). */
  readonly signNumLimit: number;
  readonly instanceNumLimit: number;
  /** Largest number of rows in the chain of what was denied; the oldest go. */
  readonly auditDeniedRows: number;
  /** How long a denied request waits in memory for others of its kind. */
  readonly auditDeniedWindowSeconds: number;
  /** What stands between the network and the routes. */
  readonly edge: EdgeConfig;
  /** Accept a basic key that starts with a digit, as acceptance configurations do (apig §1.3). */
  readonly basicKeyLeadingDigit: boolean;
  /** Where webhooks may go, and whether they go at all. */
  readonly webhooks: {
    allowHttp: boolean;
    /** Address ranges that are allowed although they are not public, as `address/bits`. */
    allowCidrs: readonly string[];
    /** Look a name up when an endpoint is created; connections are judged in any case. */
    checkDns: boolean;
    /** False: messages are accepted and kept, none is sent. */
    delivery: boolean;
    /** Of one attempt, connecting included. */
    timeoutMs: number;
    /** Attempts under way in this process. */
    concurrency: number;
    /** How long a payload is kept where a message does not say; also the most that it can say. */
    retentionHours: number;
    /** How long a message that is over is kept without its payload. */
    logDays: number;
  };

  constructor(values: Omit<Config, never>) {
    Object.assign(this, values);
    Object.freeze(this);
  }
}

/** Every fault of the environment in one report. */
export class ConfigError extends Error {
  constructor(readonly faults: readonly string[]) {
    super(`The configuration is not usable:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
  }
}

const MIB = 1024 * 1024;
export const LEVELS: readonly string[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/** Every variable of ours, with the words `.env.example` and `signet serve --help` say about it. */
export const VARIABLES: Record<string, string> = {
  SIGNET_MODE: 'local (default) or production',
  SIGNET_HOST: 'address to listen on (127.0.0.1)',
  SIGNET_PORT: 'port to listen on (8700)',
  SIGNET_PUBLIC_URL: 'base URL under which callers reach the service (http://HOST:PORT)',
  SIGNET_REGION: 'region name in the service catalogue (local)',
  SIGNET_DATA_DIR: 'folder of the embedded database and of the local key-encryption key (./data)',
  SIGNET_DATABASE_POOL_SIZE: 'connections to MariaDB or MySQL (32)',
  SIGNET_KEK_FILE: 'file with the ring of key-encryption keys, one `id:base64(32 bytes)` a line, the first is the primary',
  SIGNET_KEK: 'the same lines in the environment; a file is better, since the environment can be read from /proc',
  SIGNET_KEK_PROVIDER: 'ring (default), vault or aws-kms: who wraps data keys; others that are configured unwrap what they wrapped before',
  SIGNET_VAULT_ADDR: 'address of HashiCorp Vault or OpenBao; https, or http on loopback',
  SIGNET_VAULT_TOKEN: 'token that may update MOUNT/encrypt/KEY and MOUNT/decrypt/KEY',
  SIGNET_VAULT_TOKEN_FILE: 'file with that token, read for each call, so that an agent may renew it',
  SIGNET_VAULT_TRANSIT_KEY: 'name of the transit key',
  SIGNET_VAULT_TRANSIT_MOUNT: 'path of the transit engine (transit)',
  SIGNET_VAULT_NAMESPACE: 'namespace, where there are any',
  SIGNET_VAULT_CA_FILE: 'certificates to trust for Vault, PEM',
  SIGNET_AWS_KMS_KEY_ID: 'id, ARN or alias of a symmetric KMS key; credentials come from the default chain of the AWS SDK',
  SIGNET_AWS_REGION: 'region of the KMS key (the default chain of the AWS SDK)',
  SIGNET_AWS_KMS_ENDPOINT: 'another endpoint of KMS, as in a VPC',
  SIGNET_ADMIN_PASSWORD: 'password of the user admin, used when it is created; random and printed once if unset',
  SIGNET_IAM_FILE: 'JSON file with users, projects and role assignments, applied at every start',
  SIGNET_IDENTITY_FILE: 'JSON file that names an external identity service, Keystone or an OIDC issuer; the embedded one is off then',
  SIGNET_IDENTITY_PASSWORD: 'password of the service user at Keystone, where the identity file names no password file',
  SIGNET_TOKEN_TTL_SECONDS: 'life of a token (86400)',
  SIGNET_BODY_LIMIT_BYTES: 'largest request body (12582912)',
  SIGNET_HEADERS_TIMEOUT_MS: 'time a client has to send its headers (10000)',
  SIGNET_REQUEST_TIMEOUT_MS: 'time a client has to send a whole request (60000)',
  SIGNET_SHUTDOWN_GRACE_MS: 'time that requests under way have to finish after SIGTERM (10000)',
  SIGNET_LOG_LEVEL: `${LEVELS.join(', ')} (info)`,
  SIGNET_EMBEDDED_GATEWAY:
    'on (default) or off, local mode only: a gateway node in the same process, on SIGNET_GATEWAY_PORT and SIGNET_GATEWAY_SIGN_PORT',
  SIGNET_DEMO_BACKEND_PORT: 'port of the backend behind the embedded gateway, which accepts signed requests only (8720)',
  SIGNET_GATEWAY_PLAINTEXT: 'refuse (default) or allow: serve gateways and verifiers without TLS in production',
  SIGNET_SIGN_UPDATE_OMITTED: 'keep (default) or regenerate: what PUT does with a key or secret that is not in its body',
  SIGNET_SIGN_NUM_LIMIT: 'largest number of signature keys in one gateway (200)',
  SIGNET_INSTANCE_NUM_LIMIT: 'largest number of gateways in one project (5)',
  SIGNET_AUDIT_DENIED_ROWS: 'denied requests that the audit trail keeps, in rows; the oldest go (300000)',
  SIGNET_AUDIT_DENIED_WINDOW_SECONDS: 'how long a denied request waits for others of its kind, to be one row with them (5)',
  ...EDGE_VARIABLES,
  SIGNET_BASIC_KEY_LEADING_DIGIT: 'true (default) or false: accept a basic key that starts with a digit',
  SIGNET_WEBHOOK_ALLOW_HTTP: 'true or false (default): accept http:// endpoints too, for local use',
  SIGNET_WEBHOOK_ALLOW_CIDRS: 'address ranges that webhooks may reach although they are not public, as 10.1.0.0/16,fd00::/8 (none)',
  SIGNET_WEBHOOK_CHECK_DNS: 'true (default) or false: look a name up when an endpoint is created; every connection is judged in any case',
  SIGNET_WEBHOOK_DELIVERY: 'on (default) or off: accept and keep messages, send none',
  SIGNET_WEBHOOK_TIMEOUT_MS: 'time an endpoint has to answer, connecting included (20000)',
  SIGNET_WEBHOOK_CONCURRENCY: 'attempts under way in one process, at most a quarter of them to one endpoint (512)',
  SIGNET_WEBHOOK_RETENTION_HOURS: 'how long a payload is kept, unless its message says less (720)',
  SIGNET_WEBHOOK_LOG_DAYS: 'how long a message that is over is kept without its payload (90)',
};

/**
 * Reads and validates the environment.
 * @param env usually `process.env`; `SIGNET_KEK`, `SIGNET_VAULT_TOKEN` and `SIGNET_ADMIN_PASSWORD` are removed from it once read
 * @param env usually `process.env`; `SIGNET_KEK`, `SIGNET_ADMIN_PASSWORD` and `SIGNET_IDENTITY_PASSWORD` are removed from it once read
 * @throws ConfigError naming every fault at once
 */
export function readConfig(env: Record<string, string | undefined>): Config {
  const faults: string[] = [];
  for (const name of Object.keys(env)) {
    // One file may serve both planes.
    if (name.startsWith('SIGNET_') && !(name in VARIABLES || name in GATEWAY_VARIABLES))
      faults.push(`${name} is not a variable of Signet (see .env.example)`);
  }
  const text = (name: string, fallback: string) => env[name] || fallback;
  const oneOf = <T extends string>(name: string, allowed: readonly T[], fallback: T): T => {
    const value = text(name, fallback) as T;
    if (!allowed.includes(value)) faults.push(`${name} must be one of ${allowed.join(', ')}`);
    return value;
  };
  const whole = (name: string, fallback: number, min: number, max: number): number => {
    const value = text(name, String(fallback));
    const number = /^\d{1,12}$/.test(value) ? Number(value) : Number.NaN;
    if (!(number >= min && number <= max)) faults.push(`${name} must be a whole number from ${min} to ${max}`);
    return number;
  };
  const url = (name: string, protocols: readonly string[]): URL | undefined => {
    if (!env[name]) return undefined;
    const parsed = URL.canParse(env[name]) ? new URL(env[name]) : undefined;
    if (parsed && protocols.includes(parsed.protocol)) return parsed;
    faults.push(`${name} must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`);
    return undefined;
  };
  const flag = (name: string, fallback: 'true' | 'false') => oneOf(name, ['true', 'false'], fallback) === 'true';
  const cidrs = (name: string): readonly string[] => {
    const ranges = (env[name] ?? '').split(',').map((range) => range.trim());
    const named = ranges.filter((range) => range !== '');
    if (!named.every((range) => ipaddr.isValidCIDR(range)))
      faults.push(`${name} must be address ranges separated by commas, as in 10.1.0.0/16,fd00::/8`);
    return named;
  };
  const secret = (value: string | undefined) => (value ? new Secret(value) : undefined);

  const mode = oneOf<Mode>('SIGNET_MODE', ['local', 'production'], 'local');
  const host = text('SIGNET_HOST', '127.0.0.1');
  const port = whole('SIGNET_PORT', 8700, 0, 65_535);
  const database = url('DATABASE_URL', ['mysql:', 'mariadb:']);
  if (database && database.pathname.length < 2)
    faults.push('DATABASE_URL must name a database, as in mysql://user:password@host:3306/signet');
  url('REDIS_URL', ['redis:', 'rediss:']);
  const edge = readEdge(env, faults, mode);
  const publicUrl =
    url('SIGNET_PUBLIC_URL', ['http:', 'https:'])?.href.replace(/\/$/, '') ??
    `${edge.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const kek: KekConfig = {
    provider: oneOf('SIGNET_KEK_PROVIDER', ['ring', 'vault', 'aws-kms'], 'ring'),
    ...(env['SIGNET_KEK_FILE'] && { file: resolve(env['SIGNET_KEK_FILE']) }),
    ...(env['SIGNET_KEK'] && { inline: new Secret(env['SIGNET_KEK']) }),
    ...(env['CREDENTIALS_DIRECTORY'] && { credentialsDirectory: env['CREDENTIALS_DIRECTORY'] }),
    ...readVault(env, url, faults),
    ...readAwsKms(env, url, faults),
  };
  if (kek.file && kek.inline) faults.push('SIGNET_KEK_FILE and SIGNET_KEK exclude each other');
  if (kek.provider === 'vault' && !env['SIGNET_VAULT_ADDR']) faults.push('SIGNET_KEK_PROVIDER=vault needs SIGNET_VAULT_ADDR');
  if (kek.provider === 'aws-kms' && !env['SIGNET_AWS_KMS_KEY_ID']) faults.push('SIGNET_KEK_PROVIDER=aws-kms needs SIGNET_AWS_KMS_KEY_ID');
  const identityFile = env['SIGNET_IDENTITY_FILE'];
  const identity = identityFile ? readIdentityFile(resolve(identityFile), env['SIGNET_IDENTITY_PASSWORD'], faults) : undefined;
  for (const name of identityFile ? ['SIGNET_IAM_FILE', 'SIGNET_ADMIN_PASSWORD'] : ['SIGNET_IDENTITY_PASSWORD'])
    if (env[name]) faults.push(`${name} ${identityFile ? 'is for the embedded identity service' : 'needs SIGNET_IDENTITY_FILE'}`);
  // Its demonstration stands in the project default, which the embedded identity service makes.
  const embeddable = mode === 'local' && !identityFile && !edge.tls;
  const embedded = oneOf('SIGNET_EMBEDDED_GATEWAY', ['on', 'off'], embeddable ? 'on' : 'off') === 'on';
  if (embedded && edge.tls) faults.push('SIGNET_EMBEDDED_GATEWAY=on speaks plain HTTP: not with SIGNET_TLS_CERT_FILE');
  if (embedded && (mode !== 'local' || identityFile))
    faults.push('SIGNET_EMBEDDED_GATEWAY=on is for the local mode with its own identity service: run signet gateway');
  const ports = {
    proxyPort: whole('SIGNET_GATEWAY_PORT', 8710, 0, 65_535),
    signPort: whole('SIGNET_GATEWAY_SIGN_PORT', 8711, 0, 65_535),
    backendPort: whole('SIGNET_DEMO_BACKEND_PORT', 8720, 0, 65_535),
  };
  const config = new Config({
    mode,
    host,
    port,
    dataDir: resolve(text('SIGNET_DATA_DIR', 'data')),
    databaseUrl: secret(database?.href),
    databasePoolSize: whole('SIGNET_DATABASE_POOL_SIZE', 32, 2, 1000),
    redisUrl: secret(env['REDIS_URL']),
    kek,
    embedded: embedded ? ports : undefined,
    gatewayPlaintext: oneOf('SIGNET_GATEWAY_PLAINTEXT', ['refuse', 'allow'], 'refuse') === 'allow',
    identity,
    adminPassword: secret(env['SIGNET_ADMIN_PASSWORD']),
    iamFile: env['SIGNET_IAM_FILE'] ? resolve(env['SIGNET_IAM_FILE']) : undefined,
    tokenTtlSeconds: whole('SIGNET_TOKEN_TTL_SECONDS', 86_400, 60, 86_400 * 7),
    region: text('SIGNET_REGION', 'local'),
    publicUrl,
    bodyLimitBytes: whole('SIGNET_BODY_LIMIT_BYTES', 12 * MIB, 1024, 256 * MIB),
    headersTimeoutMs: whole('SIGNET_HEADERS_TIMEOUT_MS', 10_000, 100, 600_000),
    requestTimeoutMs: whole('SIGNET_REQUEST_TIMEOUT_MS', 60_000, 100, 3_600_000),
    shutdownGraceMs: whole('SIGNET_SHUTDOWN_GRACE_MS', 10_000, 0, 600_000),
    logLevel: oneOf('SIGNET_LOG_LEVEL', LEVELS, 'info'),
    signUpdateOmitted: oneOf('SIGNET_SIGN_UPDATE_OMITTED', ['keep', 'regenerate'], 'keep'),
    signNumLimit: whole('SIGNET_SIGN_NUM_LIMIT', 200, 1, 1_000_000),
    instanceNumLimit: whole('SIGNET_INSTANCE_NUM_LIMIT', 5, 1, 1_000_000),
    auditDeniedRows: whole('SIGNET_AUDIT_DENIED_ROWS', 300_000, 1000, 100_000_000),
    auditDeniedWindowSeconds: whole('SIGNET_AUDIT_DENIED_WINDOW_SECONDS', 5, 1, 3600),
    edge,
    basicKeyLeadingDigit: flag('SIGNET_BASIC_KEY_LEADING_DIGIT', 'true'),
    webhooks: Object.freeze({
      allowHttp: flag('SIGNET_WEBHOOK_ALLOW_HTTP', 'false'),
      allowCidrs: cidrs('SIGNET_WEBHOOK_ALLOW_CIDRS'),
      checkDns: flag('SIGNET_WEBHOOK_CHECK_DNS', 'true'),
      delivery: oneOf('SIGNET_WEBHOOK_DELIVERY', ['on', 'off'], 'on') === 'on',
      timeoutMs: whole('SIGNET_WEBHOOK_TIMEOUT_MS', 20_000, 100, 60_000),
      concurrency: whole('SIGNET_WEBHOOK_CONCURRENCY', 512, 1, 4096),
      retentionHours: whole('SIGNET_WEBHOOK_RETENTION_HOURS', 720, 1, 87_600),
      logDays: whole('SIGNET_WEBHOOK_LOG_DAYS', 90, 1, 3650),
    }),
  });
  if (faults.length > 0) throw new ConfigError(faults);
  delete env['SIGNET_KEK'];
  delete env['SIGNET_VAULT_TOKEN'];
  delete env['SIGNET_ADMIN_PASSWORD'];
  delete env['SIGNET_IDENTITY_PASSWORD'];
  return config;
}

type Environment = Record<string, string | undefined>;
type ReadUrl = (name: string, protocols: readonly string[]) => URL | undefined;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Data keys go to this address in clear. */
function privateUrl(name: string, url: ReadUrl, faults: string[]): string | undefined {
  const parsed = url(name, ['http:', 'https:']);
  if (parsed?.protocol === 'http:' && !LOOPBACK.test(parsed.hostname)) faults.push(`${name} must be https (or http on loopback)`);
  if (parsed && (parsed.username || parsed.search || parsed.hash)) faults.push(`${name} must have no user, query or fragment`);
  return parsed?.href.replace(/\/$/, '');
}

function readVault(env: Environment, url: ReadUrl, faults: string[]): Pick<KekConfig, 'vault'> {
  const address = privateUrl('SIGNET_VAULT_ADDR', url, faults);
  if (!env['SIGNET_VAULT_ADDR']) return {};
  const { SIGNET_VAULT_TOKEN: token, SIGNET_VAULT_TOKEN_FILE: tokenFile, SIGNET_VAULT_NAMESPACE: namespace } = env;
  const { SIGNET_VAULT_TRANSIT_KEY: key = '', SIGNET_VAULT_CA_FILE: caFile } = env;
  const mount = env['SIGNET_VAULT_TRANSIT_MOUNT'] || 'transit';
  if (!token === !tokenFile) faults.push('SIGNET_VAULT_ADDR needs one of SIGNET_VAULT_TOKEN and SIGNET_VAULT_TOKEN_FILE');
  if (!/^[A-Za-z0-9_.-]{1,128}$/.test(key)) faults.push('SIGNET_VAULT_TRANSIT_KEY must be the name of a transit key');
  if (!/^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/.test(mount) || mount.length > 64)
    faults.push('SIGNET_VAULT_TRANSIT_MOUNT must be a path without a slash at either end');
  return {
    vault: {
      address: address ?? '',
      mount,
      key,
      ...(token && { token: new Secret(token) }),
      ...(tokenFile && { tokenFile: resolve(tokenFile) }),
      ...(namespace && { namespace }),
      ...(caFile && { caFile: resolve(caFile) }),
    },
  };
}

function readAwsKms(env: Environment, url: ReadUrl, faults: string[]): Pick<KekConfig, 'awsKms'> {
  const endpoint = privateUrl('SIGNET_AWS_KMS_ENDPOINT', url, faults);
  const { SIGNET_AWS_KMS_KEY_ID: keyId, SIGNET_AWS_REGION: region } = env;
  if (!keyId) return {};
  if (!/^[A-Za-z0-9:/_-]{1,256}$/.test(keyId)) faults.push('SIGNET_AWS_KMS_KEY_ID must be the id, ARN or alias of a KMS key');
  return { awsKms: { keyId, ...(region && { region }), ...(endpoint && { endpoint }) } };
}

/** Creates the data folder, private to its owner, and answers a path in it. */
export function inDataDir(config: Config, file: string): string {
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  return join(config.dataDir, file);
}

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

/** The product's version, from package.json. */
export const VERSION = manifest.version;
