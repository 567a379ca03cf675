import { lookup } from 'node:dns/promises';
import { Injectable } from '@nestjs/common';
import ipaddr from 'ipaddr.js';
import { Config } from '../config/config.js';
import { EndpointBlocked, EndpointUnreachable, InvalidEndpoint } from './targets.errors.js';

/** The name service. A class of its own, so that a test can put one in its place that lies. */
@Injectable()
export class Resolver {
  /** Every address of a name, as the operating system finds them. @throws when there is none */
  async addresses(name: string): Promise<string[]> {
    return (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address);
  }
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = [Address, number];

/** endpoints §1.4, §1.14. */
export const URL_LENGTH_MIN = 12;
export const URL_LENGTH_MAX = 2048;

/** Global unicast: what lies outside (mapped and compatible IPv4, NAT64, local, multicast …) is nobody's public address. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
/** Names that mean this machine or this network wherever they are asked for (RFC 6761, RFC 6762, RFC 9476, ICANN 2024). */
const LOCAL_NAMES = /(^|\.)(localhost|local|internal|home\.arpa|alt)$/;
/** Blanks and control characters, which a URL parser silently drops. */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const INVISIBLE = /[\u0000-\u0020\u007f]/;

/**
 * Where webhooks may go (endpoints §1.14): a URL is judged by its text and its addresses when an endpoint is created or
 * changed, and every address again when a connection is made, because a name may have moved meanwhile.
 */
@Injectable()
export class Targets {
  readonly #allowed: readonly Range[];
  readonly #ownHost: string;

  constructor(
    private readonly config: Config,
    private readonly resolver: Resolver,
  ) {
    this.#allowed = config.webhooks.allowCidrs.map((cidr) => ipaddr.parseCIDR(cidr));
    this.#ownHost = new URL(config.publicUrl).host;
  }

  /**
   * The URL of a new or changed endpoint, in its normal form.
   * @throws InvalidEndpoint when the text is not one
   * @throws EndpointBlocked when it leads to where nothing is sent
   * @throws EndpointUnreachable when its name has no address (unless `SIGNET_WEBHOOK_CHECK_DNS=false`)
   */
  async judge(text: string): Promise<URL> {
    const url = this.parse(text);
    const host = hostOf(url);
    if (ipaddr.isValid(host) || this.config.webhooks.checkDns) await this.resolve(host);
    return url;
  }

  /**
   * Text rules only; no look-up.
   * @throws InvalidEndpoint
   * @throws EndpointBlocked for a name of this machine or network while no range is allowed, and for this service itself
   */
  parse(text: string): URL {
    if (text.length < URL_LENGTH_MIN || text.length > URL_LENGTH_MAX)
      throw new InvalidEndpoint(`url must have ${URL_LENGTH_MIN} to ${URL_LENGTH_MAX} characters`);
    if (INVISIBLE.test(text) || !URL.canParse(text)) throw new InvalidEndpoint();
    const url = new URL(text);
    const { allowHttp } = this.config.webhooks;
    if (url.protocol !== 'https:' && !(allowHttp && url.protocol === 'http:')) throw new InvalidEndpoint();
    if (url.username || url.password) throw new InvalidEndpoint('url must not hold a user name or a password');
    if (text.includes('#')) throw new InvalidEndpoint('url must not have a fragment');
    if (url.href.length > URL_LENGTH_MAX) throw new InvalidEndpoint(`url must have at most ${URL_LENGTH_MAX} characters once encoded`);
    const host = hostOf(url);
    if (url.host === this.#ownHost || (LOCAL_NAMES.test(host) && this.#allowed.length === 0)) throw new EndpointBlocked();
    return url;
  }

  /**
   * Every address of a host, all of them permitted: one that is not condemns the name, since the next connection may get it.
   * @param host a name, or an address without brackets
   * @throws EndpointBlocked
   * @throws EndpointUnreachable
   */
  async resolve(host: string): Promise<string[]> {
    const addresses = ipaddr.isValid(host) ? [host] : await this.resolver.addresses(host).catch(() => []);
    if (addresses.length === 0) throw new EndpointUnreachable();
    if (!addresses.every((address) => this.permits(address))) throw new EndpointBlocked();
    return addresses;
  }

  /** Whether something may be sent to this address: public, or in a range that the operator allows. */
  permits(address: string): boolean {
    if (!ipaddr.isValid(address)) return false;
    // An IPv4-mapped address is where the inner one is.
    const ip = ipaddr.process(address);
    if (this.#allowed.some(([range, bits]) => range.kind() === ip.kind() && ip.match(range, bits))) return true;
    return ip.range() === 'unicast' && (ip.kind() === 'ipv4' || ip.match(GLOBAL_UNICAST));
  }
}

/** The host that is looked up or connected to: no brackets, no dot of the root. URL has made addresses of all their spellings. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
