import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import type { ConfigError } from './config.js';
import { readGatewayConfig } from './gateway-config.js';

const NEEDED = { SIGNET_CONTROL_PLANE_URL: 'https://signet.example/', SIGNET_GATEWAY_TOKEN: 'canary-7f3a', SIGNET_INSTANCE_ID: 'i1' };

function faults(env: Record<string, string>): readonly string[] {
  try {
    readGatewayConfig({ ...env });
    return [];
  } catch (error) {
    return (error as ConfigError).faults;
  }
}

describe("a gateway node's configuration", () => {
  it('needs the control plane, a credential and a gateway, and names what is missing at once', () => {
    expect(faults({})).toHaveLength(3);
    expect(readGatewayConfig({ ...NEEDED })).toMatchObject({
      controlPlaneUrl: 'https://signet.example',
      proxy: { host: '127.0.0.1', port: 8710 },
      sign: { host: '127.0.0.1', port: 8711 },
      upstream: undefined,
      unbound: 'refuse',
      largeBody: 'refuse',
      bodyLimitBytes: 12_582_912,
      nodeId: expect.stringMatching(/^[A-Za-z0-9_-]+-\d+$/),
    });
  });

  it('reports every fault at once, and refuses a variable of ours that it does not know', () => {
    expect(
      faults({
        SIGNET_CONTROL_PLANE_URL: 'signet.example',
        SIGNET_GATEWAY_TOKEN_FILE: '/nowhere/at/all',
        SIGNET_INSTANCE_ID: 'a b',
        SIGNET_GATEWAY_UPSTREAM: 'ftp://x',
        SIGNET_GATEWAY_UNBOUND: 'yes',
        SIGNET_GATEWAY_HAPROXY_SOCKET: 'relative.sock',
        SIGNET_GATWAY_PORT: '1',
      }),
    ).toHaveLength(7);
  });

  it('takes one file for both planes', () => {
    expect(faults({ ...NEEDED, SIGNET_PORT: '8700', SIGNET_KEK_FILE: '/run/kek' })).toEqual([]);
  });

  it('reads the credential from a file, without its line feed, and takes one of the two only', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'signet-')), 'token');
    writeFileSync(file, 'from-a-file\n');
    expect(readGatewayConfig({ ...NEEDED, SIGNET_GATEWAY_TOKEN: '', SIGNET_GATEWAY_TOKEN_FILE: file }).token.reveal()).toBe('from-a-file');
    expect(faults({ ...NEEDED, SIGNET_GATEWAY_TOKEN_FILE: file })[0]).toContain('exclude each other');
  });

  it('prints no credential, and leaves none in the environment', () => {
    const env: Record<string, string> = { ...NEEDED };
    expect(inspect(readGatewayConfig(env), { depth: 9 })).not.toContain('canary-7f3a');
    expect(env['SIGNET_GATEWAY_TOKEN']).toBeUndefined();
  });

  it('finds the socket of HAProxy by path or by host and port', () => {
    const socketOf = (SIGNET_GATEWAY_HAPROXY_SOCKET: string) =>
      readGatewayConfig({ ...NEEDED, SIGNET_GATEWAY_HAPROXY_SOCKET }).haproxy?.socket;
    expect([socketOf('/run/h.sock'), socketOf('127.0.0.1:9999'), socketOf('[::1]:9999')]).toEqual([
      { path: '/run/h.sock' },
      { host: '127.0.0.1', port: 9999 },
      { host: '::1', port: 9999 },
    ]);
  });
});
