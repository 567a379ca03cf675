import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { readConfig } from './config.js';
import type { ConfigError } from './values.js';
import { readGatewayConfig } from './gateway-config.js';
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
  it('is complete without any variable', () => {
    expect(readConfig({})).toMatchObject({
      mode: 'local',
      host: '127.0.0.1',
      port: 8700,
      publicUrl: 'http://127.0.0.1:8700',
      signUpdateOmitted: 'keep',
    });
  });

  it('reports all faults at once', () => {
    expect(
      faults({ SIGNET_PORT: '0x10', SIGNET_MODE: 'prod', DATABASE_URL: 'postgres://x/y', SIGNET_LIMITS: 'token-life=1e3' }),
    ).toHaveLength(4);
  });

  it('refuses an unknown variable with Signet’s prefix', () => {
    expect(faults({ SIGNET_PROT: '8700' })).toEqual(['SIGNET_PROT is not a variable of Signet (see .env.example)']);
  });

  it('refuses a database URL without a database', () => {
    expect(faults({ DATABASE_URL: 'mysql://root@127.0.0.1:3306' })[0]).toContain('must name a database');
  });

  it('refuses an invalid address range, and permits only public https addresses for webhooks by default', () => {
    for (const range of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/8;::/0', 'localhost/8', '10.0.0.0/'])
      expect(faults({ SIGNET_WEBHOOK_ALLOW_CIDRS: range })[0]).toContain('must be address ranges');
    expect(readConfig({}).webhooks).toMatchObject({ allowHttp: false, allowCidrs: [], checkDns: true, delivery: true });
    expect(readConfig({ SIGNET_WEBHOOK_ALLOW_CIDRS: '10.0.0.0/8, ::1/128' }).webhooks.allowCidrs).toEqual(['10.0.0.0/8', '::1/128']);
  });

  it.each([
    [{ SIGNET_KEK_PROVIDER: 'vault' }, ['SIGNET_KEK_PROVIDER=vault requires address in SIGNET_VAULT']],
    [{ SIGNET_KEK_PROVIDER: 'aws-kms' }, ['SIGNET_KEK_PROVIDER=aws-kms requires SIGNET_AWS_KMS_KEY_ID']],
    [{ SIGNET_KEK_PROVIDER: 'gcp' }, ['SIGNET_KEK_PROVIDER must be one of ring, vault, aws-kms']],
    [
      { SIGNET_VAULT: 'address=http://vault.example.com:8200,mount=/transit' },
      [
        'SIGNET_VAULT: address must be https (or http on loopback)',
        'SIGNET_VAULT requires either SIGNET_VAULT_TOKEN or SIGNET_VAULT_TOKEN_FILE',
        'SIGNET_VAULT: key must be the name of a transit key',
        'SIGNET_VAULT: mount must be a path without a slash at either end',
      ],
    ],
    [
      { SIGNET_AWS_KMS_KEY_ID: 'k', AWS_ENDPOINT_URL_KMS: 'http://kms.example.com' },
      ['AWS_ENDPOINT_URL_KMS must be https (or http on loopback)'],
    ],
    [
      {
        SIGNET_VAULT: 'address=http://[::1]:8200,key=signet',
        SIGNET_VAULT_TOKEN: 't',
        SIGNET_AWS_KMS_KEY_ID: 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      },
      [],
    ],
  ])('names every fault of a key provider: %j', (env, expected) => {
    expect(faults(env as Record<string, string>)).toEqual(expected);
  });

  it('ignores the variables that Kubernetes injects for services named signet and signet-gateway', () => {
    const injected = {
      SIGNET_SERVICE_HOST: '10.0.0.1',
      SIGNET_SERVICE_PORT: '8700',
      SIGNET_SERVICE_PORT_HTTP: '8700',
      SIGNET_PORT: 'tcp://10.0.0.1:8700',
      SIGNET_PORT_8700_TCP: 'tcp://10.0.0.1:8700',
      SIGNET_PORT_8700_TCP_PROTO: 'tcp',
      SIGNET_PORT_8700_TCP_PORT: '8700',
      SIGNET_PORT_8700_TCP_ADDR: '10.0.0.1',
      SIGNET_GATEWAY_PORT: 'tcp://10.0.0.2:8710',
      SIGNET_GATEWAY_SIGN_PORT: 'tcp://10.0.0.3:8711',
      SIGNET_GATEWAY_SERVICE_HOST: '10.0.0.2',
      SIGNET_GATEWAY_PORT_8710_TCP_ADDR: '10.0.0.2',
      SIGNET_VAULT_PORT: 'tcp://10.0.0.4:8200',
      SIGNET_VAULT_SERVICE_PORT: '8200',
    };
    expect(readConfig(injected)).toEqual(readConfig({}));
    const gateway = { SIGNET_CONTROL_PLANE_URL: 'http://127.0.0.1:1', SIGNET_INSTANCE_ID: 'i', SIGNET_NODE_ID: 'n' };
    const config = (more: object) => readGatewayConfig({ ...gateway, SIGNET_GATEWAY_TOKEN: 't', ...more });
    const readable = ({ token, ...rest }: ReturnType<typeof config>) => ({ ...rest, token: token().reveal() });
    expect(readable(config(injected))).toEqual(readable(config({})));
    expect(faults({ SIGNET_PORT: 'http://10.0.0.1' })[0]).toContain('SIGNET_PORT');
    expect(faults({ SIGNET_GATEWAY_SERVICE: 'x' })[0]).toContain('SIGNET_GATEWAY_SERVICE is not a variable');
  });

  it('names variables that require another one, and contradictory times', () => {
    expect(faults({ SIGNET_VAULT_TOKEN: 'x', SIGNET_VAULT: 'key=k' })).toEqual([
      'SIGNET_VAULT: key requires address in SIGNET_VAULT',
      'SIGNET_VAULT_TOKEN requires address in SIGNET_VAULT',
    ]);
    expect(faults({ SIGNET_TIMEOUTS: 'request=100ms' })[0]).toContain('SIGNET_TIMEOUTS: headers must not be longer');
  });

  it('cannot be changed after it is read', () => {
    expect(() => Object.assign(readConfig({}), { port: 1 })).toThrow(TypeError);
  });

  it('shows no secret, however it is printed', () => {
    const config = readConfig({
      DATABASE_URL: 'mysql://u:canary-7f3a@127.0.0.1/x',
      SIGNET_ADMIN_PASSWORD: 'canary-7f3a',
      REDIS_URL: 'redis://:canary-7f3a@127.0.0.1',
      SIGNET_KEK: 'k:canary-7f3a',
      SIGNET_VAULT: 'address=https://vault.example.com,key=signet',
      SIGNET_VAULT_TOKEN: 'canary-7f3a',
    });
    expect(JSON.stringify(config) + inspect(config, { depth: 9 }) + String(config.database?.password)).not.toContain('canary-7f3a');
    expect(new Secret('x').reveal()).toBe('x');
  });
});
