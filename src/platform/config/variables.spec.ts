import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { Authority } from '../../../test/support/certificates.js';
import { joined } from '../../../test/support/environment.js';
import { readCommandLineConfig } from './command-line-config.js';
import { readConfig } from './config.js';
import { readGatewayConfig } from './gateway-config.js';
import { REMOVED } from './removed-variables.js';
import { Secret } from './secret.js';
import type { ConfigError, Environment } from './values.js';
import { itemName, type Plane, SETTINGS, VARIABLES, variablesOf } from './variables.js';

const folder = mkdtempSync(join(tmpdir(), 'signet-variables-'));
afterAll(() => rmSync(folder, { recursive: true }));
const identity = (file: string) => {
  const keystone = { url: `https://${file}.example/v3`, service: { user: 'signet', project: 'service' } };
  writeFileSync(join(folder, file), JSON.stringify({ keystone, roles: { member: ['APIG FullAccess'] } }));
  return join(folder, file);
};
writeFileSync(join(folder, 'token'), 'from-a-file');
const authority = new Authority(folder, 'authority');
const [node, other] = [authority.issue('node'), authority.issue('other')];

const NODE = { SIGNET_CONTROL_PLANE_URL: 'https://signet.example', SIGNET_GATEWAY_TOKEN: 'token', SIGNET_INSTANCE_ID: 'i1' };
const READERS: Record<Plane, (env: Environment) => unknown> = {
  'control plane': readConfig,
  gateway: readGatewayConfig,
  'command line': readCommandLineConfig,
};

/** The result of reading an environment, including secrets. */
function read(plane: Plane, env: Record<string, string>): string {
  const config = READERS[plane](plane === 'gateway' ? joined(NODE, env) : { ...env });
  return JSON.stringify(config, (_, value: unknown) => {
    if (value instanceof Secret) return value.reveal() as string;
    return typeof value === 'function' ? (value as () => Secret)().reveal() : value;
  });
}

function faults(env: Record<string, string>, plane: Plane = 'control plane'): readonly string[] {
  try {
    READERS[plane]({ ...env });
    return [];
  } catch (error) {
    return (error as ConfigError).faults;
  }
}

/** Further variables, for settings that have an effect only together with others. */
const BESIDE: Record<string, Record<string, string>> = {
  SIGNET_TLS: { SIGNET_TLS: 'cert=package.json,key=package.json' },
  SIGNET_KEK_PROVIDER: { SIGNET_AWS_KMS_KEY_ID: 'k' },
  SIGNET_VAULT: { SIGNET_VAULT: 'address=https://vault.example,key=k', SIGNET_VAULT_TOKEN: 't' },
  SIGNET_VAULT_TOKEN: { SIGNET_VAULT: 'address=https://vault.example,key=k' },
  SIGNET_VAULT_TOKEN_FILE: { SIGNET_VAULT: 'address=https://vault.example,key=k' },
  SIGNET_IDENTITY_FILE: { SIGNET_IDENTITY_PASSWORD: 'p' },
  SIGNET_IDENTITY_PASSWORD: { SIGNET_IDENTITY_FILE: identity('beside') },
  SIGNET_CONTROL_PLANE_TLS: { SIGNET_CONTROL_PLANE_TLS: `cert=${node.certFile},key=${node.keyFile}` },
  SIGNET_GATEWAY_UPSTREAM_TLS: {
    SIGNET_GATEWAY_UPSTREAM: 'https://backend.example',
    SIGNET_GATEWAY_UPSTREAM_TLS: `cert=${node.certFile},key=${node.keyFile}`,
  },
  SIGNET_GATEWAY_TOKEN_FILE: { SIGNET_GATEWAY_TOKEN: '' },
  SIGNET_GATEWAY_HAPROXY: { SIGNET_GATEWAY_HAPROXY: 'socket=/run/h.sock' },
  SIGNET_ACCESS_KEY: { SIGNET_SECRET_KEY: 'sk' },
  SIGNET_SECRET_KEY: { SIGNET_ACCESS_KEY: 'ak' },
};

