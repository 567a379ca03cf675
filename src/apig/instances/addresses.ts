import { hash } from 'node:crypto';

/**
 * The addresses that a gateway shows. A gateway of Signet has no network of its own, but clients expect texts in the format of an address.
 * The addresses are in networks that are reserved for documentation (RFC 5737, RFC 3849), so no host answers a client that connects to one.
 */
export interface Addresses {
  /** The address inside the subnet, e.g. `ingress_ip`. */
  private: string;
  /** The address of outbound traffic (`nat_eip_address`). */
  outbound: string;
  /** The address of inbound traffic from outside (`publicips`). */
  inbound: string;
  /** The IPv6 address, shown for a gateway with `ipv6_enable`. */
  v6: string;
}

const PRIVATE = '192.0.2';
const OUTBOUND = '198.51.100';
const INBOUND = '203.0.113';
const V6 = '2001:db8';

/** Number of hosts in a network of 256 addresses, without the first and the last address. */
const HOSTS = 254;

/** Returns the addresses of a gateway, which depend only on its id. */
export function addressesOf(instanceId: string): Addresses {
  const bytes = digestOf(instanceId);
  const host = hostOf(bytes);
  const groups = [2, 4].map((at) => bytes.readUInt16BE(at).toString(16)).join(':');
  return { private: `${PRIVATE}.${host}`, outbound: `${OUTBOUND}.${host}`, inbound: `${INBOUND}.${host}`, v6: `${V6}:${groups}::${host}` };
}

/** Returns an address for an elastic IP, of which only the id is known. */
export const elasticAddressOf = (eipId: string): string => `${INBOUND}.${hostOf(digestOf(eipId))}`;

const digestOf = (text: string): Buffer => hash('sha256', text, 'buffer');
const hostOf = (bytes: Buffer): number => (bytes.readUInt16BE(0) % HOSTS) + 1;
