import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { createSecureContext } from 'node:tls';
import { listed, networks } from './edge.js';
import { hostAndPort, type Listen, listenOf } from './listen.js';
import { Secret } from './secret.js';
import { type Environment, Values } from './values.js';
import { LEVELS } from './variables.js';

export interface HaproxyConfig {
  socket: { path: string } | Listen;
  /** Socket of HAProxy's master process, if there is one. The master lists the workers that still run after a reload. */
  master: HaproxyConfig['socket'] | undefined;
  maps: string;
  drainMs: number;
  /** If `keep`, HAProxy continues to sign with its maps when this node stops. */
  onStop: 'keep' | 'empty';
}

/** PEM texts. Without them, the system's authorities are trusted and no client certificate is sent. */
export interface ClientTls {
  /** The authority that is trusted instead of the system's authorities. */
  ca?: string;
  cert?: string;
  key?: Secret;
}

/** The configuration of a gateway node: read once and validated as a whole. */
export interface GatewayConfig {
  /** Has no slash at the end. */
  controlPlaneUrl: string;
  controlPlaneTls: ClientTls;
  /** Returns the current credential: a file may contain a renewed one. */
  token: () => Secret;
  instanceId: string;
  /** Folder of the state file. Absent: the next process cannot prove that this one has ended, and receipts wait for its lease. */
  stateFolder: string | undefined;
  nodeId: string;
  proxy: Listen;
  sign: Listen;
  /** Absent: no signing proxy. */
  upstream: URL | undefined;
  upstreamTls: ClientTls;
  upstreamHost: 'preserve' | 'upstream';
  upstreamTimeoutMs: number;
  idleTimeoutMs: number;
  /** Environment of every request. Absent: the header X-Stage selects it. */
  environment: string | undefined;
  unbound: 'refuse' | 'unsigned';
  largeBody: 'refuse' | 'unsigned-payload';
  bodyLimitBytes: number;
  bufferBytes: number;
  /** Minimum average rate of a body; applies after the first seconds. */
  bodyMinBytesPerSecond: number;
  bodyTimeoutMs: number;
  /** Addresses and networks of proxies whose X-Forwarded-* headers are kept. */
  trustedProxies: readonly string[];
  /** Host names under which `/v1/sign` answers, in lower case, in addition to `localhost` and addresses. */
  signHosts: readonly string[];
  haproxy: HaproxyConfig | undefined;
  /** Time after which an idle connection of a client is closed. */
  keepAliveMs: number;
  /** How long `/readyz` answers 503 after SIGTERM before anything else happens. */
  drainMs: number;
  shutdownGraceMs: number;
  logLevel: string;
}

const ID = /^[A-Za-z0-9_-]{1,64}$/;
/** Format of an environment's name in the contract (docs/contracts/apig.md §3.4). */
const ENVIRONMENT = /^[A-Za-z][A-Za-z0-9_]{2,63}$/;
const NODE_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;

/**
 * Reads and validates the environment of `signet gateway`.
 * @param given usually `process.env`. `SIGNET_GATEWAY_TOKEN` is removed from it after it was read
 * @throws ConfigError naming every fault at once
 */
