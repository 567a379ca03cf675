import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createEmptyDatabase } from '../support/databases.js';
import { ServedProcess } from '../support/process.js';

/** Time limit for some five thousand requests on a machine that runs other suites. */
const PATIENCE_MS = 900_000;

/** Runs the demo until it exits. */
async function demo(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['demo/main.ts', ...args], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}

/** Forwards requests to `target`, and passes every error answer to `alter`. */
async function proxyTo(target: string, alter: (status: number, body: string) => string): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((incoming, outgoing) => {
    const onward = request(target + incoming.url, { method: incoming.method, headers: incoming.headers }, (answer) => {
      const status = answer.statusCode ?? 0;
      outgoing.writeHead(status, answer.headers);
      if (status < 400) answer.pipe(outgoing);
      else void text(answer).then((body) => outgoing.end(alter(status, body)));
    });
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

// CI also runs the command of the demo on MariaDB.
describe('against its own service,', () => {
  it(
    'npm run demo finds no difference between the contract and the service',
    async () => {
      const test = await createEmptyDatabase('sqlite');
      try {
        const { code, stdout, stderr } = await demo();
        expect(stderr).toBe('');
        expect(stdout).toMatch(/^SUMMARY$/m);
        expect(stdout).toMatch(/^All +\d+ +[\d.]+ +pass$/m);
        const proved = String.raw`200.*, deleted, receipt complete in [\d.]+ ms, 403; of 10000 requests \d+ were signed, and of \d+ that began after the receipt none$`;
        expect(stdout).toMatch(new RegExp(`signing proxy: ${proved}`, 'm'));
        expect(stdout).toMatch(new RegExp(`stock nginx: (not installed$|${proved})`, 'm'));
        if (process.env['CI']) expect(stdout).not.toContain('stock nginx: not installed');
        expect(stdout).toMatch(/^\d+ bindings went with 100 keys; \d+ bindings of 100 other keys untouched/m);
        expect(stdout).toMatch(/events in \d+ chains: intact$/m);
        expect(code).toBe(0);
      } finally {
        await test.drop();
      }
    },
    PATIENCE_MS,
  );
});

describe('against a service that violates the contract,', () => {
  it(
    'npm run demo exits with 1 and shows the request, the expected and the received answer if one byte of a 404 differs',
    async () => {
      const test = await createEmptyDatabase('sqlite');
      const served = await ServedProcess.start(test.env);
      const proxy = await proxyTo(served.baseUrl, (status, body) =>
        status === 404 ? body.replace('does not exist"', 'does not exisT"') : body,
      );
      try {
        const { projectId, token } = await served.admin();
        const { code, stdout, stderr } = await demo('--url', proxy.url, '--token', token, '--project', projectId);
        expect(code).toBe(1);
        expect(stdout).not.toContain('SUMMARY');
        expect(stderr).toContain('DIFFERENCE in Part 1');
        expect(stderr).toMatch(
          /request +DELETE \/v2\/[0-9a-f]{32}\/apigw\/instances\/[0-9a-f]{32}\/signs\/0b0e8f456b8742218af75f945307173c\n/,
        );
        expect(stderr).toMatch(/expected +404 .*Signature key 0b0e8f456b8742218af75f945307173c does not exist"/);
        expect(stderr).toMatch(/received +404 .*Signature key 0b0e8f456b8742218af75f945307173c does not exisT"/);
        expect(stderr).not.toContain(token);
        // The demo has deleted its gateway; the service's own gateway remains.
        expect((await (await served.admin()).get('/v2/{project}/apigw/instances')).body.total).toBe(1);
      } finally {
        await proxy.close();
        await served.stop();
        await test.drop();
      }
    },
    PATIENCE_MS,
  );
});
