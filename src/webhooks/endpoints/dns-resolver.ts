import { Resolver as NodeResolver } from 'node:dns/promises';
import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { Injectable, Optional } from '@nestjs/common';

export interface DnsResolverOptions {
  /** Addresses of name servers, with optional ports; default: those of the operating system. */
  servers?: readonly string[];
  hostsFile?: string;
  /** Time limit of a whole look-up, including retries. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 5000;
/** Number of tries per query. */
const TRIES = 2;
/** The operating system's list of name servers is read again after this time. */
const SERVERS_MS = 60_000;

/**
 * DNS resolver with a time limit per look-up. It does not use `getaddrinfo`, which has no time limit and blocks a thread of libuv's pool.
 * The hosts file takes precedence. Names are absolute: no search list applies. Injectable, so that tests can fake DNS.
 */
@Injectable()
export class DnsResolver {
  readonly #options: DnsResolverOptions;
  readonly #inFlight = new Map<string, Promise<string[]>>();
  #dns: { resolver: NodeResolver; madeAt: number } | undefined;
  #hosts: { version: string; byName: Map<string, string[]> } | undefined;

  constructor(@Optional() options?: DnsResolverOptions) {
    this.#options = options ?? {};
  }

  /**
   * Returns all addresses of a name. Concurrent look-ups of one name are merged. @throws Error when there is no address, or after a
   * time-out
   */
  addresses(name: string): Promise<string[]> {
    const wanted = name.toLowerCase().replace(/\.$/, '');
    let underway = this.#inFlight.get(wanted);
    if (!underway) {
      underway = this.query(wanted).finally(() => this.#inFlight.delete(wanted));
      this.#inFlight.set(wanted, underway);
    }
    return underway;
  }

  private async query(name: string): Promise<string[]> {
    const known = (await this.hosts()).get(name);
    if (known) return known;
    const { timeoutMs = TIMEOUT_MS } = this.#options;
    const dns = this.dns(timeoutMs);
    const limit = Promise.withResolvers<never>();
    const timer = setTimeout(() => limit.reject(new Error('no answer from the name servers in time')), timeoutMs);
    try {
      const [four, six] = await Promise.race([Promise.allSettled([dns.resolve4(name), dns.resolve6(name)]), limit.promise]);
      const found = [...(four.status === 'fulfilled' ? four.value : []), ...(six.status === 'fulfilled' ? six.value : [])];
      if (found.length === 0) throw four.status === 'rejected' ? (four.reason as Error) : new Error('the name has no address');
      return found;
    } finally {
      clearTimeout(timer);
    }
  }

  private dns(timeoutMs: number): NodeResolver {
    const { servers } = this.#options;
    const now = performance.now();
    if (!this.#dns || now - this.#dns.madeAt > SERVERS_MS) {
      const resolver = new NodeResolver({ timeout: Math.ceil(timeoutMs / (TRIES + 1)), tries: TRIES });
      if (servers) resolver.setServers(servers);
      this.#dns = { resolver, madeAt: now };
    }
    return this.#dns.resolver;
  }

  /** Returns the entries of the hosts file, which are cached until the file changes. `localhost` always resolves to loopback (RFC 6761). */
  private async hosts(): Promise<Map<string, string[]>> {
    const { hostsFile = '/etc/hosts' } = this.#options;
    const { mtimeMs, size } = await stat(hostsFile).catch(() => ({ mtimeMs: 0, size: 0 }));
    const version = `${mtimeMs}/${size}`;
    if (this.#hosts?.version === version) return this.#hosts.byName;
    const byName = new Map<string, string[]>();
    const text = await readFile(hostsFile, 'utf8').catch(() => '');
    for (const line of text.split('\n')) {
      const [address = '', ...names] = (line.split('#', 1)[0] ?? '').trim().split(/\s+/);
      if (isIP(address) === 0) continue;
      for (const name of names) byName.set(name.toLowerCase(), [...(byName.get(name.toLowerCase()) ?? []), address]);
    }
    if (!byName.has('localhost')) byName.set('localhost', ['127.0.0.1', '::1']);
    this.#hosts = { version, byName };
    return byName;
  }
}
