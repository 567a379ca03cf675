import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { signet } from '../support/process.js';
import { EXIT } from '../../src/cli/exit-codes.js';

const ARGS = [
  '--instance',
  'i1',
  '--signer',
  'http://signer.internal:8711',
  '--upstream',
  'http://backend.internal:8080',
  '--listen',
  '8000',
];

describe('signet gen', () => {
  // These gateways are not in Debian, so their configurations are compared with files, and sign-endpoint.spec.ts replays their documented
  // requests. UPDATE_GOLDEN=1 writes the files.
  it.each(['envoy', 'apisix', 'traefik'])('prints the configuration for %s in test/golden', async (name) => {
    const { code, stdout } = await signet(['gen', name, ...ARGS], {});
    const file = `test/golden/${name}.yaml`;
    if (process.env['UPDATE_GOLDEN'] === '1') {
      mkdirSync('test/golden', { recursive: true });
      writeFileSync(file, stdout);
    }
    expect([code, stdout]).toEqual([0, readFileSync(file, 'utf8')]);
  });

  it.each(['nginx', 'haproxy', 'caddy'])('prints a configuration for %s', async (name) => {
    const { code, stdout } = await signet(['gen', name, ...ARGS], {});
    expect([code, stdout]).toEqual([0, expect.stringContaining('backend.internal:8080')]);
  });

  it('prints the Lua file of HAProxy, and refuses values that would break out of a configuration', async () => {
    const { stdout } = await signet(['gen', 'haproxy', ...ARGS], {});
    // The command that the configuration's comment names.
    const [, told = ''] = /signet (gen haproxy --lua [^>]*) >/.exec(stdout) ?? [];
    expect((await signet(told.split(' '), {})).stdout).toContain('register_converters("signet_read"');
    for (const bad of [
      ['--upstream', 'ftp://x'],
      ['--listen', '8000; evil'],
      ['--instance', 'a\nb'],
    ])
      expect((await signet(['gen', 'nginx', '--instance', 'i1', ...bad], {})).code).toBe(EXIT.usage.code);
  });

  it('sets the environment of an HAProxy like that of its node, and uses different names in two files', async () => {
    const of = async (instance: string, env: Record<string, string>) =>
      (await signet(['gen', 'haproxy', '--instance', instance], env)).stdout;
    const [fixed, other] = [await of('i1', { SIGNET_GATEWAY_ENVIRONMENT: 'staging' }), await of('i2', {})];
    expect(fixed).toContain('http-request set-var(txn.env) str(staging)');
    expect(other).not.toContain('str(staging)');
    const namesOf = (text: string) => [...text.matchAll(/^(?:defaults|frontend|backend) (\S+)/gm)].map(([, name]) => name);
    expect(namesOf(fixed)).toHaveLength(4);
    expect(namesOf(fixed).filter((name) => namesOf(other).includes(name))).toEqual([]);
    expect((await signet(['gen', 'haproxy', '--instance', 'i1'], { SIGNET_GATEWAY_ENVIRONMENT: 'a|b' })).code).toBe(2);
  });

  it('accepts several signers for gateways that support them, and refuses them for others with the reason', async () => {
    const two = ['--instance', 'i1', '--signer', 'http://10.0.0.1:8711', '--signer', 'http://10.0.0.2:8711'];
    for (const name of ['nginx', 'caddy', 'envoy']) {
      const { code, stdout } = await signet(['gen', name, ...two], {});
      expect([name, code, stdout.includes('10.0.0.1'), stdout.includes('10.0.0.2')]).toEqual([name, 0, true, true]);
    }
    for (const name of ['traefik', 'apisix'])
      expect(await signet(['gen', name, ...two], {})).toMatchObject({ code: 2, stderr: expect.stringContaining('one --signer') });
  });

  it('writes IPv6 addresses for Envoy as texts and not as lists', async () => {
    const urls = ['--signer', 'http://[::1]:8711', '--upstream', 'https://[fd00::7]:8443', '--listen', '[::]:8000'];
    const { stdout } = await signet(['gen', 'envoy', '--instance', 'i1', ...urls], {});
    for (const address of ['"::1", port_value: 8711', '"fd00::7", port_value: 8443', '"::", port_value: 8000'])
      expect(stdout).toContain(address);
    expect(stdout).not.toMatch(/address: \[/);
  });
});
