import { inspect } from 'node:util';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { type ConfigError, readConfig, VARIABLES } from './config.js';
import { GATEWAY_VARIABLES } from './gateway-variables.js';
import { Secret } from './secret.js';

function faults(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    return (error as ConfigError).faults;
  }
}

describe('the configuration', () => {
  it('needs nothing', () => {
    expect(readConfig({})).toMatchObject({
      mode: 'local',
      host: '127.0.0.1',
      port: 8700,
      publicUrl: 'http://127.0.0.1:8700',
      signUpdateOmitted: 'keep',
    });
  });

  it('reports every fault at once', () => {
    expect(
      faults({ SIGNET_PORT: '0x10', SIGNET_MODE: 'prod', DATABASE_URL: 'postgres://x/y', SIGNET_TOKEN_TTL_SECONDS: '1e3' }),
    ).toHaveLength(4);
  });

  it('refuses a variable of ours that it does not know', () => {
    expect(faults({ SIGNET_PROT: '8700' })).toEqual(['SIGNET_PROT is not a variable of Signet (see .env.example)']);
  });

  it('refuses a database URL without a database', () => {
    expect(faults({ DATABASE_URL: 'mysql://root@127.0.0.1:3306' })[0]).toContain('must name a database');
  });

  it('refuses a range of addresses that is none, and sends webhooks to public https addresses unless told otherwise', () => {
    for (const range of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/8;::/0', 'localhost/8', '10.0.0.0/'])
      expect(faults({ SIGNET_WEBHOOK_ALLOW_CIDRS: range })[0]).toContain('must be address ranges');
    expect(readConfig({}).webhooks).toMatchObject({ allowHttp: false, allowCidrs: [], checkDns: true, delivery: true });
    expect(readConfig({ SIGNET_WEBHOOK_ALLOW_CIDRS: '10.0.0.0/8, ::1/128' }).webhooks.allowCidrs).toEqual(['10.0.0.0/8', '::1/128']);
  });

  it.each([
    [{ SIGNET_KEK_PROVIDER: 'vault' }, ['SIGNET_KEK_PROVIDER=vault needs SIGNET_VAULT_ADDR']],
    [{ SIGNET_KEK_PROVIDER: 'aws-kms' }, ['SIGNET_KEK_PROVIDER=aws-kms needs SIGNET_AWS_KMS_KEY_ID']],
    [{ SIGNET_KEK_PROVIDER: 'gcp' }, ['SIGNET_KEK_PROVIDER must be one of ring, vault, aws-kms']],
    [
      { SIGNET_VAULT_ADDR: 'http://vault.example.com:8200', SIGNET_VAULT_TRANSIT_MOUNT: '/transit' },
      [
        'SIGNET_VAULT_ADDR must be https (or http on loopback)',
        'SIGNET_VAULT_ADDR needs one of SIGNET_VAULT_TOKEN and SIGNET_VAULT_TOKEN_FILE',
        'SIGNET_VAULT_TRANSIT_KEY must be the name of a transit key',
        'SIGNET_VAULT_TRANSIT_MOUNT must be a path without a slash at either end',
      ],
    ],
    [{ SIGNET_AWS_KMS_ENDPOINT: 'http://kms.example.com' }, ['SIGNET_AWS_KMS_ENDPOINT must be https (or http on loopback)']],
    [
      {
        SIGNET_VAULT_ADDR: 'http://[::1]:8200',
        SIGNET_VAULT_TOKEN: 't',
        SIGNET_VAULT_TRANSIT_KEY: 'signet',
        SIGNET_AWS_KMS_KEY_ID: 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      },
      [],
    ],
  ])('names every fault of a key provider: %j', (env, expected) => {
    expect(faults(env as Record<string, string>)).toEqual(expected);
  });

  it('cannot be changed once it was read', () => {
    expect(() => Object.assign(readConfig({}), { port: 1 })).toThrow(TypeError);
  });

  it('prints no secret, however it is printed', () => {
    const config = readConfig({
      DATABASE_URL: 'mysql://u:canary-7f3a@127.0.0.1/x',
      SIGNET_ADMIN_PASSWORD: 'canary-7f3a',
      REDIS_URL: 'redis://:canary-7f3a@127.0.0.1',
      SIGNET_KEK: 'k:canary-7f3a',
      SIGNET_VAULT_ADDR: 'https://vault.example.com',
      SIGNET_VAULT_TRANSIT_KEY: 'signet',
      SIGNET_VAULT_TOKEN: 'canary-7f3a',
    });
    expect(JSON.stringify(config) + inspect(config, { depth: 9 }) + String(config.databaseUrl)).not.toContain('canary-7f3a');
    expect(new Secret('x').reveal()).toBe('x');
  });

  it('is described whole in .env.example', () => {
    const example = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8');
    const named = [...example.matchAll(/^#?\s?([A-Z_]+)=/gm)].map(([, name]) => name);
    expect(named.sort()).toEqual([...Object.keys(VARIABLES), ...Object.keys(GATEWAY_VARIABLES), 'DATABASE_URL', 'REDIS_URL'].sort());
  });
});
