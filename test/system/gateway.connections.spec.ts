import { type EventEmitter, once } from 'node:events';
import { type IncomingMessage, request as httpRequest, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { GatewayPublication, GatewaySign, OpenConnections } from '../../src/lib/protocol/protocol.js';
import { INSTANCE, publication, sign, TestControlPlane, TOKEN } from '../support/control-plane.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { backend, echoWebSockets, raw, stop } from '../support/raw-http.js';

const UPGRADE = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-key': 'x', 'sec-websocket-version': '13' };

let plane: TestControlPlane;
let upstream: Server & { port: number };
let node: GatewayProcess;
let key: GatewaySign;
let bound: GatewayPublication;
const keys = new Map<string, GatewaySign>();
/** The backend's answers by path. */
const answers = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>();

/** An open connection and both of its ends. */
interface Opened {
  /** Sends data from the backend. @returns whether it reaches the client before the connection closes */
  reaches(): Promise<boolean>;
  closed: Promise<unknown>;
  isClosed(): boolean;
}

beforeAll(async () => {
  plane = await TestControlPlane.start();
  upstream = await backend((request, response) => {
    const answer = answers.get((request.url ?? '').split('?')[0] ?? '');
    if (answer) answer(request, response);
    else response.end('{}');
  });
  echoWebSockets(upstream, (id) => {
    const found = keys.get(id);
    return found && { signType: 'hmac', signKey: found.sign_key, signSecret: found.sign_secret };
  });
  // An upgraded connection stays half open at a server of node:http, which would then never close.
  upstream.on('upgrade', (_, socket) => socket.on('end', () => socket.end()));
  node = await GatewayProcess.start({
    SIGNET_CONTROL_PLANE_URL: plane.url,
    SIGNET_GATEWAY_TOKEN: TOKEN,
    SIGNET_INSTANCE_ID: INSTANCE,
    SIGNET_GATEWAY_UPSTREAM: `http://127.0.0.1:${upstream.port}`,
    SIGNET_GATEWAY_RULES: 'large-body=unsigned-payload',
    SIGNET_GATEWAY_LIMITS: 'body=10',
  });
});
afterAll(async () => {
  await node.stop();
  await stop(upstream);
  await plane.stop();
});

/** Resolves when the connection ends for any reason, where `once` would reject on an error. */
const closing = (stream: EventEmitter) => new Promise<void>((resolve) => stream.once('close', () => resolve()));

/** Publishes a separate path with its own key. */
async function published(): Promise<{ key: GatewaySign; bound: GatewayPublication }> {
  const made = sign();
  keys.set(made.sign_key, made);
  const route = publication({ req_uri: `/${made.sign_id}`, sign: made });
  await plane.acknowledged(
    plane.commit([{ kind: 'publication', id: route.publish_id, op: 'created' }], () => {
      plane.publications.push(route);
    }),
  );
  return { key: made, bound: route };
}

async function set(openConnections: OpenConnections): Promise<void> {
  await plane.acknowledged(
    plane.commit([{ kind: 'settings', id: INSTANCE, op: 'updated' }], () => {
      plane.openConnections = openConnections;
    }),
  );
}

async function webSocket(path: string): Promise<Opened> {
  const socket = new WebSocket(`ws://127.0.0.1:${node.proxyPort}${path}`);
  await once(socket, 'open');
  const closed = once(socket, 'close');
  let isClosed = false;
  void closed.then(() => (isClosed = true));
  return {
    closed,
    isClosed: () => isClosed,
    async reaches() {
      const echo = once(socket, 'message').then(() => true);
      socket.send('hello');
      return Promise.race([echo, closed.then(() => false)]);
    },
  };
}

/** An endless answer of the backend. */
async function stream(path: string, type: string, upgrade = false): Promise<Opened> {
  const begun = new Promise<ServerResponse>((resolve) => {
    answers.set(path, (_, response) => {
      response.writeHead(200, { 'content-type': type });
      response.flushHeaders();
      resolve(response);
    });
  });
  // An upgrade request that the backend answers with a stream.
  const asked = httpRequest({ port: node.proxyPort, path, agent: false, headers: upgrade ? UPGRADE : {} }).end();
  asked.on('error', () => undefined);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.on('error', () => undefined).resume();
  const response = await begun;
  const closed = Promise.all([closing(answer), response.closed ? undefined : closing(response)]);
  return {
    closed,
    isClosed: () => response.closed && answer.closed,
    async reaches() {
      const arrived = new Promise<true>((resolve) => answer.once('data', () => resolve(true)));
      response.write('data: 1\n\n');
      return Promise.race([arrived, closed.then(() => false)]);
    },
  };
}

/** An endless body, which the gateway forwards while it arrives. */
async function upload(path: string): Promise<Opened> {
  const begun = new Promise<IncomingMessage>((resolve) => answers.set(path, (request) => resolve(request)));
  const client: Socket = connect(node.proxyPort, '127.0.0.1');
  client.on('error', () => undefined).resume();
  client.write(`POST ${path} HTTP/1.1\r\nhost: api.example\r\ntransfer-encoding: chunked\r\n\r\n14\r\n${'x'.repeat(20)}\r\n`);
  const request = await begun;
  request.on('error', () => undefined);
  request.resume();
  const closed = Promise.all([closing(client), closing(request)]);
  return {
    closed,
    isClosed: () => client.closed && request.closed,
    async reaches() {
      const arrived = new Promise<true>((resolve) => request.once('data', () => resolve(true)));
      client.write('4\r\nmore\r\n');
      return Promise.race([arrived, closed.then(() => false)]);
    },
  };
}

const KINDS: Record<string, (path: string) => Promise<Opened>> = {
  'a WebSocket': webSocket,
  'a stream of events': (path) => stream(path, 'text/event-stream'),
  'a stream of lines': (path) => stream(path, 'application/x-ndjson'),
  'a body that is still arriving': upload,
};

beforeEach(async () => {
  ({ key, bound } = await published());
});

describe('with the setting close,', () => {
  beforeEach(() => set('close'));

  it.each(Object.keys(KINDS))(
    '%s is closed when its key is deleted, before the deletion is acknowledged, and a connection of another key is not',
    async (kind) => {
      const other = await published();
      const opened = await KINDS[kind]!(`${bound.req_uri}`);
      const stays = await KINDS[kind]!(`${other.bound.req_uri}`);
      expect([await opened.reaches(), await stays.reaches()]).toEqual([true, true]);
      await plane.acknowledged(plane.deleteSign(key.sign_id));
      // Both sides are already closed: data of the backend no longer arrives.
      expect(await opened.reaches()).toBe(false);
      await opened.closed;
      expect([await stays.reaches(), stays.isClosed()]).toEqual([true, false]);
      const metrics = await fetch(`${node.signUrl}/metrics`).then((response) => response.text());
      expect(metrics).toMatch(/signet_gateway_closed_connections_total [1-9]/);
      await plane.acknowledged(plane.deleteSign(other.key.sign_id));
      await stays.closed;
    },
  );

  it.each([
    ['unbound', () => plane.bind(bound.publish_id, null)],
    ['replaced by another', () => plane.bind(bound.publish_id, sign())],
    [
      'gone with its API',
      () =>
        plane.commit([{ kind: 'publication', id: bound.publish_id, op: 'deleted' }], () => {
          plane.publications = plane.publications.filter((each) => each !== bound);
        }),
    ],
  ])('an open connection is closed when its key is %s', async (_, change) => {
    const opened = await webSocket(bound.req_uri);
    await plane.acknowledged(change());
    expect(await opened.reaches()).toBe(false);
    await opened.closed;
  });

  it('an open connection continues when its key gets a new secret', async () => {
    const opened = await webSocket(bound.req_uri);
    const fresher = { ...key, sign_secret: 'another_secret_of_the_key', version: 2 };
    await plane.acknowledged(
      plane.commit([{ kind: 'sign', id: key.sign_id, op: 'updated' }], () => {
        bound.sign = fresher;
      }),
    );
    expect(await opened.reaches()).toBe(true);
    await plane.acknowledged(plane.deleteSign(key.sign_id));
    await opened.closed;
  });

  it('an answer that begins only after the deletion does not reach the client', async () => {
    const path = bound.req_uri;
    const begun = new Promise<ServerResponse>((resolve) => answers.set(path, (_, response) => resolve(response)));
    const answer = raw(node.proxyPort, 'GET', path);
    const response = await begun;
    await plane.acknowledged(plane.deleteSign(key.sign_id));
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 1\n\n');
    expect(await answer).toMatchObject({ status: 403 });
  });

  it('an answer with a Content-Length is sent to its end', async () => {
    const path = bound.req_uri;
    const begun = new Promise<ServerResponse>((resolve) => {
      answers.set(path, (_, response) => {
        response.writeHead(200, { 'content-length': '4' });
        response.write('ab');
        resolve(response);
      });
    });
    const answer = raw(node.proxyPort, 'GET', path);
    const response = await begun;
    await plane.acknowledged(plane.deleteSign(key.sign_id));
    response.end('cd');
    expect(await answer).toMatchObject({ status: 200, text: 'abcd' });
  });

  it('every connection is closed at the end of the lease, because receipts no longer wait for this node', async () => {
    const opened = await webSocket(bound.req_uri);
    plane.leaseSeconds = 1;
    // The node sends one report with the lease, and none after it.
    const count = plane.reports.length;
    plane.bind(bound.publish_id, key);
    await plane.until(() => plane.reports.length > count);
    plane.refuseReportsWith = 503;
    await opened.closed;
    plane.leaseSeconds = null;
    plane.refuseReportsWith = undefined;
    while (!(await node.ready())) await plane.acknowledged(plane.bind(bound.publish_id, key));
  });
});

describe('with the setting keep,', () => {
  beforeEach(() => set('keep'));

  it.each(Object.keys(KINDS))('%s continues after the deletion, and is closed when the setting changes', async (kind) => {
    const opened = await KINDS[kind]!(`${bound.req_uri}`);
    await plane.acknowledged(plane.deleteSign(key.sign_id));
    expect(await opened.reaches()).toBe(true);
    await set('close');
    expect(await opened.reaches()).toBe(false);
    await opened.closed;
  });
});
