import { describe, expect, it } from '@jest/globals';
import { readDatabaseUrl } from './database-url.js';

describe('DATABASE_URL', () => {
  const read = (url: string) => {
    const faults: string[] = [];
    const server = readDatabaseUrl(url, faults);
    return { server, faults };
  };

  it('is parsed with IPv6 addresses, and with percent-encoded names and passwords', () => {
    const { server, faults } = read('mysql://us%40er:p%2F%3F%23%25@[::1]:3307/my%20db');
    expect(faults).toEqual([]);
    expect(server).toMatchObject({ host: '::1', port: 3307, user: 'us@er', database: 'my db', tls: undefined });
    expect(server?.password?.reveal()).toBe('p/?#%');
    expect(read('mariadb://root@localhost/x').server).toMatchObject({ host: 'localhost', port: 3306, password: undefined, tls: undefined });
  });

  it('for another machine requires TLS with a verified name, unless it says otherwise', () => {
    expect(read('mysql://u@db.example.com/x').server?.tls).toEqual({ mode: 'VERIFY_IDENTITY' });
    expect(read('mysql://u@db.example.com/x?ssl-mode=REQUIRED').server?.tls).toEqual({ mode: 'REQUIRED' });
    expect(read('mysql://u@db.example.com/x?ssl-mode=DISABLED')).toMatchObject({ server: { tls: undefined }, faults: [] });
    expect(read('mysql://u@10.0.0.5/x?ssl-mode=VERIFY_CA')).toMatchObject({ server: { tls: { mode: 'VERIFY_CA' } }, faults: [] });
    expect(read('mysql://u@10.0.0.5/x').faults).toEqual([expect.stringContaining('contains an IP address')]);
    expect(read('mysql://u@127.0.0.1/x?ssl-mode=REQUIRED').server?.tls).toEqual({ mode: 'REQUIRED' });
  });

  it.each([
    ['postgres://h/x', 'must be a URL that starts with mysql://'],
    ['mysql:///x', 'must be a URL that starts with mysql://'],
    ['mysql://u@127.0.0.1', 'must name a database'],
    ['mysql://u:%zz@127.0.0.1/x', 'has a password that is not correctly percent-encoded'],
    ['mysql://u@h/x?ssl=true', 'has the unknown parameter ssl'],
    ['mysql://u@h/x?ssl-mode=PREFERRED', 'has an unknown ssl-mode'],
    ['mysql://u@h/x?ssl-mode=REQUIRED&ssl-mode=DISABLED', 'more than once'],
    ['mysql://u@h/x?ssl-ca=/nowhere/ca.pem', 'names an ssl-ca that cannot be read (ENOENT)'],
    ['mysql://u@h/x?ssl-cert=package.json', 'must contain both ssl-cert and ssl-key, or neither'],
    ['mysql://u@h/x?ssl-mode=DISABLED&ssl-ca=package.json', 'together with ssl-mode=DISABLED'],
  ])('is refused with the reason: %s', (url, words) => {
    const { faults } = read(url);
    expect(faults).toEqual([expect.stringContaining(words)]);
    expect(faults[0]).toMatch(/^DATABASE_URL /);
  });
});
