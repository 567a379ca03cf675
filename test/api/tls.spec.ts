import { X509Certificate } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type PeerCertificate } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Agent, request } from 'undici';
import { readConfig } from '../../src/platform/config/config.js';
import { readGatewayConfig } from '../../src/platform/config/gateway-config.js';
import { ControlPlaneClient } from '../../src/gateway/control-plane/control-plane-client.js';
import { Authority } from '../support/certificates.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { joined } from '../support/environment.js';
import { type Client, TestService } from '../support/service.js';
import { TestSession } from '../support/session.js';
import { until } from '../support/until.js';

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
    SIGNET_TLS: `cert=${served().certFile},key=${served().keyFile},client-ca=${machines.caFile}`,
    SIGNET_TIMEOUTS: 'headers=500ms',
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

/** The result of a TLS handshake. */
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

describe('the TLS port', () => {
  it('serves TLS, and sends Strict-Transport-Security', async () => {
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

  it('does not answer plain HTTP, and cuts off an unfinished handshake', async () => {
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

  it('serves a renewed certificate without a restart, and keeps the old one if the new file is invalid', async () => {
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
    expect(service.logs.some((line) => line.includes('renewed TLS certificate cannot be used'))).toBe(true);
    // No signal is needed, because the service polls the files.
    serve(authority.issue('third'));
    await until(async () => (await subject()) === 'third');
  });
});

describe('a machine', () => {
  const snapshot = (own: object) =>
    call('GET', `/signet/v1/instances/${gateway}/snapshot`, undefined, { authorization: `Bearer ${credential}` }, own);
  const pem = ({ certFile, keyFile }: { certFile: string; keyFile: string }) => ({
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
  });

  it('is served with its credential and a certificate of the client authority', async () => {
    // It gets an error about its parameters, which shows that it was admitted.
    const { status, body } = await snapshot(pem(node));
    expect([status, body.parameter]).toEqual([400, 'Signet-Session']);
  });

  it('is refused without a certificate of the authority, while users need no certificate', async () => {
    for (const own of [{}, pem(authority.issue('stranger'))]) {
      const { status, body } = await snapshot(own);
      expect([status, body.code, body.detail]).toEqual([403, 'forbidden', 'machines must present a client certificate']);
    }
    expect((await call('GET', `/v2/${client.projectId}/apigw/instances`)).status).toBe(200);
  });

  it('with a credential bound to a certificate is served with that certificate only, until the credential is renewed for another one', async () => {
    const stranger = machines.issue('another-node');
    const print = ({ certFile }: { certFile: string }) => new X509Certificate(readFileSync(certFile)).fingerprint256;
    const tokens = `/signet/v1/instances/${gateway}/gateway-tokens`;
    const bound = (await call('POST', tokens, { client_certificate_sha256: print(node) })).body;
    expect(bound.client_certificate_sha256).toMatch(/^[0-9a-f]{64}$/);
    const asked = async (token: string, own: object) => {
      const answer = await call('GET', `/signet/v1/instances/${gateway}/snapshot`, undefined, { authorization: `Bearer ${token}` }, own);
      return [answer.status, answer.body.parameter ?? answer.body.detail];
    };
    const refused = [403, 'the credential is bound to another client certificate'];
    expect(await asked(bound.token, pem(node))).toEqual([400, 'Signet-Session']);
    expect(await asked(bound.token, pem(stranger))).toEqual(refused);
    expect(await asked(bound.token, {})).toEqual([403, 'machines must present a client certificate']);
    const renewed = (await call('POST', `${tokens}/${bound.id}/renew`, { client_certificate_sha256: print(stranger) })).body;
    expect([await asked(renewed.token, pem(stranger)), await asked(renewed.token, pem(node))]).toEqual([[400, 'Signet-Session'], refused]);
    // The old credential keeps its certificate, and so does a renewal that names none.
    expect(await asked(bound.token, pem(node))).toEqual([400, 'Signet-Session']);
    const kept = (await call('POST', `${tokens}/${bound.id}/renew`, {})).body;
    expect([await asked(kept.token, pem(node)), await asked(kept.token, pem(stranger))]).toEqual([[400, 'Signet-Session'], refused]);
  });

  it('is refused with a certificate but no credential', async () => {
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
    const plane = new ControlPlaneClient(readGatewayConfig(environment(more)));
    const session = new TestSession(gateway, 'node');
    return plane.register(session.sessionId, session.registration(), AbortSignal.timeout(10_000)).finally(() => plane.close());
  };

  it('connects only with its configured authority and certificate', async () => {
    const own = { SIGNET_CONTROL_PLANE_TLS: `cert=${node.certFile},key=${node.keyFile}` };
    expect(await read(joined({ SIGNET_CONTROL_PLANE_TLS: `ca=${authority.caFile}` }, own))).toMatchObject({ epoch: expect.any(String) });
    await expect(read({ SIGNET_CONTROL_PLANE_TLS: `ca=${authority.caFile}` })).rejects.toMatchObject({ status: 403 });
    await expect(read(own)).rejects.toThrow(/self-signed|unable to verify|issuer/);
    await expect(read(joined({ SIGNET_CONTROL_PLANE_TLS: `ca=${machines.caFile}` }, own))).rejects.toThrow();
  });

  it.each<[Record<string, string>, string]>([
    [{ SIGNET_CONTROL_PLANE_TLS: 'ca=/nowhere' }, 'SIGNET_CONTROL_PLANE_TLS: ca cannot be read (ENOENT)'],
    [{ SIGNET_CONTROL_PLANE_TLS: 'cert=package.json' }, 'SIGNET_CONTROL_PLANE_TLS must contain both cert and key, or neither'],
    [{ SIGNET_CONTROL_PLANE_TLS: 'cert=package.json,key=package.json' }, 'names a file with invalid content'],
    [
      { SIGNET_CONTROL_PLANE_URL: 'http://127.0.0.1:1', SIGNET_CONTROL_PLANE_TLS: 'ca=package.json' },
      'requires a SIGNET_CONTROL_PLANE_URL that starts with https://',
    ],
  ])('does not start with %j', (more, words) => {
    expect(() => readGatewayConfig(environment(more))).toThrow(words);
  });
});

describe('the configuration', () => {
  it.each<[Record<string, string>, string]>([
    [{ SIGNET_TLS: 'cert=/nowhere,key=/nowhere' }, 'SIGNET_TLS: cert cannot be read (ENOENT)'],
    [{ SIGNET_TLS: 'cert=package.json' }, 'SIGNET_TLS must contain both cert and key'],
    [{ SIGNET_TLS: 'client-ca=package.json' }, 'SIGNET_TLS must contain both cert and key'],
    [
      { SIGNET_TLS: 'cert=package.json,key=package.json', SIGNET_EMBEDDED_GATEWAY: 'on' },
      'SIGNET_EMBEDDED_GATEWAY=on cannot be combined with SIGNET_TLS',
    ],
  ])('refuses %j', (env, words) => {
    expect(() => readConfig(env)).toThrow(words);
  });

  it('refuses files that are not a certificate and its key, and prints neither', async () => {
    const other = authority.issue('other');
    const start = (certFile: string, keyFile: string) =>
      TestService.start(test, { SIGNET_TLS: `cert=${certFile},key=${keyFile}` }).then(
        () => 'started',
        (error: Error) => error.message,
      );
    for (const message of [await start(other.certFile, node.keyFile), await start('package.json', 'package.json')]) {
      expect(message).toContain('SIGNET_TLS: cert and key are invalid: ');
      expect(message).not.toContain('PRIVATE KEY');
    }
  });
});
