import { join, resolve } from 'node:path';
import ipaddr from 'ipaddr.js';
import { type DatabaseServer, readDatabaseUrl } from './database-url.js';
import { type EdgeConfig, readEdge } from './edge.js';
import { makeFolder } from './folder.js';
import type { IdentityConfig } from './identity-config.js';
import { type KekConfig, readKek } from './kek-config.js';
import { readIdentityFile } from './identity-file.js';
import { type Listen, listenOf } from './listen.js';
import { Secret } from './secret.js';
import { Values } from './values.js';
import { LEVELS } from './variables.js';

export type Mode = 'local' | 'production';

/** The configuration of the service: read once, validated as a whole, and frozen. This class is the injection token. */
export class Config {
  readonly mode: Mode;
  readonly host: string;
  readonly port: number;
  /** Absolute path of the folder for the embedded database and, in the local mode, the key-encryption key. */
  readonly dataDir: string;
  /** Absent: the embedded SQLite database in {@link dataDir}. */
  readonly database: DatabaseServer | undefined;
  readonly databasePoolSize: number;
  /** How long one request may wait for the database in total: for connections, locks and statements. */
  readonly databaseTimeoutMs: number;
  /** Size at which a checkpoint of the embedded database's write-ahead log starts. */
  readonly databaseLogMib: number;
  /** Redis for change notices between control-plane processes. Absent: each process polls ten times a second while gateway nodes watch. */
  readonly redisUrl: Secret | undefined;
  /** The provider that wraps data keys, the source of the keyring, and the providers that only unwrap (docs/key-encryption.md). */
  readonly kek: KekConfig;
  /** A gateway node and its backend that run in the process of the control plane. */
  readonly embedded: { proxy: Listen; sign: Listen; backendPort: number } | undefined;
  /** Whether gateway nodes and verifiers may connect without TLS in production. */
  readonly gatewayPlaintext: boolean;
  /** An external identity service. Absent: the embedded one. */
  readonly identity: IdentityConfig | undefined;
  readonly adminPassword: Secret | undefined;
  readonly iamFile: string | undefined;
  readonly tokenTtlSeconds: number;
  readonly region: string;
  /** The base URL under which callers reach the service. The service catalogue contains it. */
  readonly publicUrl: string;
  readonly bodyLimitBytes: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Time after which an idle connection of a client is closed. */
  readonly keepAliveMs: number;
  /** How long `/readyz` answers 503 after SIGTERM before the port closes. */
  readonly drainMs: number;
  readonly shutdownGraceMs: number;
  readonly logLevel: string;
  /** What PUT …/signs/{id} does if the body omits the key or the secret (docs/contract.md). */
  readonly signUpdateOmitted: 'keep' | 'regenerate';
  /** Maximum number of signature keys in one gateway (`SIGN_NUM_LIMIT`). */
  readonly signNumLimit: number;
  readonly instanceNumLimit: number;
  /** How long completed receipts and the sessions that they waited for are stored. */
  readonly receiptRetentionDays: number;
  /** The file by which a restore of the database is detected. Absent: a file in {@link dataDir}. */
  readonly pulseFile: string | undefined;
  /** Maximum number of open sessions of one machine credential. */
  readonly sessionsPerCredential: number;
  /** Maximum number of rows about denied requests. When it is exceeded, the oldest rows are deleted. */
  readonly auditDeniedRows: number;
  /** How long a denied request is held in memory, so that equal ones share its row. */
  readonly auditDeniedWindowSeconds: number;
  /** Settings of what runs before the routes. */
  readonly edge: EdgeConfig;
  /** Whether the web console is served. */
  readonly console: boolean;
  /** Whether a basic key may start with a digit, as in acceptance tests (docs/contracts/apig.md §1.3). */
  readonly basicKeyLeadingDigit: boolean;
  /** Allowed targets and delivery of webhooks. */
  readonly webhooks: {
    allowHttp: boolean;
    /** Non-public address ranges to which webhooks may be sent, as `address/bits`. */
    allowCidrs: readonly string[];
    /** Whether a host name is resolved when an endpoint is created. The address of each connection is checked in any case. */
    checkDns: boolean;
    /** If false, messages are accepted and stored, but not sent. */
    delivery: boolean;
    /** Time limit of one delivery attempt, including the connection. */
    timeoutMs: number;
    /** Maximum number of concurrent delivery attempts in this process. */
    concurrency: number;
    /** Time without a successful delivery after which a failing endpoint is disabled; 0: never. */
    disableAfterHours: number;
    /** Default and maximum retention of a message's payload. */
    retentionHours: number;
    /** Retention of a finished message without its payload. */
    logDays: number;
  };

