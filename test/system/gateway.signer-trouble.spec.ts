import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { nginx } from '../../src/cli/gen/nginx.js';
import { backend, raw, stop } from '../support/raw-http.js';
import { stretched } from '../support/slowness.js';
import { binaryOf, type Stock, stockFolder, StockGateway } from '../support/stock-gateways.js';

/** A signer's answers by path of the request to sign. */
const ANSWERS: Record<string, { status: number; retry?: string }> = {
  '/none': { status: 403 },
  '/unknown': { status: 404 },
  '/busy': { status: 503, retry: '7' },
};

describe.each(['nginx', 'caddy'] as const)('%s with a faulty signer', (name: Stock) => {
  const test = binaryOf(name) !== undefined || process.env['CI'] === 'true' ? it : it.skip;
  let signer: Server & { port: number };
  let upstream: Server & { port: number };
  let front: StockGateway;
  beforeAll(async () => {
    if (test === it.skip) return;
    signer = await backend(({ headers }, response) => {
      const answer = ANSWERS[String(headers['x-original-uri'] ?? headers['x-forwarded-uri'])];
      // Requests for other paths get no answer.
      if (answer)
        response
          .writeHead(answer.status, {
            'signet-error-code': 'APIG.0705',
            'signet-error-message': 'words',
            ...(answer.retry && { 'retry-after': answer.retry }),
          })
          .end('{"error_code":"APIG.0705","error_msg":"words"}');
    });
    upstream = await backend((_, response) => response.end('from the backend'));
    const options = { signer: `http://127.0.0.1:${signer.port}`, upstream: `http://127.0.0.1:${upstream.port}` };
    front = await StockGateway.start(name, { ...stockFolder(name), ...options });
  });
  afterAll(async () => {
    if (test === it.skip) return;
    await front.stop();
    await stop(signer);
    await stop(upstream);
  });

  test('ends a request whose signer does not answer', async () => {
    const began = performance.now();
    const { status, text } = await raw(front.port, 'GET', '/hangs');
    expect(status).toBeGreaterThanOrEqual(502);
    expect(text).not.toContain('from the backend');
    // The configuration sets 2 s; the default is 60 s or more.
    expect(performance.now() - began).toBeLessThan(stretched(20_000));
  });

  test('sends Retry-After if and only if the signer does', async () => {
    for (const [path, { status, retry }] of Object.entries(ANSWERS)) {
      const answer = await raw(front.port, 'GET', path);
      expect([path, answer.status, answer.headers['retry-after']]).toEqual([path, status, retry]);
    }
  });
});

(binaryOf('nginx') !== undefined || process.env['CI'] === 'true' ? it : it.skip)('one nginx can load two generated files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'signet-two-nginx-'));
  const files = [18_001, 18_002].map((port) => {
    const file = join(folder, `${port}.conf`);
    const [signer, upstream] = [new URL('http://127.0.0.1:1'), new URL('https://backend.localhost:8443')];
    const gen = {
      instance: 'i1',
      signers: [signer],
      upstream,
      listen: String(port),
      maps: folder,
      socket: folder,
      largeBody: 'refuse' as const,
    };
    writeFileSync(file, nginx(gen).replaceAll('backend.localhost', '127.0.0.1'));
    return `include ${file};`;
  });
  const main = join(folder, 'nginx.conf');
  writeFileSync(main, `pid ${folder}/pid; events {} http { access_log off; ${files.join(' ')} }`);
  const { status, stderr } = spawnSync(binaryOf('nginx')!, ['-t', '-p', folder, '-c', main, '-e', 'stderr'], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, expect.stringContaining('test is successful')]);
  rmSync(folder, { recursive: true });
});
