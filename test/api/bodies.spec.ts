import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { type Client, TestService } from '../support/service.js';
import { stretched } from '../support/slowness.js';

let test: TestDatabase;
let service: TestService;
let client: Client;
beforeAll(async () => {
  test = await createTestDatabase('sqlite');
  service = await TestService.start(test, { SIGNET_TIMEOUTS: 'headers=500ms' });
  client = await service.client();
});
afterAll(async () => {
  await service.stop();
  await test.drop();
});

const KIB = 1024;
const SIGNS = `/v2/{project}/apigw/instances/${'0'.repeat(32)}/signs`;
const APIS = `/v2/{project}/apigw/instances/${'0'.repeat(32)}/apis`;

/** Sends all bytes before it reads. @returns what the server sent until it closed the connection */
async function blindly(bytes: string): Promise<string> {
  const { hostname, port } = new URL(service.baseUrl);
  const socket = connect(Number(port), hostname).on('error', () => undefined);
  socket.pause();
  await new Promise((resolve) => socket.write(bytes, 'latin1', resolve));
  let answer = '';
  socket.on('data', (data) => (answer += data.toString())).resume();
  await once(socket, 'close');
  return answer;
}
const post = (path: string, length: number, headers = '') =>
  `POST ${path.replace('{project}', client.projectId)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n${headers}\r\n`;

describe('a credential', () => {
  it('is checked before the body: the body of an unauthenticated caller is neither parsed nor awaited', async () => {
    for (const body of ['{', '['.repeat(50_000), 'x'.repeat(300 * KIB)]) {
      const { status, body: error } = await client.call('POST', SIGNS, body, { 'x-auth-token': 'none' });
      expect([status, error.error_code]).toEqual([401, 'APIG.1002']);
    }
    const { hostname, port } = new URL(service.baseUrl);
    const socket = connect(Number(port), hostname).on('error', () => undefined);
    socket.write(post(SIGNS, 60_000));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 401 /);
    socket.destroy();
  });

  it('takes precedence over every error of a body', async () => {
    for (const [body, type] of [
      ['a=b', 'application/x-www-form-urlencoded'],
      ['{', 'application/json'],
    ])
      expect((await client.call('PUT', `${SIGNS}/x`, body, { 'content-type': type!, 'x-auth-token': '' })).status).toBe(401);
  });
});

describe('a body', () => {
  it.each([
    ['/v3/auth/tokens', 16, 'POST'],
    [SIGNS, 64, 'POST'],
    [APIS, 1024, 'POST'],
    ['/v1/webhooks/send', 12 * 1024, 'POST'],
  ])('of %s has %d KiB at most', async (path, kib, method) => {
    const at = (bytes: number) => client.call(method, path, `{"x":"${'x'.repeat(bytes - 8)}"}`);
    const tooLarge = path.startsWith('/v1/') ? 'PAYLOAD_TOO_LARGE' : '413';
    const within = await at(kib * KIB);
    expect([within.status, within.text.includes('PAYLOAD_TOO_LARGE')]).toEqual([400, false]);
    const beyond = await at(kib * KIB + 1);
    expect(tooLarge === '413' ? String(beyond.status) : beyond.body.error.code).toBe(tooLarge);
  });

  it('that is too large gets an answer and no reset, even if the client sends all of it with Connection: close', async () => {
    const token = `X-Auth-Token: ${client.token}\r\n`;
    for (const [path, status] of [
      [SIGNS, 413],
      ['/v3/auth/tokens', 413],
    ] as const)
      expect(await blindly(post(path, 900 * KIB, token) + 'x'.repeat(900 * KIB))).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(await blindly(post(SIGNS, 900 * KIB) + 'x'.repeat(900 * KIB))).toMatch(/^HTTP\/1\.1 401 /);
  });

  it.each([
    ['many names', `{${Array.from({ length: 1001 }, (_, i) => `"k${i}":1`).join()}}`, 'has an object with more than 1000 names'],
    ['deep', '['.repeat(65) + ']'.repeat(65), 'is nested deeper than 64 levels'],
    ['long lists', `{"x":[${'1,'.repeat(5000)}1]}`, 'has more than 4096 values'],
    ['long numbers', `{"x":${'9'.repeat(1000)}}`, 'has a number of more than 400 characters'],
  ])('with %s is refused with the reason', async (_, body, words) => {
    const { status, body: error } = await client.call('POST', SIGNS, body);
    expect([status, error.error_code]).toEqual([400, 'APIG.2000']);
    expect(error.error_msg).toBe(`Parameter error: the request body ${words}`);
  });

  it('that arrives too slowly is cut off, while a faster one keeps its connection', async () => {
    // The limits are half a second for headers, and a quarter of a second for sixteen KiB.
    const began = performance.now();
    expect(await blindly(`${post('/v3/auth/tokens', 100)}{`)).toMatch(/^HTTP\/1\.1 408 /);
    expect(performance.now() - began).toBeLessThan(stretched(20_000));
  });
});
