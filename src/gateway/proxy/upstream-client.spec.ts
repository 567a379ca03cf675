import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { UpstreamClient } from './upstream-client.js';

let backend: Server;
let client: UpstreamClient;

beforeAll(async () => {
  backend = createServer().listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const url = new URL(`http://127.0.0.1:${(backend.address() as AddressInfo).port}`);
  client = new UpstreamClient(url, {}, { upstreamTimeoutMs: 5000, idleTimeoutMs: 5000 });
});
afterAll(() => {
  client.close();
  backend.close();
});

it('the upstream client sends the signature in the same turn as the last check, not when the body begins', async () => {
  const body = new PassThrough();
  const connected = once(backend, 'connection');
  let asked = false;
  const headers = ['host', 'api.example', 'authorization', 'signed', 'transfer-encoding', 'chunked'];
  const refuse = () => {
    asked = true;
    return undefined;
  };
  const sent = client.send(
    { method: 'POST', path: '/', headers, body },
    () => undefined,
    () => undefined,
    refuse,
  );
  const [socket] = (await connected) as [Socket];
  // No byte of the body has been written yet.
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  expect(asked).toBe(true);
  expect(bytes.toString('latin1')).toContain('authorization: signed\r\n');
  sent.destroy();
  socket.destroy();
}, 5000);
