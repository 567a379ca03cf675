import { beforeEach, describe, expect, it } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { Clock } from '../common/clock.js';
import type { Principal } from '../common/principal.js';
import type { KeyMaterial } from '../lib/signing/scheme.js';
import { sign } from '../lib/signing/sign.js';
import { type AccessKey, AccessKeyIdentity } from './access-key-identity.js';
import { keysOf, SignedRequests } from './signed-requests.js';

const ID = 'AAAAAAAAAAAAAAAAAAAA';
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

/** One key in memory. */
class OneKey extends AccessKeyIdentity {
  readonly key: AccessKey = { id: ID, keys: keysOf(ID, SECRET), lockedUntil: 0 };
  readonly locks: number[] = [];
  find = (id: string) => (id === ID ? this.key : undefined);
  principal = () => principal;
  lock = (_: AccessKey, until: number) => void this.locks.push(until);
}

const signed = (change: Partial<{ body: unknown; rawBody: Buffer }>, secret = SECRET, id = ID) => {
  const key: KeyMaterial = { signType: 'hmac', signKey: id, signSecret: secret };
  const body = Buffer.from('{}');
  const target = { method: 'POST', url: '/v3/projects', host: 'a' };
  const headers = { host: 'a', ...sign({ ...target, body: change.rawBody ?? (change.body === undefined ? null : body) }, key) };
  return { raw: { method: target.method, url: target.url }, headers, ...change } as unknown as FastifyRequest;
};

describe('a signed request', () => {
  let identity: OneKey;
  let requests: SignedRequests;
  beforeEach(() => {
    identity = new OneKey();
    requests = new SignedRequests(new Clock(), identity);
  });
  const admit = (request: FastifyRequest) => requests.authenticate(request, undefined, true);

  it('is admitted without waiting when its key is known', () => {
    expect(admit(signed({ body: {}, rawBody: Buffer.from('{}') }))).toBe(principal);
    expect(admit(signed({}))).toBe(principal);
  });

  it('is refused when its body was parsed and its bytes were not kept, even if it says that it signs none', () => {
    const request = signed({});
    expect(() => admit({ ...request, body: {} })).toThrow('token_invalid');
  });

  it('is refused where nobody knows access keys', () => {
    expect(() => new SignedRequests(new Clock()).authenticate(signed({}), undefined, true)).toThrow('token_invalid');
  });

  it('locks no key that does not exist, and one that does once', () => {
    for (let i = 0; i < 50; i++) {
      expect(() => admit(signed({}, 'another', 'BBBBBBBBBBBBBBBBBBBB'))).toThrow('token_invalid');
      expect(() => admit(signed({}, 'another'))).toThrow('token_invalid');
    }
    expect(identity.locks).toHaveLength(1);
  });
});