export function readGatewayConfig(given: Record<string, string | undefined>): GatewayConfig {
  const values = new Values(given, 'gateway');
  const { env, faults } = values;
  const url = (name: string): URL | undefined => {
    if (!env[name]) return undefined;
    const parsed = URL.canParse(env[name]) ? new URL(env[name]) : undefined;
    if (parsed && /^https?:$/.test(parsed.protocol) && !parsed.search && !parsed.hash && !parsed.username) return parsed;
    faults.push(`${name} must be a URL that starts with http:// or https:// and has no user, query or fragment`);
    return undefined;
  };
  const id = (name: string, fallback: string, form: RegExp, words: string): string => {
    const value = env[name] || fallback;
    if (value === '') faults.push(`${name} is required`);
    else if (!form.test(value)) faults.push(`${name} must be 1 to 64 letters, digits and ${words}`);
    return value;
  };

  const environment = env['SIGNET_GATEWAY_ENVIRONMENT'] || undefined;
  if (environment !== undefined && !ENVIRONMENT.test(environment))
    faults.push('SIGNET_GATEWAY_ENVIRONMENT must be 3 to 64 letters, digits and _, and must start with a letter');
  const controlPlane = url('SIGNET_CONTROL_PLANE_URL');
  if (!env['SIGNET_CONTROL_PLANE_URL']) faults.push('SIGNET_CONTROL_PLANE_URL is required');
  const config: GatewayConfig = {
    controlPlaneUrl: controlPlane?.href.replace(/\/$/, '') ?? '',
    controlPlaneTls: clientTls(values, 'SIGNET_CONTROL_PLANE_TLS', 'SIGNET_CONTROL_PLANE_URL', [
      'SIGNET_CONTROL_PLANE_TLS.ca',
      'SIGNET_CONTROL_PLANE_TLS.cert',
      'SIGNET_CONTROL_PLANE_TLS.key',
    ]),
    token: credential(env, faults),
    instanceId: id('SIGNET_INSTANCE_ID', '', ID, '_ -'),
    stateFolder: env['SIGNET_GATEWAY_STATE_DIR'] || undefined,
    nodeId: id('SIGNET_NODE_ID', defaultNodeId(), NODE_ID, '. _ : -'),
    proxy: listenOf(values, 'SIGNET_GATEWAY_LISTEN.proxy'),
    sign: listenOf(values, 'SIGNET_GATEWAY_LISTEN.sign'),
    upstream: url('SIGNET_GATEWAY_UPSTREAM'),
    upstreamTls: clientTls(values, 'SIGNET_GATEWAY_UPSTREAM_TLS', 'SIGNET_GATEWAY_UPSTREAM', [
      'SIGNET_GATEWAY_UPSTREAM_TLS.ca',
      'SIGNET_GATEWAY_UPSTREAM_TLS.cert',
      'SIGNET_GATEWAY_UPSTREAM_TLS.key',
    ]),
    upstreamHost: values.oneOf('SIGNET_GATEWAY_RULES.host', ['preserve', 'upstream']),
    upstreamTimeoutMs: values.duration('SIGNET_GATEWAY_TIMEOUTS.upstream', 'ms', '1ms', '10m'),
    idleTimeoutMs: values.duration('SIGNET_GATEWAY_TIMEOUTS.idle', 'ms', '1s', '1d'),
    environment,
    unbound: values.oneOf('SIGNET_GATEWAY_RULES.unbound', ['refuse', 'unsigned']),
    largeBody: values.oneOf('SIGNET_GATEWAY_RULES.large-body', ['refuse', 'unsigned-payload']),
    bodyLimitBytes: values.size('SIGNET_GATEWAY_LIMITS.body', '0', '256MiB'),
    bufferBytes: values.size('SIGNET_GATEWAY_LIMITS.buffer', '1MiB', '64GiB'),
    bodyMinBytesPerSecond: values.size('SIGNET_GATEWAY_LIMITS.body-rate', '0', '1MiB'),
    bodyTimeoutMs: values.duration('SIGNET_GATEWAY_TIMEOUTS.body', 'ms', '1s', '1h'),
    trustedProxies: networks(values, 'SIGNET_TRUSTED_PROXIES'),
    signHosts: hosts(env, faults),
    haproxy: haproxy(values),
    keepAliveMs: values.duration('SIGNET_TIMEOUTS.keep-alive', 'ms', '1s', '1d'),
    drainMs: values.duration('SIGNET_TIMEOUTS.drain', 'ms', '0s', '10m'),
    shutdownGraceMs: values.duration('SIGNET_TIMEOUTS.shutdown', 'ms', '0s', '10m'),
    logLevel: values.oneOf('SIGNET_LOG_LEVEL', LEVELS),
  };
  values.done();
  return config;
}

function hosts(env: Environment, faults: string[]): readonly string[] {
  const list = listed(env['SIGNET_GATEWAY_SIGN_HOSTS']).map((name) => name.toLowerCase());
  if (!list.every((name) => /^[a-z0-9._-]+$/.test(name))) faults.push('SIGNET_GATEWAY_SIGN_HOSTS must be host names, separated by commas');
  return list;
}