/** For each setting, a value that differs from its default. */
const OTHER: Record<string, string> = {
  SIGNET_MODE: 'production',
  SIGNET_HOST: '::1',
  SIGNET_PORT: '1',
  SIGNET_PUBLIC_URL: 'https://signet.example',
  SIGNET_REGION: 'eu',
  'SIGNET_TLS.cert': 'tsconfig.json',
  'SIGNET_TLS.key': 'tsconfig.json',
  'SIGNET_TLS.client-ca': 'tsconfig.json',
  SIGNET_GATEWAY_PLAINTEXT: 'allow',
  SIGNET_CONSOLE: 'off',
  SIGNET_CORS_ORIGINS: 'https://console.example',
  SIGNET_LOG_LEVEL: 'warn',
  SIGNET_TRUSTED_PROXIES: '10.0.0.0/8',
  'SIGNET_TIMEOUTS.headers': '9s',
  'SIGNET_TIMEOUTS.request': '61s',
  'SIGNET_TIMEOUTS.database': '9s',
  'SIGNET_TIMEOUTS.keep-alive': '2m',
  'SIGNET_TIMEOUTS.drain': '9s',
  'SIGNET_TIMEOUTS.shutdown': '9s',
  SIGNET_DATA_DIR: 'elsewhere',
  DATABASE_URL: 'mysql://root@127.0.0.1/signet',
  REDIS_URL: 'redis://127.0.0.1',
  SIGNET_PULSE_FILE: '/pulse',
  SIGNET_KEK_FILE: '/kek',
  SIGNET_KEK: 'k:…',
  SIGNET_KEK_PROVIDER: 'aws-kms',
  'SIGNET_VAULT.address': 'https://other.example',
  'SIGNET_VAULT.key': 'other',
  'SIGNET_VAULT.mount': 'team/transit',
  SIGNET_VAULT_TOKEN: 'token',
  SIGNET_VAULT_TOKEN_FILE: '/token',
  SIGNET_AWS_KMS_KEY_ID: 'alias/signet',
  SIGNET_ADMIN_PASSWORD: 'password',
  SIGNET_IAM_FILE: '/iam.json',
  SIGNET_IDENTITY_FILE: identity('own'),
  SIGNET_IDENTITY_PASSWORD: 'password',
  'SIGNET_LIMITS.signs': '9',
  'SIGNET_LIMITS.instances': '9',
  'SIGNET_LIMITS.sessions': '9',
  'SIGNET_LIMITS.body': '1MiB',
  'SIGNET_LIMITS.token-life': '1h',
  'SIGNET_LIMITS.database-connections': '9',
  'SIGNET_LIMITS.database-log': '9MiB',
  'SIGNET_RATE_LIMITS.login-user': '9/1m',
  'SIGNET_RATE_LIMITS.login-address': 'off',
  'SIGNET_RATE_LIMITS.user': '9/1m',
  'SIGNET_RATE_LIMITS.address': '9/1m',
  'SIGNET_RETENTION.receipts': '9d',
  'SIGNET_RETENTION.denied-rows': '9999',
  'SIGNET_RETENTION.webhook-payloads': '9h',
  'SIGNET_RETENTION.webhook-messages': '9d',
  'SIGNET_SIGN_RULES.omitted': 'regenerate',
  'SIGNET_SIGN_RULES.leading-digit': 'refuse',
  'SIGNET_WEBHOOKS.delivery': 'off',
  'SIGNET_WEBHOOKS.http': 'allow',
  'SIGNET_WEBHOOKS.check-dns': 'off',
  'SIGNET_WEBHOOKS.timeout': '9s',
  'SIGNET_WEBHOOKS.concurrency': '9',
  'SIGNET_WEBHOOKS.disable-after': '0',
  SIGNET_WEBHOOK_ALLOW_CIDRS: '10.0.0.0/8',
  SIGNET_EMBEDDED_GATEWAY: 'off',
  SIGNET_CONTROL_PLANE_URL: 'https://other.example',
  'SIGNET_CONTROL_PLANE_TLS.ca': authority.caFile,
  'SIGNET_CONTROL_PLANE_TLS.cert': other.certFile,
  'SIGNET_CONTROL_PLANE_TLS.key': other.keyFile,
  SIGNET_GATEWAY_TOKEN: 'other',
  SIGNET_GATEWAY_TOKEN_FILE: join(folder, 'token'),
  SIGNET_INSTANCE_ID: 'i2',
  SIGNET_NODE_ID: 'n2',
  SIGNET_GATEWAY_STATE_DIR: '/state',
  'SIGNET_GATEWAY_LISTEN.proxy': '[::1]:1',
  'SIGNET_GATEWAY_LISTEN.sign': '1',
  'SIGNET_GATEWAY_LISTEN.demo-backend': '1',
  SIGNET_GATEWAY_SIGN_HOSTS: 'signer.internal',
  SIGNET_GATEWAY_UPSTREAM: 'http://127.0.0.1:1',
  'SIGNET_GATEWAY_UPSTREAM_TLS.ca': authority.caFile,
  'SIGNET_GATEWAY_UPSTREAM_TLS.cert': other.certFile,
  'SIGNET_GATEWAY_UPSTREAM_TLS.key': other.keyFile,
  SIGNET_GATEWAY_ENVIRONMENT: 'staging',
  'SIGNET_GATEWAY_RULES.unbound': 'unsigned',
  'SIGNET_GATEWAY_RULES.large-body': 'unsigned-payload',
  'SIGNET_GATEWAY_RULES.host': 'upstream',
  'SIGNET_GATEWAY_LIMITS.body': '1MiB',
  'SIGNET_GATEWAY_LIMITS.buffer': '1GiB',
  'SIGNET_GATEWAY_LIMITS.body-rate': '0',
  'SIGNET_GATEWAY_TIMEOUTS.body': '9s',
  'SIGNET_GATEWAY_TIMEOUTS.upstream': '9s',
  'SIGNET_GATEWAY_TIMEOUTS.idle': '9s',
  'SIGNET_GATEWAY_HAPROXY.socket': '127.0.0.1:1',
  'SIGNET_GATEWAY_HAPROXY.maps': '/maps',
  'SIGNET_GATEWAY_HAPROXY.master': '/run/m.sock',
  'SIGNET_GATEWAY_HAPROXY.on-stop': 'empty',
  'SIGNET_GATEWAY_HAPROXY.hard-stop-after': '9s',
  SIGNET_URL: 'https://signet.example',
  SIGNET_PROFILE: 'staging',
  SIGNET_PROJECT: 'p',
  SIGNET_GATEWAY: 'g',
  SIGNET_TOKEN: 'token',
  SIGNET_API_KEY: 'key',
  SIGNET_ACCESS_KEY: 'access',
  SIGNET_SECRET_KEY: 'secret',
  SIGNET_SIGN_TYPE: 'basic',
  SIGNET_SIGN_ALGORITHM: 'aes-128-cfb',
  SIGNET_SIGN_KEY: 'key',
  SIGNET_SIGN_SECRET: 'secret',
};

