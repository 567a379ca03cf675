import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { createSecureContext } from 'node:tls';
import { ConfigError, LEVELS, VARIABLES } from './config.js';
import { GATEWAY_VARIABLES } from './gateway-variables.js';
import { Secret } from './secret.js';

export interface HaproxyConfig {
  socket: { path: string } | { host: string; port: number };
  maps: string;
  drainMs: number;
}

/** A gateway node's configuration: read once, validated as a whole. */
export interface GatewayConfig {
  /** Without a slash at its end. */
  controlPlaneUrl: string;
  /** PEM texts; empty: the system's authorities, and no certificate of this node. */
  controlPlaneTls: { ca?: string; cert?: string; key?: Secret };
  token: Secret;
  instanceId: string;
  nodeId: string;
  proxy: { host: string; port: number };
  sign: { host: string; port: number };
  /** Absent: no signing proxy. */
  upstream: URL | undefined;
  upstreamHost: 'preserve' | 'upstream';
  upstreamTimeoutMs: number;
  idleTimeoutMs: number;
  /** Absent: the header X-Stage says. */
  environment: string | undefined;
  unbound: 'refuse' | 'unsigned';
  largeBody: 'refuse' | 'unsigned-payload';
  bodyLimitBytes: number;
  bufferBytes: number;
  haproxy: HaproxyConfig | undefined;
  shutdownGraceMs: number;
  logLevel: string;
}

const MIB = 1024 * 1024;
const ID = /^[A-Za-z0-9_-]{1,64}$/;
const NODE_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;

/**
 * Reads and validates the environment of `signet gateway`.
 * @param env usually `process.env`; `SIGNET_GATEWAY_TOKEN` is removed from it once read
 * @throws ConfigError naming every fault at once
 */
export function readGatewayConfig(env: Record<string, string | undefined>): GatewayConfig {
  const faults: string[] = [];
  for (const name of Object.keys(env)) {
    if (name.startsWith('SIGNET_') && !(name in GATEWAY_VARIABLES || name in VARIABLES))
      faults.push(`${name} is not a variable of Signet (see .env.example)`);
  }
  const text = (name: string, fallback = '') => env[name] || fallback;
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
  const url = (name: string): URL | undefined => {
    if (!env[name]) return undefined;
    const parsed = URL.canParse(env[name]) ? new URL(env[name]) : undefined;
    if (parsed && /^https?:$/.test(parsed.protocol) && !parsed.search && !parsed.hash && !parsed.username) return parsed;
    faults.push(`${name} must be a URL that starts with http:// or https:// and has neither user, query nor fragment`);
    return undefined;
  };
  const id = (name: string, fallback: string, form: RegExp, words: string): string => {
    const value = text(name, fallback);
    if (value === '') faults.push(`${name} is needed`);
    else if (!form.test(value)) faults.push(`${name} must be 1 to 64 letters, digits and ${words}`);
    return value;
  };

  const controlPlane = url('SIGNET_CONTROL_PLANE_URL');
  if (!env['SIGNET_CONTROL_PLANE_URL']) faults.push('SIGNET_CONTROL_PLANE_URL is needed');
  const config: GatewayConfig = {
    controlPlaneUrl: controlPlane?.href.replace(/\/$/, '') ?? '',
    controlPlaneTls: controlPlaneTls(env, faults),
    token: credential(env, faults),
    instanceId: id('SIGNET_INSTANCE_ID', '', ID, '_ -'),
    nodeId: id('SIGNET_NODE_ID', defaultNodeId(), NODE_ID, '. _ : -'),
    proxy: { host: text('SIGNET_GATEWAY_HOST', '127.0.0.1'), port: whole('SIGNET_GATEWAY_PORT', 8710, 0, 65_535) },
    sign: { host: text('SIGNET_GATEWAY_SIGN_HOST', '127.0.0.1'), port: whole('SIGNET_GATEWAY_SIGN_PORT', 8711, 0, 65_535) },
    upstream: url('SIGNET_GATEWAY_UPSTREAM'),
    upstreamHost: oneOf('SIGNET_GATEWAY_UPSTREAM_HOST', ['preserve', 'upstream'], 'preserve'),
    upstreamTimeoutMs: whole('SIGNET_GATEWAY_UPSTREAM_TIMEOUT_MS', 60_000, 1, 600_000),
    idleTimeoutMs: whole('SIGNET_GATEWAY_IDLE_TIMEOUT_MS', 300_000, 1000, 86_400_000),
    environment: env['SIGNET_GATEWAY_ENVIRONMENT'] || undefined,
    unbound: oneOf('SIGNET_GATEWAY_UNBOUND', ['refuse', 'unsigned'], 'refuse'),
    largeBody: oneOf('SIGNET_GATEWAY_LARGE_BODY', ['refuse', 'unsigned-payload'], 'refuse'),
    bodyLimitBytes: whole('SIGNET_GATEWAY_BODY_LIMIT_BYTES', 12 * MIB, 0, 256 * MIB),
    bufferBytes: whole('SIGNET_GATEWAY_BUFFER_BYTES', 256 * MIB, MIB, 64 * 1024 * MIB),
    haproxy: haproxy(env, faults, whole('SIGNET_GATEWAY_HAPROXY_DRAIN_MS', 10_000, 0, 3_600_000)),
    shutdownGraceMs: whole('SIGNET_SHUTDOWN_GRACE_MS', 10_000, 0, 600_000),
    logLevel: oneOf('SIGNET_LOG_LEVEL', LEVELS, 'info'),
  };
  if (faults.length > 0) throw new ConfigError(faults);
  delete env['SIGNET_GATEWAY_TOKEN'];
  return config;
}

