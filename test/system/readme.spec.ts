import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { createTestDatabase } from '../support/databases.js';
import { ServedProcess } from '../support/process.js';

it('the README’s life of a key runs as it stands, and leaves nothing of the key', async () => {
  const script = /<!-- life-of-a-key -->\n```bash\n([\s\S]+?)```/.exec(readFileSync('README.md', 'utf8'))![1]!;
  const test = await createTestDatabase('sqlite');
  const served = await ServedProcess.start(test.env);
  try {
    const admin = await served.admin();
    const gateway = (await admin.get('/v2/{project}/apigw/instances')).body.instances[0].id as string;
    const env = { PATH: process.env['PATH'], API: served.baseUrl, PROJECT: admin.projectId, GATEWAY: gateway, TOKEN: admin.token };
    const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    expect([(await once(child, 'close'))[0], output]).toEqual([0, expect.any(String)]);

    const lines = output.trim().split('\n');
    expect(lines).toHaveLength(9);
    const [listed, bound, updated, unbound, again, deleted, after, binded, audit] = lines as [
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    expect(JSON.parse(listed)).toMatchObject({ total: 1, signs: [{ name: 'orders_key', sign_type: 'hmac', bind_num: 1 }] });
    expect(JSON.parse(bound)).toMatchObject({ total: 1, bindings: [{ api_name: 'orders', env_name: 'staging' }] });
    expect(JSON.parse(updated)).toMatchObject({ name: 'orders_key_2' });
    expect([unbound, again, deleted]).toEqual(['204', '201', '204']);
    expect(JSON.parse(after)).toEqual({ total: 0, size: 0, signs: [] });
    expect(JSON.parse(binded)).toEqual({ total: 0, size: 0, bindings: [] });
    expect(JSON.parse(audit).events[0]).toMatchObject({ action: 'DeleteSignatureKey', detail: { unbound: 1 } });
  } finally {
    await served.stop();
    await test.drop();
  }
});
