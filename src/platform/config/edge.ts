import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import ipaddr from 'ipaddr.js';
import type { Rate, Values } from './values.js';

/** Absolute paths of PEM files. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** The authority that issues the client certificates that machines must present. */
  readonly clientCaFile: string | undefined;
}

/** Settings of what runs between the network and the routes. */
export interface EdgeConfig {
  /** Rate limits; an absent one means unlimited. */
  readonly limits: {
    readonly principal: Rate | undefined;
    readonly address: Rate | undefined;
    /** Limits of failed logins. */
    readonly loginUser: Rate | undefined;
    readonly loginAddress: Rate | undefined;
  };
  /** Absent: the port uses plain HTTP, for use behind a proxy that terminates TLS. */
  readonly tls: TlsFiles | undefined;
  /** Origins whose web pages may call the service. */
  readonly corsOrigins: readonly string[];
  /** Addresses and networks of proxies whose `X-Forwarded-For` is trusted. */
  readonly trustedProxies: readonly string[];
}

/** Reads this part of the environment. Faults are added to those of `values`. */
export function readEdge(values: Values): EdgeConfig {
  return Object.freeze({
    trustedProxies: networks(values, 'SIGNET_TRUSTED_PROXIES'),
    corsOrigins: origins(values),
    tls: tlsFiles(values),
    limits: Object.freeze({
      principal: values.rate('SIGNET_RATE_LIMITS.user'),
      address: values.rate('SIGNET_RATE_LIMITS.address'),
      loginUser: values.rate('SIGNET_RATE_LIMITS.login-user'),
      loginAddress: values.rate('SIGNET_RATE_LIMITS.login-address'),
    }),
  });
}

export const listed = (value: string | undefined) =>
  (value ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

function tlsFiles(values: Values): TlsFiles | undefined {
  const file = (name: string) => {
    const path = values.env[name] ? resolve(values.env[name]) : undefined;
    try {
      if (path !== undefined) accessSync(path, constants.R_OK);
    } catch (error) {
      values.fault(name, `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
    }
    return path;
  };
  const [certFile, keyFile, clientCaFile] = [file('SIGNET_TLS.cert'), file('SIGNET_TLS.key'), file('SIGNET_TLS.client-ca')];
  if (certFile !== undefined && keyFile !== undefined) return Object.freeze({ certFile, keyFile, clientCaFile });
  if (certFile ?? keyFile ?? clientCaFile) values.fault('SIGNET_TLS', 'must contain both cert and key');
  return undefined;
}

function origins(values: Values): readonly string[] {
  const list = listed(values.env['SIGNET_CORS_ORIGINS']);
  if (!list.every((origin) => /^https?:/.test(origin) && URL.canParse(origin) && new URL(origin).origin === origin))
    values.fault('SIGNET_CORS_ORIGINS', 'must be origins such as https://console.example.com, separated by commas');
  return Object.freeze(list);
}

export function networks(values: Values, name: string): readonly string[] {
  const list = listed(values.env[name]);
  if (!list.every(isNetwork)) values.fault(name, 'must be addresses and networks such as 10.0.0.0/8 or fd00::1, separated by commas');
  return Object.freeze(list);
}

/** Refuses a network that contains all addresses: with it, every caller could choose its own address. */
const isNetwork = (entry: string) =>
  entry.includes('/')
    ? ipaddr.isValidCIDR(entry) && !entry.endsWith('/0')
    : entry.includes(':')
      ? ipaddr.isValid(entry)
      : ipaddr.IPv4.isValidFourPartDecimal(entry);
