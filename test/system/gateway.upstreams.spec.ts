import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { expressVerifier } from 'signet-signing/express';
import type { Gateway } from '../../src/gateway/gateway.js';
import { readGatewayConfig } from '../../src/platform/config/gateway-config.js';
import type { ConfigError } from '../../src/platform/config/values.js';
import { Authority } from '../support/certificates.js';
import { publication, sign, TestControlPlane } from '../support/control-plane.js';
import { gatewayEnv, startTestGateway } from '../support/gateway.js';
import { codeBlocksOf } from '../support/markdown.js';
import { echoWebSockets, raw, stop } from '../support/raw-http.js';
import { binaryOf, stockPort, StockProgram } from '../support/stock-gateways.js';
import { until } from '../support/until.js';

const key = sign();
const keys = () => [{ signType: 'hmac', signKey: key.sign_key, signSecret: key.sign_secret } as const];

/** A backend behind TLS that takes signed requests only, except for its health check. */
class Backend {
  healthy = true;
  asked = 0;
  /** Name that the last connection asked for, and whether it had a certificate. */
  last: { servername: unknown; authorized: boolean } | undefined;
  private constructor(
    readonly server: Server,
    readonly port: number,
  ) {}

  static async start(name: string, files: { certFile: string; keyFile: string }, clientCa?: string): Promise<Backend> {
    const verify = expressVerifier({ keys: keys() });
    const tls = { cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) };
    const client = clientCa === undefined ? {} : { ca: readFileSync(clientCa), requestCert: true };
    const server: Server = createServer({ ...tls, ...client }, (request, response) => {
      if (request.url === '/healthz') return void response.writeHead(backend.healthy ? 200 : 503).end();
      const socket = request.socket as TLSSocket & { servername?: unknown };
      backend.last = { servername: socket.servername, authorized: socket.authorized };
      backend.asked++;
      verify(request, response, () => response.end(name));
    });
    echoWebSockets(server, () => keys());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const backend = new Backend(server, (server.address() as AddressInfo).port);
    return backend;
  }

  stop = () => stop(this.server);
}

