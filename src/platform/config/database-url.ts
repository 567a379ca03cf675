import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { Secret } from './secret.js';

/** TLS options of a database connection, as PEM texts. Without `ca`, the system's authorities are trusted. */
export interface DatabaseTls {
  mode: 'VERIFY_IDENTITY' | 'VERIFY_CA' | 'REQUIRED';
  ca?: string;
  cert?: string;
  key?: Secret;
}

/** A MariaDB or MySQL server, and the database on it. */
export interface DatabaseServer {
  /** Host name or address; an IPv6 address has no brackets. */
  host: string;
  port: number;
  user: string;
  password: Secret | undefined;
  database: string;
  /** Absent: no TLS. */
  tls: DatabaseTls | undefined;
}

const PORT = 3306;
const MODES = ['VERIFY_IDENTITY', 'VERIFY_CA', 'REQUIRED', 'DISABLED'] as const;
type Mode = (typeof MODES)[number];
const FILES = ['ssl-ca', 'ssl-cert', 'ssl-key'] as const;
const PARAMETERS: readonly string[] = ['ssl-mode', ...FILES];
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

/**
 * Parses `DATABASE_URL`: mysql://user:password@host:3306/database?ssl-mode=…&ssl-ca=FILE. Names and passwords are percent-encoded. A remote
 * server must use TLS, and its certificate must match its name, unless the URL says otherwise.
 * @param faults receives the errors, without secrets
 */
export function readDatabaseUrl(text: string | undefined, faults: string[]): DatabaseServer | undefined {
  if (!text) return undefined;
  const fault = (words: string) => void faults.push(`DATABASE_URL ${words}`);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['mysql:', 'mariadb:'].includes(url.protocol) || url.hostname === '') {
    fault('must be a URL that starts with mysql:// or mariadb://, as in mysql://user:password@host:3306/signet');
    return undefined;
  }
  const decoded = (part: string, what: string) => {
    try {
      return decodeURIComponent(part);
    } catch {
      fault(`has a ${what} that is not correctly percent-encoded`);
      return '';
    }
  };
  const database = decoded(url.pathname.slice(1), 'database name');
  if (database === '') fault('must name a database, as in mysql://user:password@host:3306/signet');
  const host = decoded(url.hostname.replace(/^\[|\]$/g, ''), 'host');
  const password = decoded(url.password, 'password');
  return {
    host,
    port: url.port === '' ? PORT : Number(url.port),
    user: decoded(url.username, 'user name'),
    password: password === '' ? undefined : new Secret(password),
    database,
    tls: tlsOf(url, host, fault),
  };
}

function tlsOf({ searchParams: parameters }: URL, host: string, fault: (words: string) => void): DatabaseTls | undefined {
  for (const name of new Set(parameters.keys())) {
    if (!PARAMETERS.includes(name)) fault(`has the unknown parameter ${name}; the known ones are ${PARAMETERS.join(', ')}`);
    else if (parameters.getAll(name).length > 1) fault(`has the parameter ${name} more than once`);
  }
  const local = LOOPBACK.test(host);
  const named = parameters.get('ssl-mode');
  const files = FILES.filter((name) => parameters.has(name));
  const mode = (named ?? (local && files.length === 0 ? 'DISABLED' : 'VERIFY_IDENTITY')) as Mode;
  if (!MODES.includes(mode)) fault(`has an unknown ssl-mode; it must be one of ${MODES.join(', ')}`);
  if (mode === 'DISABLED') {
    if (files.length > 0) fault(`has ${files.join(', ')} together with ssl-mode=DISABLED, which does not use TLS`);
    return undefined;
  }
  // The driver cannot compare a certificate with an IP address.
  if (mode === 'VERIFY_IDENTITY' && isIP(host) !== 0)
    fault(
      `contains an IP address, which cannot be compared with the server's certificate: use the host name${named === null ? ', or ssl-mode=VERIFY_CA with ssl-ca, or, if the network is trusted, ssl-mode=DISABLED' : ', or ssl-mode=VERIFY_CA'}`,
    );
  const pem = (name: (typeof FILES)[number]) => {
    const path = parameters.get(name);
    try {
      return path === null ? undefined : readFileSync(path, 'utf8');
    } catch (error) {
      fault(`names an ${name} that cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
      return '';
    }
  };
  const [ca, cert, key] = [pem('ssl-ca'), pem('ssl-cert'), pem('ssl-key')];
  if ((cert === undefined) !== (key === undefined)) fault('must contain both ssl-cert and ssl-key, or neither');
  return { mode, ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key: new Secret(key) }) };
}
