import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import type { ConfigError } from './values.js';
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
  it('requires a control plane, a credential and a gateway, and names all missing ones at once', () => {
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

  it('reports all faults at once, and refuses an unknown variable with Signet’s prefix', () => {
    expect(
      faults({
        SIGNET_CONTROL_PLANE_URL: 'signet.example',
        SIGNET_GATEWAY_TOKEN_FILE: '/nowhere/at/all',
        SIGNET_INSTANCE_ID: 'a b',
        SIGNET_GATEWAY_UPSTREAM: 'ftp://x',
        SIGNET_GATEWAY_RULES: 'unbound=yes',
        SIGNET_GATEWAY_HAPROXY: 'socket=relative.sock',
        SIGNET_GATWAY_PORT: '1',
      }),
    ).toHaveLength(7);
  });

  it('accepts an environment with the variables of both planes', () => {
    expect(faults({ ...NEEDED, SIGNET_PORT: '8700', SIGNET_KEK_FILE: '/run/kek' })).toEqual([]);
  });

  it('reads the credential from a file without its line feed, and accepts either the file or the variable', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'signet-')), 'token');
    writeFileSync(file, 'from-a-file\n');
    const { token } = readGatewayConfig({ ...NEEDED, SIGNET_GATEWAY_TOKEN: '', SIGNET_GATEWAY_TOKEN_FILE: file });
    expect(token().reveal()).toBe('from-a-file');
    // The file is renewed, half-written, missing, and complete again.
    for (const [text, found] of [
      ['renewed\n', 'renewed'],
      ['', 'renewed'],
      [undefined, 'renewed'],
      ['again', 'again'],
    ] as const) {
      if (text === undefined) rmSync(file);
      else writeFileSync(file, text);
      expect(token().reveal()).toBe(found);
    }
    expect(faults({ ...NEEDED, SIGNET_GATEWAY_TOKEN_FILE: file })[0]).toContain(
      'only one of SIGNET_GATEWAY_TOKEN and SIGNET_GATEWAY_TOKEN_FILE',
    );
  });

  it('prints no credential, and leaves none in the environment', () => {
    const env: Record<string, string> = { ...NEEDED };
    expect(inspect(readGatewayConfig(env), { depth: 9 })).not.toContain('canary-7f3a');
    expect(env['SIGNET_GATEWAY_TOKEN']).toBeUndefined();
  });

  it('accepts the socket of HAProxy as a path or as host and port', () => {
    const socketOf = (socket: string) => readGatewayConfig({ ...NEEDED, SIGNET_GATEWAY_HAPROXY: `socket=${socket}` }).haproxy?.socket;
    expect([socketOf('/run/h.sock'), socketOf('127.0.0.1:9999'), socketOf('[::1]:9999')]).toEqual([
      { path: '/run/h.sock' },
      { host: '127.0.0.1', port: 9999 },
      { host: '::1', port: 9999 },
    ]);
  });

  it('accepts the socket of HAProxy’s master and the setting for its maps, and names an invalid one', () => {
    const haproxy = (items: string) => ({ ...NEEDED, SIGNET_GATEWAY_HAPROXY: `socket=/run/h.sock${items}` });
    expect(readGatewayConfig(haproxy('')).haproxy).toMatchObject({ master: undefined, onStop: 'keep' });
    expect(readGatewayConfig(haproxy(',master=/run/m.sock,on-stop=empty')).haproxy).toMatchObject({
      master: { path: '/run/m.sock' },
      onStop: 'empty',
    });
    expect(faults(haproxy(',master=m.sock,on-stop=leave'))).toEqual([
      'SIGNET_GATEWAY_HAPROXY: master must be an absolute path or HOST:PORT',
      'SIGNET_GATEWAY_HAPROXY: on-stop must be one of keep, empty',
    ]);
  });

  it('refuses a name of an environment that X-Stage could not contain', () => {
    expect(faults({ ...NEEDED, SIGNET_GATEWAY_ENVIRONMENT: 'RELEASE|GET' })).toEqual([
      'SIGNET_GATEWAY_ENVIRONMENT must be 3 to 64 letters, digits and _, and must start with a letter',
    ]);
  });
});