describe('the signing proxy in front of a backend behind TLS', () => {
  let plane: TestControlPlane;
  let folder: string;
  let authority: Authority;
  let files: { certFile: string; keyFile: string };
  const ends: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    plane = await TestControlPlane.start();
    plane.publications = [publication({ sign: key })];
    folder = mkdtempSync(join(tmpdir(), 'upstreams-'));
    authority = new Authority(folder, 'authority');
    files = authority.issue('backend', 'DNS:localhost,DNS:backend.internal');
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  afterAll(async () => {
    await plane.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const backend = async (...args: Parameters<typeof Backend.start>) => {
    const started = await Backend.start(...args);
    ends.push(started.stop);
    return started;
  };
  const proxy = async (upstream: string, tls?: string) => {
    const node: Gateway = await startTestGateway(plane, {
      SIGNET_GATEWAY_UPSTREAM: upstream,
      ...(tls !== undefined && { SIGNET_GATEWAY_UPSTREAM_TLS: tls }),
    });
    ends.push(() => node.close());
    return node.proxyPort!;
  };

  it('trusts an authority of its own for the name in the URL, for requests and WebSockets, and shows its certificate', async () => {
    const node = authority.issue('node', 'DNS:node');
    const it = await backend('a', files, authority.caFile);
    const port = await proxy(`https://localhost:${it.port}`, `ca=${authority.caFile},cert=${node.certFile},key=${node.keyFile}`);
    expect(await raw(port, 'POST', '/orders', { body: '{}' })).toMatchObject({ status: 200, text: 'a' });
    expect(it.last).toEqual({ servername: 'localhost', authorized: true });
    const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`);
    await once(socket, 'open');
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  });

  it('answers 502, and sends nothing, when the certificate is of another authority or for another name', async () => {
    const it = await backend('a', files);
    const other = new Authority(folder, 'other');
    for (const [host, tls] of [
      ['localhost', undefined],
      ['localhost', `ca=${other.caFile}`],
      ['127.0.0.1', `ca=${authority.caFile}`],
    ] as const) {
      const port = await proxy(`https://${host}:${it.port}`, tls);
      expect(await raw(port, 'GET', '/orders')).toMatchObject({ status: 502, body: { error_code: 'APIG.0201' } });
      const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-key': 'x', 'sec-websocket-version': '13' };
      expect(await raw(port, 'GET', '/chat', { headers: upgrade })).toMatchObject({ status: 502 });
    }
    expect(it.asked).toBe(0);
  });

  it('does not start with files that cannot serve, or that belong to another kind of URL', () => {
    const text = join(folder, 'text');
    writeFileSync(text, 'no certificate');
    const faults = (upstream: string, tls: string) => {
      try {
        readGatewayConfig(gatewayEnv(plane, { SIGNET_GATEWAY_UPSTREAM: upstream, SIGNET_GATEWAY_UPSTREAM_TLS: tls }));
        return [];
      } catch (error) {
        return (error as ConfigError).faults;
      }
    };
    const name = 'SIGNET_GATEWAY_UPSTREAM_TLS';
    expect(faults('https://b', `ca=${authority.caFile}`)).toEqual([]);
    expect(faults('https://b', `ca=${folder}/none`)).toEqual([`${name}: ca cannot be read (ENOENT)`]);
    expect(faults('https://b', `ca=${text}`)).toEqual([expect.stringContaining(`${name} names a file with invalid content`)]);
    expect(faults('https://b', `cert=${files.certFile}`)).toEqual([
      expect.stringContaining(`${name} must contain both cert and key, or neither`),
    ]);
    expect(faults('http://b', `ca=${authority.caFile}`)).toEqual([`${name} requires a SIGNET_GATEWAY_UPSTREAM that starts with https://`]);
  });

  describe('with a load balancer in front of several backends, as docs/gateways.md has it', () => {
    const blockIn = (language: string) =>
      codeBlocksOf(readFileSync('docs/gateways.md', 'utf8')).find((block) => block.language === language)!.text;
    /** The configuration of the page, with other addresses and files. */
    const balanced = async (name: 'haproxy' | 'nginx', change: (text: string) => string = (text) => text) => {
      const [a, b] = [await backend('a', files), await backend('b', files)];
      const port = await stockPort();
      const text = change(blockIn(name))
        .replace('127.0.0.1:8800', `127.0.0.1:${port}`)
        .replace('10.0.0.1:8443', `127.0.0.1:${a.port}`)
        .replace('10.0.0.2:8443', `127.0.0.1:${b.port}`)
        .replace('/etc/signet/backend-ca.crt', authority.caFile);
      const program = await StockProgram.start(name, text, port);
      ends.push(() => program.stop());
      const node = await proxy(`http://127.0.0.1:${port}`);
      const ask = async (method = 'GET') => {
        const { status, text } = await raw(node, method, '/orders?b=2&a=1', method === 'POST' ? { body: '{}' } : {});
        return status === 200 ? text : String(status);
      };
      return { a, b, ask };
    };
    const several = async (ask: (method?: string) => Promise<string>) => {
      const answers: string[] = [];
      for (const method of ['GET', 'POST', 'GET', 'POST', 'GET', 'POST']) answers.push(await ask(method));
      return new Set(answers);
    };
    const installed = (name: 'haproxy' | 'nginx') => binaryOf(name) !== undefined || process.env['CI'] !== undefined;

    (installed('haproxy') ? it : it.skip)('HAProxy sends signed requests to those that pass their health check', async () => {
      const { a, ask } = await balanced('haproxy', (text) => text.replace('inter 2s', 'inter 300ms'));
      const both = async () => [...(await several(ask))].sort().join() === 'a,b';
      // On a busy machine a check may take longer than its time, and be repeated.
      await until(both, 'both backends get requests');
      a.healthy = false;
      await until(async () => [...(await several(ask))].join() === 'b', 'the failing backend gets no request');
      a.healthy = true;
      await until(both, 'the backend that has recovered gets requests again');
      expect(a.last).toMatchObject({ servername: 'backend.internal' });
    });

    (installed('nginx') ? it : it.skip)('nginx sends signed requests to those that take connections', async () => {
      const { a, b, ask } = await balanced('nginx');
      expect(await several(ask)).toEqual(new Set(['a', 'b']));
      ends.splice(ends.indexOf(a.stop), 1);
      await a.stop();
      expect(await several(ask)).toEqual(new Set(['b']));
      expect(b.last).toMatchObject({ servername: 'backend.internal' });
    });
  });
});
