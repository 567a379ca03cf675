import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type DemoBackend, startDemoBackend } from '../../src/gateway/backend/demo-backend.js';
import { publication, sign, TestControlPlane } from '../support/control-plane.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { gatewayEnv } from '../support/gateway.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { ServedProcess } from '../support/process.js';
import { stretched } from '../support/slowness.js';

const CONNECTIONS = 320;

/** Sends one request on each connection. @returns the status of each, or the code of its error */
async function onEach(
  agents: readonly Agent[],
  port: number,
  path: string,
): Promise<{ statuses: Record<string, number>; closing: number }> {
  const statuses: Record<string, number> = {};
  let closing = 0;
  await Promise.all(
    agents.map(async (agent) => {
      const request = httpRequest({ host: '127.0.0.1', port, path, agent, headers: { host: 'api.example' } });
      request.end();
      const outcome = await Promise.race([
        once(request, 'response').then(([response]) => {
          response.resume();
          // The guaranteed lifetime of an idle connection. Common proxies close their idle connections after 60 to 75 s.
          if (response.headers.connection !== 'close') expect(response.headers['keep-alive']).toBe('timeout=90');
          if (response.headers.connection === 'close') closing++;
          return once(response, 'end').then(() => String(response.statusCode));
        }),
        once(request, 'error').then(([error]) => String(error.code)),
      ]).catch((error: unknown) => String((error as NodeJS.ErrnoException).code));
      statuses[outcome] = (statuses[outcome] ?? 0) + 1;
    }),
  );
  return { statuses, closing };
}

const connected = () => Array.from({ length: CONNECTIONS }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
const agents: Agent[] = [];
afterEach(() => {
  for (const agent of agents.splice(0)) agent.destroy();
});

/** Opens connections, ends the process, and sends a request on each connection after the port is closed. */
async function drained(port: number, path: string, ready: string, stop: () => Promise<number | null>) {
  const opened = connected();
  agents.push(...opened);
  const before = await onEach(opened, port, path);
  expect(before).toEqual({ statuses: { 200: CONNECTIONS }, closing: 0 });
  const exit = stop();
  // At first the process is not ready, but it still answers every request.
  while ((await fetch(ready).then(({ status }) => status)) !== 503) await new Promise(setImmediate);
  while (
    await fetch(ready).then(
      () => true,
      () => false,
    )
  )
    await new Promise(setImmediate);
  const after = await onEach(opened, port, path);
  return { after, code: await exit };
}

describe('while it stops,', () => {
  let plane: TestControlPlane;
  let backend: DemoBackend;
  let database: TestDatabase;
  beforeAll(async () => {
    plane = await TestControlPlane.start();
    const key = sign();
    plane.publications = [publication({ sign: key })];
    backend = await startDemoBackend(0, () => ({ signType: 'hmac', signKey: key.sign_key, signSecret: key.sign_secret }));
    database = await createTestDatabase('sqlite');
  });
  afterAll(async () => {
    await backend.close();
    await plane.stop();
    await database.drop();
  });
  // Long enough to be seen not ready before its port is closed, whatever else the machine runs.
  const grace = { SIGNET_TIMEOUTS: `drain=${Math.ceil(stretched(2000) / 1000)}s,shutdown=60000ms` };

  it('a gateway node loses no request that an open connection sends within the grace', async () => {
    const node = await GatewayProcess.start(gatewayEnv(plane, { SIGNET_GATEWAY_UPSTREAM: `http://127.0.0.1:${backend.port}`, ...grace }));
    const { after, code } = await drained(node.proxyPort, '/orders', `${node.signUrl}/readyz`, () => node.stop());
    expect(after).toEqual({ statuses: { 200: CONNECTIONS }, closing: CONNECTIONS });
    expect(code).toBe(0);
  });

  it('the control plane loses no request that an open connection sends within the grace', async () => {
    const served = await ServedProcess.start({ ...database.env, ...grace, SIGNET_EMBEDDED_GATEWAY: 'off' });
    const { after, code } = await drained(Number(new URL(served.baseUrl).port), '/healthz', `${served.baseUrl}/readyz`, () =>
      served.stop(),
    );
    expect(after).toEqual({ statuses: { 200: CONNECTIONS }, closing: CONNECTIONS });
    expect(code).toBe(0);
  });
});
