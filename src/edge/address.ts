import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';

const IPV4 = /^[\d.]+$/;
/** Reading an IPv6 address takes ten times what counting it does, and callers come again. */
const known = new LRUCache<string, string>({ max: 10_000 });

/**
 * An address as limits count it: an IPv4 address by itself, in whichever notation, and an IPv6 address by its first 64 bits, since a
 * subscriber has all of those behind them.
 */
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
