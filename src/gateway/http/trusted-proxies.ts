import type { IncomingMessage } from 'node:http';
import { BlockList, isIPv6 } from 'node:net';

/** The proxies whose `X-Forwarded-*` headers are trusted. The operator configures them. */
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

  /** @param address the address as the socket reports it; an IPv4 address may be an IPv4-mapped IPv6 address */
  trusts(address: string | undefined): boolean {
    if (address === undefined) return false;
    const plain = address.startsWith('::ffff:') ? address.slice(7) : address;
    return this.#list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
  }

  /**
   * Returns the client's address: that of the peer, or, if the peer is a trusted proxy, the last untrusted address in `X-Forwarded-For`.
   */
  clientOf({ headers, socket }: IncomingMessage): string {
    const peer = socket.remoteAddress ?? 'unknown';
    if (!this.trusts(peer)) return peer;
    const claimed = headers['x-forwarded-for'];
    const hops = (Array.isArray(claimed) ? claimed.join() : (claimed ?? '')).split(',').map((hop) => hop.trim());
    return hops.findLast((hop) => hop !== '' && !this.trusts(hop)) ?? peer;
  }
}
