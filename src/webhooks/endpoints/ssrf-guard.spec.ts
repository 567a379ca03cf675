import { describe, expect, it } from '@jest/globals';
import { readConfig } from '../../platform/config/config.js';
import { EndpointBlocked, EndpointUnreachable, InvalidEndpoint } from './ssrf-guard.errors.js';
import { DnsResolver } from './dns-resolver.js';
import { SsrfGuard } from './ssrf-guard.js';

/** A fake DNS resolver. Names that it does not contain do not exist. */
class Names extends DnsResolver {
  asked: string[] = [];
  constructor(readonly table: Record<string, string[]> = { 'example.com': ['93.184.216.34'] }) {
    super();
  }
  override async addresses(name: string): Promise<string[]> {
    this.asked.push(name);
    const addresses = this.table[name];
    if (!addresses) throw new Error('ENOTFOUND');
    return addresses;
  }
}

const targets = (env: Record<string, string> = {}, names: DnsResolver = new Names()) => new SsrfGuard(readConfig(env), names);

const refused = async (url: string, env: Record<string, string> = {}, names: DnsResolver = new Names()): Promise<unknown> =>
  targets(env, names)
    .validate(url)
    .then(
      () => undefined,
      (error: Error) => error.constructor,
    );

/**
 * At least one address of each range in docs/contracts/endpoints.md §1.14 and of Signet's additions, and the ends of ranges that are not
 * obvious.
 */
const REFUSED_V4 = [
  ['0.0.0.0', '0.255.255.255', '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.255.255.254'],
  ['169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.1', '192.0.2.1', '192.88.99.1', '192.168.1.1', '198.18.0.1'],
  ['198.19.255.255', '198.51.100.1', '203.0.113.1', '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255'],
].flat();
const REFUSED_V6 = [
  ['::', '::1', 'fe80::1', 'febf::1', 'fc00::1', 'fdff::1', 'ff02::1', 'fec0::1', '2001:db8::1', '3fff::1', '2002:7f00:1::', '100::1'],
  [
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '2001::1',
    '5f00::1',
    '::7f00:1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:0:7f00:1',
    '4000::1',
  ],
].flat();

describe('a target', () => {
  it.each([...REFUSED_V4, ...REFUSED_V6])('is refused at %s, as a literal address and as the address of a name', async (address) => {
    expect(targets().permits(address)).toBe(false);
    const literal = address.includes(':') ? `[${address}]` : address;
    expect(await refused(`https://${literal}/hook`)).toBe(EndpointBlocked);
    expect(await refused('https://example.com/hook', {}, new Names({ 'example.com': [address] }))).toBe(EndpointBlocked);
  });

  it.each(['1.1.1.1', '8.8.8.8', '93.184.216.34', '172.15.255.255', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])(
    'is accepted at the public address %s',
    (address) => {
      expect(targets().permits(address)).toBe(true);
    },
  );

  it.each(['2130706433', '0x7f000001', '0177.0.0.1', '0x7f.1', '127.1', '127.0.0.1.', '１２７.0.0.1', '①②⑦.0.0.1', '[::ffff:7f00:1]'])(
    'is refused in any notation of its address: %s',
    async (host) => {
      expect(await refused(`https://${host}/hook`)).toBe(EndpointBlocked);
    },
  );

  it.each([22, 25, 53, 587, 2049, 6667, 10_080])('is refused on port %d, which belongs to another protocol', async (port) => {
    expect(await refused(`https://1.1.1.1:${port}/hook`)).toBe(EndpointBlocked);
    expect(await refused('https://1.1.1.1:8443/hook')).toBeUndefined();
  });

  it.each(['localhost', 'LOCALHOST.', 'a.localhost', 'printer.local', 'metadata.google.internal', 'nas.home.arpa'])(
    'is refused for the name %s, even if names are not resolved',
    async (name) => {
      expect(await refused(`https://${name}/hook`, { SIGNET_WEBHOOKS: 'check-dns=off' })).toBe(EndpointBlocked);
    },
  );

  it.each([
    ['http', 'http://example.com/hook'],
    ['another scheme', 'ftp://example.com/hook'],
    ['a script', 'javascript:alert(1)'],
    ['no scheme', 'example.com/hook'],
    ['no host', 'https:///////'],
    ['too short', 'https://a.b'],
    ['too long', `https://example.com/${'a'.repeat(2048)}`],
    ['a URL that is too long after encoding', `https://example.com/${'é'.repeat(1000)}`],
    ['a password', 'https://user:pass@example.com/'],
    ['a user', 'https://user@example.com/'],
    ['a fragment', 'https://example.com/#a'],
    ['a line break', 'https://example.com/\r\nX: y'],
    ['a blank before', ' https://example.com/'],
    ['a tab', 'https://exam\tple.com/'],
    ['a NUL', 'https://example.com/\0'],
    ['a bad port', 'https://example.com:99999/'],
    ['a bad address', 'https://999.1.1.1/hook'],
  ])('is refused with %s', async (_, url) => {
    expect(await refused(url)).toBe(InvalidEndpoint);
  });

  it('is normalised, so that two spellings of a URL are equal', async () => {
    expect((await targets().validate('HTTPS://EXAMPLE.com:443/a/../hook?x=1')).href).toBe('https://example.com/hook?x=1');
  });

  it('is refused if any of its addresses is refused', async () => {
    const names = new Names({ 'example.com': ['93.184.216.34', '127.0.0.1'] });
    expect(await refused('https://example.com/', {}, names)).toBe(EndpointBlocked);
  });

  it('is unreachable if its name has no address, unless the operator allows that', async () => {
    expect(await refused('https://nowhere.example/')).toBe(EndpointUnreachable);
    const names = new Names({});
    expect(await refused('https://nowhere.example/', { SIGNET_WEBHOOKS: 'check-dns=off' }, names)).toBeUndefined();
    expect(names.asked).toEqual([]);
  });

  it('is refused if it is this service itself', async () => {
    expect(await refused('https://signet.example.com/v3', { SIGNET_PUBLIC_URL: 'https://signet.example.com' })).toBe(EndpointBlocked);
  });

  it('is accepted with http, or in a private range, only if the operator allows that', async () => {
    const env = { SIGNET_WEBHOOKS: 'http=allow', SIGNET_WEBHOOK_ALLOW_CIDRS: '127.0.0.0/8,fd00::/16' };
    expect(await refused('http://127.0.0.1:9000/hook', env)).toBeUndefined();
    expect(await refused('http://[::ffff:127.0.0.1]/hook', env)).toBeUndefined();
    expect(await refused('http://[fd00::1]/hook', env)).toBeUndefined();
    expect(await refused('http://localhost:9000/hook', env, new Names({ localhost: ['127.0.0.1'] }))).toBeUndefined();
    expect(await refused('http://localhost:9000/hook', env, new Names({ localhost: ['::1'] }))).toBe(EndpointBlocked);
    expect(await refused('http://10.0.0.1/hook', env)).toBe(EndpointBlocked);
    expect(await refused('http://[fd01::1]/hook', env)).toBe(EndpointBlocked);
    expect(await refused('http://10.0.0.1/hook')).toBe(InvalidEndpoint);
  });
});

describe('the DNS resolver', () => {
  it('uses the name servers of the operating system', async () => {
    expect(await new DnsResolver().addresses('localhost')).toEqual(expect.arrayContaining([expect.stringMatching(/^(127\.0\.0\.1|::1)$/)]));
    await expect(new DnsResolver().addresses('does-not-exist.invalid')).rejects.toThrow();
  });
});
