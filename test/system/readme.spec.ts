import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { createTestDatabase } from '../support/databases.js';
import { freePort, ServedProcess } from '../support/process.js';
import { LOOPBACK_ENV } from '../support/receiver.js';

it('the README’s life of a key runs as it stands: a signed request, a deletion with its receipt, and nothing left of the key', async () => {
  const script = /<!-- life-of-a-key -->\n```bash\n([\s\S]+?)```/.exec(readFileSync('README.md', 'utf8'))![1]!;
  const test = await createTestDatabase('sqlite');
  const served = await ServedProcess.start({
    ...test.env,
    SIGNET_EMBEDDED_GATEWAY: 'on',
    SIGNET_GATEWAY_PORT: '0',
    SIGNET_GATEWAY_SIGN_PORT: '0',
    SIGNET_DEMO_BACKEND_PORT: '0',
  });
  try {
    // As a newcomer does: what it prints is pasted into another terminal.
    const env = { PATH: process.env['PATH'], ...(await exported(served)) };
    const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    expect([(await once(child, 'close'))[0], output]).toEqual([0, expect.any(String)]);

    const lines = output.trim().split('\n');
    expect(lines).toHaveLength(12);
    const [listed, bound, updated, unbound, again, signed, deleted, receipt, refused, after, binded, audit] = lines as Lines;
    expect(JSON.parse(listed)).toMatchObject({ total: 1, signs: [{ name: 'orders_key', sign_type: 'hmac', bind_num: 1 }] });
    expect(JSON.parse(bound)).toMatchObject({ total: 1, bindings: [{ api_name: 'orders', env_name: 'staging' }] });
    expect(JSON.parse(updated)).toMatchObject({ name: 'orders_key_2' });
    expect([unbound, again]).toEqual(['204', '201']);
    expect(JSON.parse(signed)).toMatchObject({ ok: true, bodySigned: true, request: { method: 'POST', url: '/orders', body_bytes: 10 } });
    expect(deleted).toMatch(/^204 \/signet\/v1\/instances\/[0-9a-f]{32}\/receipts\/\d+$/);
    expect(JSON.parse(receipt)).toMatchObject({ complete: true, nodes: [{ node_id: 'embedded', acknowledged_at: expect.any(String) }] });
    expect(JSON.parse(refused)).toMatchObject({ error_code: expect.stringMatching(/^APIG\./) });
    expect(JSON.parse(after)).toEqual({ total: 0, size: 0, signs: [] });
    expect(JSON.parse(binded)).toEqual({ total: 0, size: 0, bindings: [] });
    expect(JSON.parse(audit).events[0]).toMatchObject({ action: 'DeleteSignatureKey', detail: { unbound: 1 } });
  } finally {
    await served.stop();
    await test.drop();
  }
});

it('the README’s life of a signing key runs as it stands: verified with one key, with both, with the new one alone', async () => {
  const script = /<!-- life-of-a-signing-key -->\n```bash\n([\s\S]+?)```/.exec(readFileSync('README.md', 'utf8'))![1]!;
  const test = await createTestDatabase('sqlite');
  const served = await ServedProcess.start({ ...test.env, ...LOOPBACK_ENV });
  try {
    const env = { PATH: process.env['PATH'], HOOK_PORT: String(await freePort()), ...(await exported(served)) };
    const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    expect([(await once(child, 'close'))[0], output]).toEqual([0, expect.any(String)]);
    const lines = output.trim().split('\n');
    expect(lines.slice(0, 4)).toEqual(['[ true ]', '[ true, true ]', '204', '[ false, true ]']);
    expect(JSON.parse(lines[4]!)).toMatchObject({ error: { code: 'CANNOT_DELETE_LAST_SIGNING_KEY' } });
    expect(lines).toHaveLength(5);
  } finally {
    await served.stop();
    await test.drop();
  }
});

type Lines = [string, string, string, string, string, string, string, string, string, string, string, string];

/** What the local mode prints as `export NAME=value`; the token is the last of them. */
async function exported(served: ServedProcess): Promise<Record<string, string>> {
  while (!/^export TOKEN=.+$/m.test(served.output)) await new Promise((resolve) => served.child.stdout?.once('data', resolve));
  return Object.fromEntries([...served.output.matchAll(/^export (\w+)=(.+)$/gm)].map(([, name, value]) => [name, value]));
}
