import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { send } from '../support/access-keys.js';
import { formsOf } from '../support/canary.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { Machine } from '../support/machine.js';
import { ServedProcess } from '../support/process.js';
import { ADMIN_PASSWORD, type Client } from '../support/service.js';
import { WEBHOOK_ENV, WebhookClient } from '../support/webhooks.js';

const TYPES: Record<string, object> = {
  hmac: {},
  basic: { sign_type: 'basic' },
  'aes-128': { sign_type: 'aes', sign_algorithm: 'aes-128-cfb' },
  'aes-256': { sign_type: 'aes', sign_algorithm: 'aes-256-cfb' },
  public_key: { sign_type: 'public_key' },
};
/** Node keeps the headers of the last request on each open connection. */
const SHOWN_BY_CONNECTIONS = new Set(['token of a user', 'token of the node', 'token of a verifier', 'API key']);

let test: TestDatabase;
let served: ServedProcess;
let node: GatewayProcess;
/** Name → secret. */
const bound = new Map<string, string>();
const others = new Map<string, string>();

/** The names of the `secrets` that are in the heap of an idle process in any encoding. */
async function heldBy(child: ChildProcess, secrets: ReadonlyMap<string, string>): Promise<string[]> {
  const before = new Set(readdirSync(test.dataDir));
  child.kill('SIGUSR2');
  for (;;) {
    const made = readdirSync(test.dataDir).find((file) => file.endsWith('.heapsnapshot') && !before.has(file));
    const snapshot = made && parsed(readFileSync(join(test.dataDir, made), 'utf8'));
    if (snapshot) {
      const text = snapshot.strings.join('\n');
      return [...secrets].filter(([, secret]) => formsOf(secret).some((form) => text.includes(form))).map(([name]) => name);
    }
    if (child.exitCode !== null) throw new Error('the process has ended');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function parsed(text: string): { strings: string[] } | undefined {
  try {
    return JSON.parse(text) as { strings: string[] };
  } catch {
    // The heap snapshot is still being written.
    return undefined;
  }
}

beforeAll(async () => {
  test = await createTestDatabase('sqlite');
  const options = { NODE_OPTIONS: `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${test.dataDir}` };
  served = await ServedProcess.start({ ...test.env, ...WEBHOOK_ENV, ...options });
  const client: Client = await served.admin();
  const gateway = await client.gateway();
  const at = (path: string) => `/v2/{project}/apigw/instances/${gateway}${path}`;
  await client.post(at('/features'), { name: 'public_key', enable: true, config: '{"enable":"on"}' });
  for (const [type, fields] of Object.entries(TYPES)) {
    const key = (await client.post(at('/signs'), { name: `key_${type.replace('-', '_')}`, ...fields })).body;
    const { publishIds } = await client.publishedApi(gateway);
    expect((await client.post(at('/sign-bindings'), { sign_id: key.id, publish_ids: publishIds })).status).toBe(201);
    bound.set(`${type} secret`, key.sign_secret);
    if (key.sign_type === 'aes') bound.set(`${type} cipher key`, key.sign_key);
    const staged = (await client.post(`/signet/v1/instances/${gateway}/signs/${key.id}/rotation`, {})).body;
    others.set(`staged ${type} secret`, staged.sign_secret);
    if (key.sign_type === 'aes') others.set(`staged ${type} cipher key`, staged.sign_key);
    await client.post(`/signet/v1/instances/${gateway}/signs/${key.id}/reveal`);
  }
  const verifier = await Machine.of(client, gateway, 'verifier');
  expect((await verifier.get('/verification-keys')).text).toContain('sign_secret');
  others.set('token of a verifier', verifier.token);
  const webhooks = await WebhookClient.of(client);
  others.set('API key', webhooks.key);
  const endpoint = await webhooks.endpoint({ headers: { 'x-receiver': 'canary-header-value-0123456789' } });
  others.set('signing key of an endpoint', endpoint.signing_secret).set('header of an endpoint', 'canary-header-value-0123456789');
  expect((await webhooks.get(`/v1/endpoints/${endpoint.id}`)).status).toBe(200);
  const { access, secret } = (await client.post('/v3.0/OS-CREDENTIAL/credentials', { credential: {} })).body.credential;
  expect((await send(served.baseUrl, { access, secret }, { target: '/v3/auth/domains' })).status).toBe(200);
  others.set('secret of an access key', secret).set('password', ADMIN_PASSWORD).set('token of a user', client.token);
  const machine = await Machine.of(client, gateway, 'gateway');
  others.set('token of the node', machine.token);
  node = await GatewayProcess.start({
    ...options,
    SIGNET_CONTROL_PLANE_URL: served.baseUrl,
    SIGNET_GATEWAY_TOKEN: machine.token,
    SIGNET_INSTANCE_ID: gateway,
  });
  expect((await client.get(at('/signs'))).body.signs).toHaveLength(Object.keys(TYPES).length);
});
afterAll(async () => {
  await node?.stop();
  await served?.stop();
  await test.drop();
});

it('between requests, the memory of the control plane contains no secret and no password, only the credentials of open connections', async () => {
  const held = await heldBy(served.child, new Map([...bound, ...others]));
  expect(held.filter((name) => !SHOWN_BY_CONNECTIONS.has(name))).toEqual([]);
});

it('the memory of a gateway node contains only its credential and the secrets that sign at its gateway, and no staged or foreign ones', async () => {
  const held = await heldBy(node.child, new Map([...bound, ...others]));
  // The node needs this secret to sign, so finding it shows that the search works.
  expect(held).toEqual(expect.arrayContaining(['hmac secret', 'aes-128 cipher key', 'token of the node']));
  expect(held.filter((name) => !bound.has(name))).toEqual(['token of the node']);
});
