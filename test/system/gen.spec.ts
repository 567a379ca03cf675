import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { signet } from '../support/process.js';

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
  // Not in Debian: held as files, and their documented request shape is replayed in sign-endpoint.spec.ts. UPDATE_GOLDEN=1 writes them.
  it.each(['envoy', 'apisix', 'traefik'])('prints the configuration for %s that is kept in test/golden', async (name) => {
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

  it('prints the Lua file of HAProxy, and refuses what would break out of a configuration', async () => {
    expect((await signet(['gen', 'haproxy', '--lua', '--instance', 'i1'], {})).stdout).toContain('register_converters("signet_canonical"');
    for (const bad of [
      ['--upstream', 'ftp://x'],
      ['--listen', '8000; evil'],
      ['--instance', 'a\nb'],
    ])
      expect((await signet(['gen', 'nginx', '--instance', 'i1', ...bad], {})).code).toBe(1);
  });
});
