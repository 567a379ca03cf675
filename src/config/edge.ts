import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import ipaddr from 'ipaddr.js';

/** So many requests in so many seconds. */
export interface Rate {
  readonly requests: number;
  readonly seconds: number;
}

/** Absolute paths of PEM files. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Of the authority whose certificates machines must present. */
  readonly clientCaFile: string | undefined;
}

/** What stands between the network and the routes. */
export interface EdgeConfig {
  /** Absent: not limited. */
  readonly limits: {
    readonly principal: Rate | undefined;
    readonly address: Rate | undefined;
    /** Failed ones. */
    readonly loginUser: Rate | undefined;
    readonly loginAddress: Rate | undefined;
  };
  /** Absent: the port speaks plain HTTP, for a proxy that speaks TLS. */
  readonly tls: TlsFiles | undefined;
  /** Origins whose pages may call. */
  readonly corsOrigins: readonly string[];
  /** Addresses and networks of proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
}

/**
 * Terraform's providers sleep for minutes when they are answered 429 (apig §6.6), so these are for clients that run away and not for
 * those that are busy: 300 requests a second for one user, 600 for one address. The local mode has no limits.
 */
const PRODUCTION = { principal: '18000/60', address: '36000/60' };
const FAILED_LOGINS = '100/300';

/** The variables of this part, with their words. */
export const EDGE_VARIABLES: Record<string, string> = {
  SIGNET_RATE_LIMIT_PRINCIPAL: `requests of one user, as REQUESTS/SECONDS, or off (production: ${PRODUCTION.principal}, local: off)`,
  SIGNET_RATE_LIMIT_ADDRESS: `requests of one address; machines count apart, probes not at all (production: ${PRODUCTION.address}, local: off)`,
  SIGNET_LOGIN_LIMIT_USER: `failed logins of one user, a tenth of them from one address, as FAILURES/SECONDS, or off (${FAILED_LOGINS})`,
  SIGNET_LOGIN_LIMIT_ADDRESS: `failed logins from one address, and apart from them wrong API keys (${FAILED_LOGINS})`,
  SIGNET_TLS_CERT_FILE: 'certificate and chain (PEM): the port speaks TLS 1.2 and 1.3; renewed files are read again',
  SIGNET_TLS_KEY_FILE: 'its key (PEM)',
  SIGNET_TLS_CLIENT_CA_FILE: 'authority (PEM) of the client certificates that gateways and verifiers must then present',
  SIGNET_CORS_ORIGINS: 'origins, separated by commas, whose pages may call; unset: none',
  SIGNET_TRUSTED_PROXIES: 'addresses and networks (CIDR), separated by commas, of proxies whose X-Forwarded-For names the caller (none)',
};

type Environment = Record<string, string | undefined>;

/** Reads the part of the environment; what is wrong is added to `faults`. */
export function readEdge(env: Environment, faults: string[], mode: 'local' | 'production'): EdgeConfig {
  const local = mode === 'local';
  return Object.freeze({
    trustedProxies: networks(env, faults),
    corsOrigins: origins(env, faults),
    tls: tlsFiles(env, faults),
    limits: Object.freeze({
      principal: rate(env, faults, 'SIGNET_RATE_LIMIT_PRINCIPAL', local ? 'off' : PRODUCTION.principal),
      address: rate(env, faults, 'SIGNET_RATE_LIMIT_ADDRESS', local ? 'off' : PRODUCTION.address),
      loginUser: rate(env, faults, 'SIGNET_LOGIN_LIMIT_USER', FAILED_LOGINS),
      loginAddress: rate(env, faults, 'SIGNET_LOGIN_LIMIT_ADDRESS', FAILED_LOGINS),
    }),
  });
}

function rate(env: Environment, faults: string[], name: string, fallback: string): Rate | undefined {
  const value = env[name] || fallback;
  if (value === 'off') return undefined;
  const [, requests, seconds] = /^([1-9]\d{0,8})\/([1-9]\d{0,4})$/.exec(value) ?? [];
  if (requests === undefined || seconds === undefined)
    faults.push(`${name} must be off, or a number of times and of seconds such as 600/60`);
  return Object.freeze({ requests: Number(requests), seconds: Number(seconds) });
}

const listed = (value: string | undefined) =>
  (value ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

function tlsFiles(env: Environment, faults: string[]): TlsFiles | undefined {
  const file = (name: string) => {
    const path = env[name] ? resolve(env[name]) : undefined;
    try {
      if (path !== undefined) accessSync(path, constants.R_OK);
    } catch (error) {
      faults.push(`${name} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
    }
    return path;
  };
  const [certFile, keyFile, clientCaFile] = [file('SIGNET_TLS_CERT_FILE'), file('SIGNET_TLS_KEY_FILE'), file('SIGNET_TLS_CLIENT_CA_FILE')];
  if (certFile !== undefined && keyFile !== undefined) return Object.freeze({ certFile, keyFile, clientCaFile });
  if (certFile ?? keyFile ?? clientCaFile) faults.push('SIGNET_TLS_CERT_FILE and SIGNET_TLS_KEY_FILE are needed together');
  return undefined;
}

function origins(env: Environment, faults: string[]): readonly string[] {
  const list = listed(env['SIGNET_CORS_ORIGINS']);
  if (!list.every((origin) => /^https?:/.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin))
    faults.push('SIGNET_CORS_ORIGINS must be origins such as https://console.example.com, separated by commas');
  return Object.freeze(list);
}

function networks(env: Environment, faults: string[]): readonly string[] {
  const list = listed(env['SIGNET_TRUSTED_PROXIES']);
  if (!list.every(isNetwork))
    faults.push('SIGNET_TRUSTED_PROXIES must be addresses and networks such as 10.0.0.0/8 or fd00::1, separated by commas');
  return Object.freeze(list);
}

/** A network that is every address would let every caller choose its own. */
const isNetwork = (entry: string) =>
  entry.includes('/')
    ? ipaddr.isValidCIDR(entry) && !entry.endsWith('/0')
    : entry.includes(':')
      ? ipaddr.isValid(entry)
      : ipaddr.IPv4.isValidFourPartDecimal(entry);
