import { describe, expect, it } from '@jest/globals';
import { readConfig } from './config.js';

const edge = (env: Record<string, string> = {}) => readConfig(env).edge;

describe('the limits', () => {
  it('are off in the local mode, and high in production except for failed logins', () => {
    const logins = { loginUser: { requests: 100, seconds: 300 }, loginAddress: { requests: 100, seconds: 300 } };
    expect(edge().limits).toEqual({ principal: undefined, address: undefined, ...logins });
    expect(edge({ SIGNET_MODE: 'production' }).limits).toEqual({
      principal: { requests: 18_000, seconds: 60 },
      address: { requests: 36_000, seconds: 60 },
      ...logins,
    });
  });

  it.each(['600', '600/0', '0/60', '-1/60', '1e3/60', '600/60/1', '600/60s/1', '600/500ms', '600/2d', 'on', '600 / 60s'])(
    'cannot be %j',
    (value) => {
      expect(() => edge({ SIGNET_RATE_LIMITS: `user=${value}` })).toThrow('SIGNET_RATE_LIMITS: user must be off, or');
    },
  );
});

describe('trusted proxies', () => {
  it('are the listed ones, and none by default', () => {
    expect(edge().trustedProxies).toEqual([]);
    expect(edge({ SIGNET_TRUSTED_PROXIES: '10.0.0.0/8, fd00::1 ,192.0.2.7' }).trustedProxies).toEqual([
      '10.0.0.0/8',
      'fd00::1',
      '192.0.2.7',
    ]);
  });

  it.each(['0.0.0.0/0', '::/0', '10.0.0', '10.0.0.0/33', 'proxy.example', 'true', '2130706433', '*'])('cannot be %j', (value) => {
    expect(() => edge({ SIGNET_TRUSTED_PROXIES: value })).toThrow('SIGNET_TRUSTED_PROXIES must be addresses and networks');
  });
});
