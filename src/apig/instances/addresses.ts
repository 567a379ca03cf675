import { hash } from 'node:crypto';

/**
 * The addresses that a gateway shows. A gateway of Signet has no network of its own, but clients need texts in the form of an address. The
 * addresses are from networks that are reserved for documentation (RFC 5737, RFC 3849), so that a client that connects to one reaches
 * nobody.
 */
export interface Addresses {
  /** An address inside the subnet, e.g. `ingress_ip`. */
  private: string;
  /** Address of outbound traffic: `nat_eip_address`. */
  outbound: string;
  /** Address of inbound traffic from outside: `publicips`. */
  inbound: string;
  /** IPv6 address, of a gateway with `ipv6_enable`. */
  v6: string;
}

const PRIVATE = '192.0.2';
const OUTBOUND = '198.51.100';
const INBOUND = '203.0.113';
const V6 = '2001:db8';

/** The number of hosts in a network of 256 addresses, without its first and last address. */
const HOSTS = 254;

/** The addresses of a gateway, the same for the same id. */
export function addressesOf(instanceId: string): Addresses {
  const bytes = digestOf(instanceId);
  const host = hostOf(bytes);
  const groups = [2, 4].map((at) => bytes.readUInt16BE(at).toString(16)).join(':');
  return { private: `${PRIVATE}.${host}`, outbound: `${OUTBOUND}.${host}`, inbound: `${INBOUND}.${host}`, v6: `${V6}:${groups}::${host}` };
}

/** The address of an elastic IP that exists elsewhere and is known by its id only. */
export const elasticAddressOf = (eipId: string): string => `${INBOUND}.${hostOf(digestOf(eipId))}`;

const digestOf = (text: string): Buffer => hash('sha256', text, 'buffer');
const hostOf = (bytes: Buffer): number => (bytes.readUInt16BE(0) % HOSTS) + 1;
