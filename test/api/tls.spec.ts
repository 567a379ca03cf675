import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type PeerCertificate } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Agent, request } from 'undici';
import { readConfig } from '../../src/config/config.js';
import { readGatewayConfig } from '../../src/config/gateway-config.js';
import { ControlPlane } from '../../src/gateway/control-plane.js';
import { Authority } from '../support/certificates.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { type Client, TestService } from '../support/service.js';

let dir: string;
let test: TestDatabase;
let service: TestService;
let client: Client;
let authority: Authority;
let machines: Authority;
let node: { certFile: string; keyFile: string };
let gateway: string;
let credential: string;
const served = () => ({ certFile: join(dir, 'served.crt'), keyFile: join(dir, 'served.key') });

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'signet-tls-'));
  [authority, machines] = [new Authority(dir, 'authority'), new Authority(dir, 'machines')];
  serve(authority.issue('first'));
  node = machines.issue('node');
  test = await createTestDatabase('sqlite');
  service = await TestService.start(test, {
    SIGNET_TLS_CERT_FILE: served().certFile,
    SIGNET_TLS_KEY_FILE: served().keyFile,
    SIGNET_TLS_CLIENT_CA_FILE: machines.caFile,
    SIGNET_HEADERS_TIMEOUT_MS: '500',
  });
  client = await service.client();
  gateway = (
    await call('POST', `/v2/${client.projectId}/apigw/instances`, {
      instance_name: 'tls',
      spec_id: 'BASIC',
      vpc_id: 'vpc',
      subnet_id: 'subnet',
      security_group_id: 'group',
      available_zone_ids: ['local-a'],
    })
  ).body.instance_id;
  credential = (await call('POST', `/signet/v1/instances/${gateway}/gateway-tokens`, { role: 'gateway' })).body.token;
});
afterAll(async () => {
  await service.stop();
  await test.drop();
  rmSync(dir, { recursive: true });
});

function serve({ certFile, keyFile }: { certFile: string; keyFile: string }): void {
  copyFileSync(keyFile, served().keyFile);
  copyFileSync(certFile, served().certFile);
}