  constructor(values: Omit<Config, never>) {
    Object.assign(this, values);
    Object.freeze(this);
  }
}

const MIB = 1024 * 1024;
const DENIED_WINDOW_SECONDS = 5;

/**
 * Reads and validates the environment. An empty variable counts as not set.
 * @param given usually `process.env`. `SIGNET_KEK`, `SIGNET_VAULT_TOKEN`, `SIGNET_ADMIN_PASSWORD` and `SIGNET_IDENTITY_PASSWORD` are
 * removed from it after they were read
 * @throws ConfigError naming every fault at once
 */
export function readConfig(given: Record<string, string | undefined>): Config {
  const values = new Values(given, 'control plane');
  const { env, faults } = values;
  const url = (name: string, protocols: readonly string[]): URL | undefined => {
    if (!env[name]) return undefined;
    const parsed = URL.canParse(env[name]) ? new URL(env[name]) : undefined;
    if (parsed && protocols.includes(parsed.protocol)) return parsed;
    values.fault(name, `must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`);
    return undefined;
  };
  const cidrs = (name: string): readonly string[] => {
    const ranges = (env[name] ?? '').split(',').map((range) => range.trim());
    const named = ranges.filter((range) => range !== '');
    if (!named.every((range) => ipaddr.isValidCIDR(range)))
      faults.push(`${name} must be address ranges separated by commas, as in 10.1.0.0/16,fd00::/8`);
    return named;
  };
  const secret = (value: string | undefined) => (value ? new Secret(value) : undefined);

  const mode = values.oneOf<Mode>('SIGNET_MODE', ['local', 'production']);
  const host = values.text('SIGNET_HOST');
  const port = values.whole('SIGNET_PORT', 0, 65_535);
  const database = readDatabaseUrl(env['DATABASE_URL'], faults);
  const headersTimeoutMs = values.duration('SIGNET_TIMEOUTS.headers', 'ms', '100ms', '10m');
  const requestTimeoutMs = values.duration('SIGNET_TIMEOUTS.request', 'ms', '100ms', '1h');
  if (headersTimeoutMs > requestTimeoutMs)
    faults.push('SIGNET_TIMEOUTS: headers must not be longer than request, which limits the whole request');
  url('REDIS_URL', ['redis:', 'rediss:']);
  const edge = readEdge(values);
  const publicUrl =
    url('SIGNET_PUBLIC_URL', ['http:', 'https:'])?.href.replace(/\/$/, '') ??
    `${edge.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const kek = readKek(values, url);
  const identityFile = env['SIGNET_IDENTITY_FILE'];
  const identity = identityFile ? readIdentityFile(resolve(identityFile), env['SIGNET_IDENTITY_PASSWORD'], faults) : undefined;
  for (const name of identityFile ? ['SIGNET_IAM_FILE', 'SIGNET_ADMIN_PASSWORD'] : ['SIGNET_IDENTITY_PASSWORD'])
    if (env[name])
      faults.push(`${name} ${identityFile ? 'cannot be set together with SIGNET_IDENTITY_FILE' : 'requires SIGNET_IDENTITY_FILE'}`);
  // The embedded gateway uses the project `default`, which the embedded identity service creates.
  const embeddable = mode === 'local' && !identityFile && !edge.tls;
  const embedded = values.oneOf('SIGNET_EMBEDDED_GATEWAY', ['on', 'off'], embeddable ? 'on' : 'off') === 'on';
  if (embedded && edge.tls)
    faults.push('SIGNET_EMBEDDED_GATEWAY=on cannot be combined with SIGNET_TLS, because the embedded gateway uses plain HTTP');
  if (embedded && (mode !== 'local' || identityFile))
    faults.push('SIGNET_EMBEDDED_GATEWAY=on requires SIGNET_MODE=local and the embedded identity service: run signet gateway instead');
  const beside = {
    proxy: listenOf(values, 'SIGNET_GATEWAY_LISTEN.proxy'),
    sign: listenOf(values, 'SIGNET_GATEWAY_LISTEN.sign'),
    backendPort: values.whole('SIGNET_GATEWAY_LISTEN.demo-backend', 0, 65_535),
  };
  const config = new Config({
    mode,
    host,
    port,
    dataDir: resolve(values.text('SIGNET_DATA_DIR')),
    database,
    databasePoolSize: values.whole('SIGNET_LIMITS.database-connections', 2, 1000),
    databaseLogMib: Math.floor(values.size('SIGNET_LIMITS.database-log', '1MiB', '4GiB') / MIB),
    databaseTimeoutMs: values.duration('SIGNET_TIMEOUTS.database', 'ms', '100ms', '10m'),
    redisUrl: secret(env['REDIS_URL']),
    kek,
    embedded: embedded ? beside : undefined,
    gatewayPlaintext: values.oneOf('SIGNET_GATEWAY_PLAINTEXT', ['refuse', 'allow']) === 'allow',
    identity,
    adminPassword: secret(env['SIGNET_ADMIN_PASSWORD']),
    iamFile: env['SIGNET_IAM_FILE'] ? resolve(env['SIGNET_IAM_FILE']) : undefined,
    tokenTtlSeconds: values.duration('SIGNET_LIMITS.token-life', 's', '60s', '7d'),
    region: values.text('SIGNET_REGION'),
    publicUrl,
    bodyLimitBytes: values.size('SIGNET_LIMITS.body', '1KiB', '256MiB'),
    headersTimeoutMs,
    requestTimeoutMs,
    keepAliveMs: values.duration('SIGNET_TIMEOUTS.keep-alive', 'ms', '1s', '1d'),
    drainMs: values.duration('SIGNET_TIMEOUTS.drain', 'ms', '0s', '10m'),
    shutdownGraceMs: values.duration('SIGNET_TIMEOUTS.shutdown', 'ms', '0s', '10m'),
    logLevel: values.oneOf('SIGNET_LOG_LEVEL', LEVELS),
    signUpdateOmitted: values.oneOf('SIGNET_SIGN_RULES.omitted', ['keep', 'regenerate']),
    signNumLimit: values.whole('SIGNET_LIMITS.signs', 1, 1_000_000),
    instanceNumLimit: values.whole('SIGNET_LIMITS.instances', 1, 1_000_000),
    receiptRetentionDays: values.duration('SIGNET_RETENTION.receipts', 'd', '1d', '36500d'),
    pulseFile: env['SIGNET_PULSE_FILE'] ? resolve(env['SIGNET_PULSE_FILE']) : undefined,
    sessionsPerCredential: values.whole('SIGNET_LIMITS.sessions', 1, 100_000),
    auditDeniedRows: values.whole('SIGNET_RETENTION.denied-rows', 1000, 100_000_000),
    auditDeniedWindowSeconds: DENIED_WINDOW_SECONDS,
    edge,
    console: values.oneOf('SIGNET_CONSOLE', ['on', 'off']) === 'on',
    basicKeyLeadingDigit: values.oneOf('SIGNET_SIGN_RULES.leading-digit', ['accept', 'refuse']) === 'accept',
    webhooks: Object.freeze({
      allowHttp: values.oneOf('SIGNET_WEBHOOKS.http', ['refuse', 'allow']) === 'allow',
      allowCidrs: cidrs('SIGNET_WEBHOOK_ALLOW_CIDRS'),
      checkDns: values.oneOf('SIGNET_WEBHOOKS.check-dns', ['on', 'off']) === 'on',
      delivery: values.oneOf('SIGNET_WEBHOOKS.delivery', ['on', 'off']) === 'on',
      timeoutMs: values.duration('SIGNET_WEBHOOKS.timeout', 'ms', '100ms', '60s'),
      concurrency: values.whole('SIGNET_WEBHOOKS.concurrency', 1, 4096),
      disableAfterHours: values.duration('SIGNET_WEBHOOKS.disable-after', 'h', '0h', '365d'),
      retentionHours: values.duration('SIGNET_RETENTION.webhook-payloads', 'h', '1h', '3650d'),
      logDays: values.duration('SIGNET_RETENTION.webhook-messages', 'd', '1d', '3650d'),
    }),
  });
  values.done();
  return config;
}

/**
 * Creates the data folder, accessible to its owner only, and returns the path of a file in it.
 * @throws Error with advice for the operator when the folder cannot be created or is not a folder
 */
export function inDataDir(config: Config, file: string): string {
  try {
    makeFolder(config.dataDir);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    throw new Error(`SIGNET_DATA_DIR: ${config.dataDir} cannot be created or used as a folder (${code})`, { cause: error });
  }
  return join(config.dataDir, file);
}