/** The environment as an operator writes it. */
function environmentOf(name: string, value: string): Record<string, string> {
  const [variable = '', item] = name.split('.');
  return { [variable]: item === undefined ? value : `${item}=${value}` };
}

describe('the table of variables', () => {
  it('has at most 50 variables for the processes of the service, and every default is valid', () => {
    const ofService = new Set([...variablesOf('control plane'), ...variablesOf('gateway')].map(([name]) => name));
    expect(ofService.size).toBeLessThanOrEqual(50);
    for (const [name, setting] of SETTINGS)
      for (const value of [setting.default, setting.local])
        if (value !== undefined)
          for (const plane of Object.keys(READERS) as Plane[])
            expect([
              name,
              faults(environmentOf(name, value), plane).filter(
                (fault) => !/ requires? | is required$| must contain | must be set together/.test(fault),
              ),
            ]).toEqual([name, []]);
  });

  const settings = (Object.keys(READERS) as Plane[]).flatMap((plane) =>
    variablesOf(plane).flatMap(([variable, { items }]) =>
      (items === undefined ? [variable] : Object.keys(items).map((item) => itemName(variable, item))).map((name) => ({ plane, name })),
    ),
  );

  it.each(settings)('contains no setting without effect: $name changes the configuration of the $plane', ({ plane, name }) => {
    const beside = BESIDE[name.replace(/\..*/, '')] ?? {};
    const [without, having] = [beside, joined(beside, environmentOf(name, OTHER[name]!))].map((env) => {
      const told = faults(plane === 'gateway' ? joined(NODE, env) : env, plane);
      return told.length > 0 ? told : read(plane, env);
    });
    expect(having).not.toEqual(without);
    // A setting that requires others may be refused, or its absence may be refused. So one of the two environments must be accepted.
    expect([typeof having, typeof without]).toContain('string');
  });

  it('contains exactly the variables that the source reads', () => {
    expect(Object.keys(OTHER).sort()).toEqual([...SETTINGS.keys()].sort());
    const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => /(?<!\.spec)\.ts$/.test(file));
    const text = sources
      .filter((file) => !/config[/\\](removed-)?variables\.ts$/.test(file))
      .map((file) => readFileSync(join('src', file), 'utf8'))
      .join('\n');
    const read = [...text.matchAll(/['"](SIGNET_[A-Z_]+\.[a-z-]+|SIGNET_[A-Z_]*[A-Z]|DATABASE_URL|REDIS_URL)['"]/g)].map(
      ([, name]) => name!,
    );
    expect(new Set(read.filter((name) => !SETTINGS.has(name) && !VARIABLES.has(name)))).toEqual(new Set());
    expect([...SETTINGS.keys()].filter((name) => !read.includes(name) && !text.includes(`${name}: `))).toEqual([]);
  });

  it('equals .env.example, whose values are the defaults', () => {
    const lines = readFileSync('.env.example', 'utf8').split('\n');
    const named = lines.flatMap((line) => /^(?:# )?([A-Z_]+)=/.exec(line)?.[1] ?? []);
    expect(named).toEqual([...VARIABLES.keys()]);
    const set = Object.fromEntries(
      lines.filter((line) => /^[A-Z]/.test(line)).map((line) => [line.split('=')[0], line.replace(/^\w+=/, '')]),
    );
    expect(Object.keys(set).length).toBeGreaterThan(10);
    for (const plane of Object.keys(READERS) as Plane[]) expect(read(plane, set)).toBe(read(plane, {}));
  });
});

describe('a removed variable', () => {
  it.each(Object.keys(REMOVED))('%s prevents the start of both planes, with a sentence that names its replacement', (name) => {
    for (const plane of Object.keys(READERS) as Plane[]) {
      const told = faults({ ...(plane === 'gateway' && NODE), [name]: '1' }, plane);
      expect(told).toEqual([`${name} was removed: ${REMOVED[name]}`]);
      expect(told[0]).not.toContain('\n');
    }
    expect(VARIABLES.has(name)).toBe(false);
  });

  it('has a replacement that exists', () => {
    for (const [, variable = '', item] of Object.values(REMOVED).flatMap((words) => [
      ...words.matchAll(/(SIGNET_[A-Z_]+)(?:="([a-z-]+)=)?/g),
    ]))
      expect([variable, item, item === undefined ? VARIABLES.has(variable) : SETTINGS.has(itemName(variable, item))]).toEqual([
        variable,
        item,
        true,
      ]);
  });
});

describe('a variable that holds items', () => {
  it('accepts items in any order with spaces between them, and ignores empty ones', () => {
    const { signNumLimit, instanceNumLimit, bodyLimitBytes } = readConfig({ SIGNET_LIMITS: ' instances = 7, signs=9 ,body=,' });
    expect({ signNumLimit, instanceNumLimit, bodyLimitBytes }).toEqual({
      signNumLimit: 9,
      instanceNumLimit: 7,
      bodyLimitBytes: 12_582_912,
    });
  });

  it.each([
    ['sings=9', 'SIGNET_LIMITS has the unknown item sings; the known ones are signs, instances, '],
    ['signs=9,signs=9', 'SIGNET_LIMITS has the item signs more than once'],
    ['9', 'SIGNET_LIMITS must be items of the form NAME=VALUE, separated by commas; the known ones are signs, '],
    ['signs=9;instances=9', 'SIGNET_LIMITS: signs must be a whole number from 1 to 1000000'],
    ['signs=many', 'SIGNET_LIMITS: signs must be a whole number from 1 to 1000000'],
    ['body=12MB', 'SIGNET_LIMITS: body must be a size from 1KiB to 256MiB, in KiB, MiB or GiB, or in bytes'],
    ['token-life=24', 'SIGNET_LIMITS: token-life must be a duration from 60s to 7d, in ms, s, m, h or d'],
    ['token-life=60500ms', 'a multiple of 1s'],
  ])('is refused with %s, and the fault names the variable and the item', (value, words) => {
    expect(faults({ SIGNET_LIMITS: value })).toEqual([expect.stringContaining(words)]);
  });

  it('does not permit its item as a separate variable', () => {
    expect(faults({ 'SIGNET_LIMITS.signs': '9' })).toEqual(['SIGNET_LIMITS.signs is not a variable of Signet (see .env.example)']);
  });

  it('accepts durations and sizes in any unit that gives a whole number of the counted unit', () => {
    const { webhooks, drainMs, databaseLogMib } = readConfig({
      SIGNET_RETENTION: 'webhook-payloads=30d',
      SIGNET_WEBHOOKS: 'timeout=500ms,disable-after=0',
      SIGNET_TIMEOUTS: 'drain=1m',
      SIGNET_LIMITS: 'database-log=1GiB',
    });
    expect({ ...webhooks, drainMs, databaseLogMib }).toMatchObject({
      retentionHours: 720,
      timeoutMs: 500,
      disableAfterHours: 0,
      drainMs: 60_000,
      databaseLogMib: 1024,
    });
  });
});