async function call(method: 'GET' | 'POST', path: string, body?: object, headers: object = {}, own: object = {}) {
  const dispatcher = new Agent({ connect: { ca: readFileSync(authority.caFile), ...own } });
  try {
    const answer = await request(service.baseUrl + path, {
      method,
      dispatcher,
      headers: { 'x-auth-token': client.token, ...(body && { 'content-type': 'application/json' }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: answer.statusCode, headers: answer.headers, body: (await answer.body.json()) as any };
  } finally {
    await dispatcher.destroy();
  }
}

/** What a handshake ends with. */
function handshake(options: ConnectionOptions): Promise<{ protocol: string | null; certificate: PeerCertificate } | Error> {
  return new Promise((resolve) => {
    const { port } = new URL(service.baseUrl);
    const socket = connect({ host: '127.0.0.1', port: Number(port), ca: readFileSync(authority.caFile), ...options }, () => {
      resolve({ protocol: socket.getProtocol(), certificate: socket.getPeerCertificate() });
      socket.destroy();
    });
    socket.on('error', resolve);
  });
}

describe('the port', () => {
  it('serves over TLS, and tells browsers to stay there', async () => {
    expect(service.baseUrl).toMatch(/^https:/);
    const { status, headers } = await call('GET', `/v2/${client.projectId}/apigw/instances`);
    expect([status, headers['strict-transport-security']]).toEqual([200, 'max-age=31536000']);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('speaks %s', async (version) => {
    expect(await handshake({ minVersion: version, maxVersion: version })).toMatchObject({ protocol: version });
  });

  it.each(['TLSv1', 'TLSv1.1'] as const)('does not speak %s', async (version) => {
    const ended = await handshake({ minVersion: version, maxVersion: version, ciphers: 'DEFAULT:@SECLEVEL=0' });
    expect(ended).toMatchObject({ code: expect.stringMatching(/ALERT_PROTOCOL_VERSION|ECONNRESET/) });
  });

  it('answers plain HTTP with nothing, and cuts a handshake that is not finished', async () => {
    const { port } = new URL(service.baseUrl);
    for (const bytes of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', '\u0016\u0003\u0001']) {
      const answer = await new Promise<string>((resolve) => {
        const socket = connectTcp(Number(port), '127.0.0.1', () => socket.write(bytes, 'latin1'));
        let text = '';
        socket.on('data', (data) => (text += data.toString('latin1')));
        socket.on('error', () => undefined);
        socket.on('close', () => resolve(text));
      });
      expect(answer).not.toContain('HTTP/');
    }
  });

  it('serves a renewed certificate without a restart, and goes on with the old one when the new is none', async () => {
    const subject = async () => {
      const ended = await handshake({});
      return ended instanceof Error ? ended.message : ended.certificate.subject.CN;
    };
    expect(await subject()).toBe('first');
    serve(authority.issue('second'));
    process.emit('SIGHUP');
    expect(await subject()).toBe('second');
    writeFileSync(served().certFile, 'not a certificate');
    process.emit('SIGHUP');
    expect(await subject()).toBe('second');
    expect(service.logs.some((line) => line.includes('cannot be read again'))).toBe(true);
    // Nobody has to send a signal: the files are looked at.
    serve(authority.issue('third'));
    const end = performance.now() + 60_000;
    while ((await subject()) !== 'third' && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await subject()).toBe('third');
  });
});

describe('a machine', () => {
  const snapshot = (own: object) =>
    call('GET', `/signet/v1/instances/${gateway}/snapshot`, undefined, { authorization: `Bearer ${credential}` }, own);
  const pem = ({ certFile, keyFile }: { certFile: string; keyFile: string }) => ({
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
  });

  it('is served with a certificate of the authority for clients beside its credential', async () => {
    expect((await snapshot(pem(node))).status).toBe(200);
  });

  it('is refused without one, and with one of another authority; users need none', async () => {
    for (const own of [{}, pem(authority.issue('stranger'))]) {
      const { status, body } = await snapshot(own);
      expect([status, body.code, body.detail]).toEqual([403, 'forbidden', 'machines need a client certificate here']);
    }
    expect((await call('GET', `/v2/${client.projectId}/apigw/instances`)).status).toBe(200);
  });

  it('is refused with a certificate alone', async () => {
    const { status } = await call('GET', `/signet/v1/instances/${gateway}/snapshot`, undefined, {}, pem(node));
    expect(status).toBe(401);
  });
});

describe('signet gateway', () => {
  const environment = (more: Record<string, string>) => ({
    SIGNET_CONTROL_PLANE_URL: service.baseUrl,
    SIGNET_GATEWAY_TOKEN: credential,
    SIGNET_INSTANCE_ID: gateway,
    ...more,
  });
  const read = async (more: Record<string, string>) => {
    const plane = new ControlPlane(readGatewayConfig(environment(more)));
    return plane.snapshot(AbortSignal.timeout(10_000)).finally(() => plane.close());
  };

  it('reads with the authority and the certificate that its configuration names, and with neither it does not', async () => {
    const own = { SIGNET_CONTROL_PLANE_CERT_FILE: node.certFile, SIGNET_CONTROL_PLANE_KEY_FILE: node.keyFile };
    expect(await read({ SIGNET_CONTROL_PLANE_CA_FILE: authority.caFile, ...own })).toMatchObject({ instance_id: gateway });
    await expect(read({ SIGNET_CONTROL_PLANE_CA_FILE: authority.caFile })).rejects.toMatchObject({ status: 403 });
    await expect(read(own)).rejects.toThrow(/self-signed|unable to verify|issuer/);
    await expect(read({ SIGNET_CONTROL_PLANE_CA_FILE: machines.caFile, ...own })).rejects.toThrow();
  });

  it.each<[Record<string, string>, string]>([
    [{ SIGNET_CONTROL_PLANE_CA_FILE: '/nowhere' }, 'SIGNET_CONTROL_PLANE_CA_FILE cannot be read (ENOENT)'],
    [
      { SIGNET_CONTROL_PLANE_CERT_FILE: 'package.json' },
      'SIGNET_CONTROL_PLANE_CERT_FILE and SIGNET_CONTROL_PLANE_KEY_FILE are needed together',
    ],
    [{ SIGNET_CONTROL_PLANE_CERT_FILE: 'package.json', SIGNET_CONTROL_PLANE_KEY_FILE: 'package.json' }, 'is not what it should be'],
    [{ SIGNET_CONTROL_PLANE_URL: 'http://127.0.0.1:1', SIGNET_CONTROL_PLANE_CA_FILE: 'package.json' }, 'that starts with https://'],
  ])('does not start with %j', (more, words) => {
    expect(() => readGatewayConfig(environment(more))).toThrow(words);
  });
});

describe('the configuration', () => {
  it.each<[Record<string, string>, string]>([
    [{ SIGNET_TLS_CERT_FILE: '/nowhere', SIGNET_TLS_KEY_FILE: '/nowhere' }, 'SIGNET_TLS_CERT_FILE cannot be read (ENOENT)'],
    [{ SIGNET_TLS_CERT_FILE: 'package.json' }, 'SIGNET_TLS_CERT_FILE and SIGNET_TLS_KEY_FILE are needed together'],
    [{ SIGNET_TLS_CLIENT_CA_FILE: 'package.json' }, 'SIGNET_TLS_CERT_FILE and SIGNET_TLS_KEY_FILE are needed together'],
    [
      { SIGNET_TLS_CERT_FILE: 'package.json', SIGNET_TLS_KEY_FILE: 'package.json', SIGNET_EMBEDDED_GATEWAY: 'on' },
      'SIGNET_EMBEDDED_GATEWAY=on speaks plain HTTP',
    ],
  ])('refuses %j', (env, words) => {
    expect(() => readConfig(env)).toThrow(words);
  });

  it('refuses files that are no certificate and its key, and prints neither', async () => {
    const other = authority.issue('other');
    const start = (certFile: string, keyFile: string) =>
      TestService.start(test, { SIGNET_TLS_CERT_FILE: certFile, SIGNET_TLS_KEY_FILE: keyFile }).then(
        () => 'started',
        (error: Error) => error.message,
      );
    for (const message of [await start(other.certFile, node.keyFile), await start('package.json', 'package.json')]) {
      expect(message).toContain('SIGNET_TLS_CERT_FILE and SIGNET_TLS_KEY_FILE cannot be used: ');
      expect(message).not.toContain('PRIVATE KEY');
    }
  });
});
