import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Clock } from '../common/clock.js';
import type { Principal } from '../common/principal.js';
import type { KeyMaterial } from '#signing/scheme.js';
import { sign } from '#signing/sign.js';
import { type AccessKey, AccessKeyIdentity } from './access-key-identity.js';
import { type Begun, keysOf, SignedRequests } from './signed-requests.js';

const ID = 'AAAAAAAAAAAAAAAAAAAA';
const BODY = Buffer.from('{}');
const SECRET = 'SecretSecretSecretSecretSecretSecret0000';
const principal: Principal = {
  userId: 'u',
  userName: 'u',
  domainId: 'd',
  domainName: 'd',
  roles: [],
  credentialHash: '',
  expiresAt: Infinity,
};

/** An access key service with one key in memory. */
class OneKey extends AccessKeyIdentity {
  readonly key: AccessKey = { id: ID, keys: keysOf(ID, SECRET) };
  find = (id: string) => (id === ID ? this.key : undefined);
  principal = () => principal;
}

const signed = (body: Buffer | null, secret = SECRET, id = ID) => {
  const key: KeyMaterial = { signType: 'hmac', signKey: id, signSecret: secret };
  const target = { method: 'POST', url: '/v3/projects', host: 'a' };
  const headers = { host: 'a', ...sign({ ...target, body }, key) };
  return { raw: { method: target.method, url: target.url }, headers, ip: '192.0.2.1' } as unknown as FastifyRequest;
};

describe('a signed request', () => {
  let identity: OneKey;
  let requests: SignedRequests;
  beforeEach(() => {
    identity = new OneKey();
    requests = new SignedRequests(new Clock(), identity);
  });
  const admit = (request: FastifyRequest, body: Buffer | null = null) =>
    requests.finish(request, requests.begin(request) as Begun, body, undefined, true);

  it('is admitted without waiting when its key is known', () => {
    expect(admit(signed(BODY), BODY)).toBe(principal);
    expect(admit(signed(null))).toBe(principal);
  });

  it('is refused if its signature does not cover the body', () => {
    expect(() => admit(signed(null), BODY)).toThrow('token_invalid');
    expect(() => admit(signed(BODY))).toThrow('token_invalid');
  });

  it('is refused before its body is read for an unknown key, and without an access key service', () => {
    expect(() => requests.begin(signed(BODY, SECRET, 'BBBBBBBBBBBBBBBBBBBB'))).toThrow('token_invalid');
    expect(() => new SignedRequests(new Clock()).begin(signed(null))).toThrow('token_invalid');
  });

  it('is refused if its body arrives after the time window of its date', () => {
    const clock = new Clock();
    requests = new SignedRequests(clock, identity);
    const request = signed(BODY);
    const [inTime, held] = [requests.begin(request) as Begun, requests.begin(request) as Begun];
    const now = clock.now();
    const finish = (begun: Begun, seconds: number) => {
      jest.spyOn(clock, 'now').mockReturnValue(now + seconds * 1000);
      return requests.finish(request, begun, BODY, undefined, true);
    };
    expect(finish(inTime, 890)).toBe(principal);
    expect(() => finish(held, 902)).toThrow('token_invalid');
  });

  it('locks a key only for the address of the bad signatures', () => {
    const from = (ip: string, secret?: string) => ({ ...signed(null, secret), ip }) as FastifyRequest;
    for (let i = 0; i < 50; i++) expect(() => admit(from('192.0.2.1', 'another'))).toThrow('token_invalid');
    expect(() => admit(from('192.0.2.1'))).toThrow('token_invalid');
    expect(admit(from('192.0.2.2'))).toBe(principal);
    // A subscriber controls all addresses of one IPv6 network.
    for (let i = 0; i < 6; i++) expect(() => admit(from(`2001:db8::${i + 1}`, 'another'))).toThrow('token_invalid');
    expect(() => admit(from('2001:db8::99'))).toThrow('token_invalid');
    expect(admit(from('2001:db8:0:1::1'))).toBe(principal);
  });

  describe('whose Host header a proxy has changed', () => {
    const changed = (headers: Record<string, string>) => {
      const request = signed(null);
      return { ...request, ip: '192.0.2.1', headers: { ...request.headers, ...headers } } as FastifyRequest;
    };
    const warned = () => jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    afterEach(() => void jest.restoreAllMocks());

    it.each([
      [{ host: 'inner:8700', 'x-forwarded-host': 'a' }],
      [{ host: 'a:443' }],
      [{ host: 'inner', 'x-forwarded-host': 'a:443, other' }],
    ])('is refused, and the log gives the signed Host: %j', (headers) => {
      const log = warned();
      expect(() => admit(changed(headers as Record<string, string>))).toThrow('token_invalid');
      expect(log.mock.calls).toEqual([
        [{ signedHost: 'a', receivedHost: headers.host }, expect.stringContaining('Configure the proxy to forward Host unchanged')],
      ]);
      expect(JSON.stringify(log.mock.calls)).not.toContain(SECRET);
    });

    it('causes no log line if its signature is invalid for every Host', () => {
      const log = warned();
      const request = { ...changed({ host: 'inner', 'x-forwarded-host': 'b' }) } as FastifyRequest;
      expect(() => admit(request)).toThrow('token_invalid');
      expect(log).not.toHaveBeenCalled();
    });
  });
});
