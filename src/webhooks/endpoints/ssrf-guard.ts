import { Injectable } from '@nestjs/common';
import ipaddr from 'ipaddr.js';
import { Config } from '../../platform/config/config.js';
import { DnsResolver } from './dns-resolver.js';
import { EndpointBlocked, EndpointUnreachable, InvalidEndpoint } from './ssrf-guard.errors.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = [Address, number];

/** Limits of the length of a URL (docs/contracts/endpoints.md §1.4, §1.14). */
export const URL_LENGTH_MIN = 12;
export const URL_LENGTH_MAX = 2048;

/** IPv6 global unicast. All other ranges (IPv4-mapped, NAT64, local, multicast …) are not public. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
/** Special-use names of the local host or the local network (RFC 6761, RFC 6762, RFC 9476, ICANN 2024). */
const LOCAL_NAMES = /(^|\.)(localhost|local|internal|home\.arpa|alt)$/;
/** Whitespace and control characters, which URL parsers drop without an error. */
// oxlint-disable-next-line no-control-regex -- matches control characters on purpose
const CONTROL_OR_SPACE = /[\u0000-\u0020\u007f]/;

/**
 * Ports of other protocols, which are blocked against cross-protocol attacks. The list is that of the Fetch standard
 * (fetch.spec.whatwg.org, "bad port").
 */
const BAD_PORTS: ReadonlySet<number> = new Set([
  0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111, 113, 115, 117,
  119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636,
  989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
]);

/**
 * Protects against server-side request forgery (docs/contracts/endpoints.md §1.14). The URL and its addresses are checked when an endpoint
 * is created or changed. The address is checked again for every connection, because DNS may have changed.
 */
@Injectable()
export class SsrfGuard {
  readonly #allowed: readonly Range[];
  readonly #ownHost: string;

  constructor(
    private readonly config: Config,
    private readonly dns: DnsResolver,
  ) {
    this.#allowed = config.webhooks.allowCidrs.map((cidr) => ipaddr.parseCIDR(cidr));
    this.#ownHost = new URL(config.publicUrl).host;
  }

  /**
   * Validates the URL of a new or changed endpoint.
   * @returns the normalised URL
   * @throws InvalidEndpoint for an invalid URL
   * @throws EndpointBlocked for a blocked host, port or address
   * @throws EndpointUnreachable when the host has no address, unless `SIGNET_WEBHOOKS` contains `check-dns=off`
   */
  async validate(text: string): Promise<URL> {
    const url = this.parse(text);
    const host = hostOf(url);
    if (ipaddr.isValid(host) || this.config.webhooks.checkDns) await this.resolve(host);
    return url;
  }

  /**
   * Checks the text only, without DNS.
   * @throws InvalidEndpoint
   * @throws EndpointBlocked for a blocked port, for the host of this service, and for local names unless an address range is allowed
   */
  parse(text: string): URL {
    if (text.length < URL_LENGTH_MIN || text.length > URL_LENGTH_MAX)
      throw new InvalidEndpoint(`url must have ${URL_LENGTH_MIN} to ${URL_LENGTH_MAX} characters`);
    if (CONTROL_OR_SPACE.test(text) || !URL.canParse(text)) throw new InvalidEndpoint();
    const url = new URL(text);
    const { allowHttp } = this.config.webhooks;
    if (url.protocol !== 'https:' && !(allowHttp && url.protocol === 'http:')) throw new InvalidEndpoint();
    if (url.username || url.password) throw new InvalidEndpoint('url must not contain a user name or a password');
    if (text.includes('#')) throw new InvalidEndpoint('url must not have a fragment');
    if (url.href.length > URL_LENGTH_MAX) throw new InvalidEndpoint(`url must have at most ${URL_LENGTH_MAX} characters after encoding`);
    const host = hostOf(url);
    if (url.port !== '' && BAD_PORTS.has(Number(url.port))) throw new EndpointBlocked();
    if (url.host === this.#ownHost || (LOCAL_NAMES.test(host) && this.#allowed.length === 0)) throw new EndpointBlocked();
    return url;
  }

  /**
   * Resolves a host. If one of its addresses is blocked, the whole host is blocked, because the next connection may use that address.
   * @param host a name, or an IP address without brackets
   * @throws EndpointBlocked
   * @throws EndpointUnreachable
   */
  async resolve(host: string): Promise<string[]> {
    const addresses = ipaddr.isValid(host) ? [host] : await this.dns.addresses(host).catch(() => []);
    if (addresses.length === 0) throw new EndpointUnreachable();
    if (!addresses.every((address) => this.permits(address))) throw new EndpointBlocked();
    return addresses;
  }

  /** Whether requests to this address are allowed: the address is public, or it is in a range that the operator allows. */
  permits(address: string): boolean {
    if (!ipaddr.isValid(address)) return false;
    // Converts IPv4-mapped IPv6 addresses.
    const ip = ipaddr.process(address);
    if (this.#allowed.some(([range, bits]) => range.kind() === ip.kind() && ip.match(range, bits))) return true;
    return ip.range() === 'unicast' && (ip.kind() === 'ipv4' || ip.match(GLOBAL_UNICAST));
  }
}

/** Returns the host without brackets and without a trailing dot. `URL` has already normalised all notations of IP addresses. */
const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