/** The default name differs at each start, because the previous process may still be listed as silent. */
const defaultNodeId = () =>
  `${
    hostname()
      .replaceAll(/[^A-Za-z0-9._-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 50) || 'node'
  }-${process.pid}`;

/**
 * Reads the TLS files for one connection.
 * @param name the variable that names the files
 * @param urlName the variable with the URL of the connection
 * @param items the names of the items for the authority, the certificate and its key
 */
function clientTls(values: Values, name: string, urlName: string, items: readonly [ca: string, cert: string, key: string]): ClientTls {
  const { env } = values;
  const text = (item: string) => {
    const file = env[item];
    try {
      return file ? readFileSync(file, 'utf8') : undefined;
    } catch (error) {
      values.fault(item, `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
      return '';
    }
  };
  const [ca, cert, key] = [text(items[0]), text(items[1]), text(items[2])];
  if ((cert === undefined) !== (key === undefined)) values.fault(name, 'must contain both cert and key, or neither');
  if ((ca ?? cert) !== undefined && !env[urlName]?.startsWith('https:'))
    values.fault(name, `requires a ${urlName} that starts with https://`);
  try {
    createSecureContext({ ca, cert, key });
    // A secure context accepts a text without certificates, and then trusts no server.
    if (ca) new X509Certificate(ca);
  } catch (error) {
    values.fault(name, `names a file with invalid content: ${(error as Error).message}`);
  }
  return { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key: new Secret(key) }) };
}

const TOKEN = /^[\x21-\x7e]+$/;

/**
 * Returns a function that reads the credential. A credential file is read with every call, which takes microseconds. If it cannot be read,
 * the previous credential stays in use.
 */
function credential(env: Environment, faults: string[]): () => Secret {
  const [inline, file] = [env['SIGNET_GATEWAY_TOKEN'], env['SIGNET_GATEWAY_TOKEN_FILE']];
  if (inline && file) faults.push('only one of SIGNET_GATEWAY_TOKEN and SIGNET_GATEWAY_TOKEN_FILE may be set');
  if (!inline && !file) faults.push('SIGNET_GATEWAY_TOKEN or SIGNET_GATEWAY_TOKEN_FILE is required');
  let token = inline ?? '';
  try {
    if (file) token = readFileSync(file, 'utf8');
  } catch (error) {
    faults.push(`SIGNET_GATEWAY_TOKEN_FILE cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
    return () => new Secret('');
  }
  token = token.trim();
  if ((inline || file) && !TOKEN.test(token)) faults.push('the gateway credential must consist of visible ASCII characters without spaces');
  let last = new Secret(token);
  if (!file) return () => last;
  return () => {
    try {
      const read = readFileSync(file, 'utf8').trim();
      if (TOKEN.test(read) && read !== last.reveal()) last = new Secret(read);
    } catch {
      // The file is being replaced, or its volume is unavailable.
    }
    return last;
  };
}

function haproxy(values: Values): HaproxyConfig | undefined {
  const address = (name: string): HaproxyConfig['socket'] | undefined => {
    const text = values.env[name];
    if (!text) return undefined;
    const listen = hostAndPort(text);
    if (listen !== undefined) return listen;
    if (!text.startsWith('/')) values.fault(name, 'must be an absolute path or HOST:PORT');
    return { path: text };
  };
  const socket = address('SIGNET_GATEWAY_HAPROXY.socket');
  const master = address('SIGNET_GATEWAY_HAPROXY.master');
  const drainMs = values.duration('SIGNET_GATEWAY_HAPROXY.hard-stop-after', 'ms', '0s', '1h');
  const maps = values.text('SIGNET_GATEWAY_HAPROXY.maps').replace(/\/$/, '');
  if (/[\s;\\#]/.test(maps)) values.fault('SIGNET_GATEWAY_HAPROXY.maps', 'must be a path without spaces, ; # and backslashes');
  const onStop = values.oneOf('SIGNET_GATEWAY_HAPROXY.on-stop', ['keep', 'empty']);
  if (values.env['SIGNET_GATEWAY_HAPROXY'] && !socket) values.fault('SIGNET_GATEWAY_HAPROXY', 'must contain socket');
  return socket && { socket, master, maps, drainMs, onStop };
}