/** Another one at each start: the node that was is forgotten when it says goodbye, or shows as unreachable. */
const defaultNodeId = () =>
  `${
    hostname()
      .replaceAll(/[^A-Za-z0-9._-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 50) || 'node'
  }-${process.pid}`;

function controlPlaneTls(env: Record<string, string | undefined>, faults: string[]): GatewayConfig['controlPlaneTls'] {
  const text = (name: string) => {
    try {
      return env[name] ? readFileSync(env[name], 'utf8') : undefined;
    } catch (error) {
      faults.push(`${name} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
      return '';
    }
  };
  const [ca, cert, key] = [
    text('SIGNET_CONTROL_PLANE_CA_FILE'),
    text('SIGNET_CONTROL_PLANE_CERT_FILE'),
    text('SIGNET_CONTROL_PLANE_KEY_FILE'),
  ];
  if ((cert === undefined) !== (key === undefined))
    faults.push('SIGNET_CONTROL_PLANE_CERT_FILE and SIGNET_CONTROL_PLANE_KEY_FILE are needed together');
  if ((ca ?? cert) !== undefined && !env['SIGNET_CONTROL_PLANE_URL']?.startsWith('https:'))
    faults.push(
      'SIGNET_CONTROL_PLANE_CA_FILE and SIGNET_CONTROL_PLANE_CERT_FILE are for a SIGNET_CONTROL_PLANE_URL that starts with https://',
    );
  try {
    createSecureContext({ ca, cert, key });
  } catch (error) {
    faults.push(`SIGNET_CONTROL_PLANE_CA_FILE, _CERT_FILE or _KEY_FILE is not what it should be: ${(error as Error).message}`);
  }
  return { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key: new Secret(key) }) };
}

function credential(env: Record<string, string | undefined>, faults: string[]): Secret {
  const [inline, file] = [env['SIGNET_GATEWAY_TOKEN'], env['SIGNET_GATEWAY_TOKEN_FILE']];
  if (inline && file) faults.push('SIGNET_GATEWAY_TOKEN and SIGNET_GATEWAY_TOKEN_FILE exclude each other');
  if (!inline && !file) faults.push('SIGNET_GATEWAY_TOKEN or SIGNET_GATEWAY_TOKEN_FILE is needed');
  let token = inline ?? '';
  try {
    if (file) token = readFileSync(file, 'utf8');
  } catch (error) {
    faults.push(`SIGNET_GATEWAY_TOKEN_FILE cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
    return new Secret('');
  }
  token = token.trim();
  if ((inline || file) && !/^[\x21-\x7e]+$/.test(token)) faults.push('the gateway credential must be one word of visible ASCII');
  return new Secret(token);
}

function haproxy(env: Record<string, string | undefined>, faults: string[], drainMs: number): HaproxyConfig | undefined {
  const socket = env['SIGNET_GATEWAY_HAPROXY_SOCKET'];
  if (!socket) return undefined;
  const maps = (env['SIGNET_GATEWAY_HAPROXY_MAPS'] || '/etc/haproxy/signet').replace(/\/$/, '');
  if (/[\s;\\#]/.test(maps)) faults.push('SIGNET_GATEWAY_HAPROXY_MAPS must be a path without spaces, ; # and backslashes');
  const [, host, port] = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(socket) ?? [];
  if (host !== undefined) return { socket: { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }, maps, drainMs };
  if (!socket.startsWith('/')) faults.push('SIGNET_GATEWAY_HAPROXY_SOCKET must be an absolute path or HOST:PORT');
  return { socket: { path: socket }, maps, drainMs };
}
