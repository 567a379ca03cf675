import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { readConfig } from './config.js';
import type { ConfigError } from './values.js';

const dir = mkdtempSync(join(tmpdir(), 'signet-identity-'));
writeFileSync(join(dir, 'password'), 'canary-7f3a\n');
const service = { user: 'signet', project: 'service', password_file: join(dir, 'password') };
const keystone = { url: 'https://keystone.example:5000/v3/', service };
const oidc = {
  issuer: 'https://login.example',
  jwks_uri: 'https://login.example/keys',
  audience: 'signet',
  algorithms: ['RS256'],
  claims: { roles: ['realm_access', 'roles'], project: 'project' },
};
const roles = { member: ['APIG FullAccess'] };

let files = 0;
function environment(file: unknown, env: Record<string, string> = {}): Record<string, string> {
  const path = join(dir, `${files++}.json`);
  writeFileSync(path, typeof file === 'string' ? file : JSON.stringify(file));
  return { SIGNET_IDENTITY_FILE: path, ...env };
}
function faults(file: unknown, env: Record<string, string> = {}): string[] {
  try {
    readConfig(environment(file, env));
    return [];
  } catch (error) {
    return (error as ConfigError).faults.map((fault) => fault.replace(/^SIGNET_IDENTITY_FILE \([^)]*\): /, ''));
  }
}

describe('the identity file', () => {
  it('for Keystone has few required fields', () => {
    const { identity, embedded } = readConfig(environment({ keystone, roles }));
    expect(embedded).toBeUndefined();
    expect(identity).toMatchObject({
      kind: 'keystone',
      url: 'https://keystone.example:5000/v3',
      service: { user: 'signet', userDomain: 'Default', project: 'service', projectDomain: 'Default' },
      freshMs: 60_000,
      revalidateWrites: false,
      timeoutMs: 2500,
      jws: undefined,
    });
  });

  it('for an OIDC issuer has few required fields', () => {
    expect(readConfig(environment({ oidc, roles })).identity).toMatchObject({
      kind: 'oidc',
      issuer: 'https://login.example',
      algorithms: ['RS256'],
      claims: { roles: ['realm_access', 'roles'], userName: ['preferred_username'], domain: undefined },
      project: { claim: ['project'], ids: undefined },
      maxLifeMs: 86_400_000,
      keysFreshMs: 600_000,
    });
  });

  it('reports all faults at once, each with the path of its field', () => {
    const file = {
      keystone: { url: 'http://keystone.example/v3', service: { user: '', projekt: 'x' } },
      roles: { member: 'APIG FullAccess' },
      cache_seconds: 301,
      timeout_ms: 3000,
    };
    expect(faults(file).sort()).toEqual(
      [
        'keystone.service.projekt is not known',
        'keystone.url must be a URL that starts with https:// (http:// on this machine only), without user, query and fragment',
        'keystone.service.user must be a text of 1 to 255 characters',
        'keystone.service.project is missing',
        'roles must be an object of role names and lists of policy names',
        'cache_seconds must be a whole number from 0 to 300',
        'timeout_ms must be a whole number from 100 to 2900',
      ].sort(),
    );
  });

  it.each<[string, unknown, string]>([
    ['no JSON', '{"canary-7f3a"', 'it is not valid JSON'],
    ['a list', '[]', 'it must contain one JSON object'],
    ['neither kind', { roles }, 'it must contain either keystone or oidc'],
    ['both kinds', { keystone, oidc, roles }, 'it must contain either keystone or oidc'],
    ['no roles', { keystone }, 'roles is missing'],
    ['no roles', { keystone, roles: {} }, 'roles must be an object of role names and lists of policy names'],
    ['a null', { keystone: null, roles }, 'keystone must be an object'],
    [
      'no password',
      { keystone: { ...keystone, service: { ...service, password_file: undefined } }, roles },
      'keystone.service.password_file or SIGNET_IDENTITY_PASSWORD is required',
    ],
    [
      'a password file that does not exist',
      { keystone: { ...keystone, service: { ...service, password_file: '/nowhere' } }, roles },
      'keystone.service.password_file cannot be read (ENOENT)',
    ],
    [
      'a folder without keys',
      { keystone: { ...keystone, jws: { public_keys: dir } }, roles },
      'keystone.jws.public_keys must contain a file named *.pem',
    ],
    [
      'a shared secret',
      { oidc: { ...oidc, algorithms: ['HS256'] }, roles },
      'oidc.algorithms must contain only RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512',
    ],
    ['no algorithm', { oidc: { ...oidc, algorithms: [] }, roles }, 'oidc.algorithms must not be empty'],
    [
      'an unencrypted URL of keys',
      { oidc: { ...oidc, jwks_uri: 'http://login.example/keys' }, roles },
      'oidc.jwks_uri must be a URL that starts with https:// (http:// on this machine only), without user, query and fragment',
    ],
    [
      'two projects',
      { oidc: { ...oidc, project: 'p' }, roles },
      'oidc must contain either project (one project for all callers) or claims.project',
    ],
    [
      'an invalid claim',
      { oidc: { ...oidc, claims: { roles: [], project: 'p' } }, roles },
      'oidc.claims.roles must be the name of a claim, or a list of nested names',
    ],
  ])('is refused with %s', (_, file, fault) => {
    expect(faults(file)).toEqual([fault]);
  });

  it('accepts the password from a file or from the environment, but not from both', () => {
    const without = { keystone: { ...keystone, service: { ...service, password_file: undefined } }, roles };
    expect(faults(without, { SIGNET_IDENTITY_PASSWORD: 'x' })).toEqual([]);
    expect(faults({ keystone, roles }, { SIGNET_IDENTITY_PASSWORD: 'x' })).toHaveLength(1);
    const env = environment(without, { SIGNET_IDENTITY_PASSWORD: 'canary-7f3a' });
    const config = readConfig(env);
    expect(env['SIGNET_IDENTITY_PASSWORD']).toBeUndefined();
    expect(JSON.stringify(config) + inspect(config, { depth: 9 })).not.toContain('canary-7f3a');
  });

  it('permits plain HTTP to Keystone on another machine only if it says so explicitly', () => {
    const open = { ...keystone, url: 'http://keystone:5000/v3' };
    expect(faults({ keystone: open, roles })).toHaveLength(1);
    expect(faults({ keystone: { ...open, plaintext: 'allow' }, roles })).toEqual([]);
    expect(faults({ keystone: { ...open, url: 'http://127.0.0.1:5000/v3' }, roles })).toEqual([]);
  });

  it('cannot be combined with settings of the embedded identity service', () => {
    const env = { SIGNET_IAM_FILE: 'x', SIGNET_ADMIN_PASSWORD: 'x', SIGNET_EMBEDDED_GATEWAY: 'on' };
    expect(faults({ keystone, roles }, env)).toHaveLength(3);
    expect(() => readConfig({ SIGNET_IDENTITY_PASSWORD: 'x' })).toThrow('SIGNET_IDENTITY_PASSWORD requires SIGNET_IDENTITY_FILE');
  });
});
