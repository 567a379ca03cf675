import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv6 } from 'node:net';

/** The proxies, configured by the operator, whose `X-Forwarded-*` headers are trusted. */
export class TrustedProxies {
  readonly #list = new BlockList();

  /** @param networks addresses and networks (CIDR) */
  constructor(networks: readonly string[]) {
    for (const network of networks) {
      const [address = '', prefix] = network.split('/');
      const family = isIPv6(address) ? 'ipv6' : 'ipv4';
      if (prefix === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(prefix), family);
    }
  }

  /** @param address as the socket reports it; an IPv4 address may be IPv4-mapped IPv6 */
  trusts(address: string | undefined): boolean {
    if (address === undefined) return false;
    const plain = address.startsWith('::ffff:') ? address.slice(7) : address;
    return this.#list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
  }

  /** The client's address: the peer's, or, if that is a trusted proxy, the last untrusted address in `X-Forwarded-For`. */
  clientOf({ headers, socket }: IncomingMessage): string {
    const peer = socket.remoteAddress ?? 'unknown';
    if (!this.trusts(peer)) return peer;
    const claimed = headers['x-forwarded-for'];
    const hops = (Array.isArray(claimed) ? claimed.join() : (claimed ?? '')).split(',').map((hop) => hop.trim());
    return hops.findLast((hop) => hop !== '' && !this.trusts(hop)) ?? peer;
  }
}
