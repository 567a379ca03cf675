import ipaddr from 'ipaddr.js';

/** What stands between the network and the routes: whom a forwarded address is believed of. */
export interface EdgeConfig {
  /** Addresses and networks of proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
}

/** The variables of this part, with their words. */
export const EDGE_VARIABLES: Record<string, string> = {
  SIGNET_TRUSTED_PROXIES: 'addresses and networks (CIDR), separated by commas, of proxies whose X-Forwarded-For names the caller (none)',
};

/** Reads the part of the environment; what is wrong is added to `faults`. */
export function readEdge(env: Record<string, string | undefined>, faults: string[]): EdgeConfig {
  return Object.freeze({ trustedProxies: networks(env, faults) });
}

const listed = (value: string | undefined) =>
  (value ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

function networks(env: Record<string, string | undefined>, faults: string[]): readonly string[] {
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
