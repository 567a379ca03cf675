import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type DemoBackend, startDemoBackend } from '../../src/gateway/backend/demo-backend.js';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { freePort, ServedProcess, signet } from '../support/process.js';
import { raw } from '../support/raw-http.js';
import type { Client } from '../support/service.js';

interface Key {
  id: string;
  sign_key: string;
  sign_secret: string;
}

onBothDatabases((name) => {
  let test: TestDatabase;
  let env: Record<string, string>;
  let served: ServedProcess;
  let admin: Client;
  let instance: string;
  let backend: DemoBackend;
  let node: GatewayProcess;
  const keys = new Map<string, Key>();
  const at = (path: string) => `/v2/{project}/apigw/instances/${instance}${path}`;

  beforeAll(async () => {
    test = await createTestDatabase(name);
    env = { ...test.env, SIGNET_PORT: String(await freePort()) };
    served = await ServedProcess.start(env);
    admin = await served.admin();
    instance = (await admin.get('/v2/{project}/apigw/instances')).body.instances[0].id as string;
    backend = await startDemoBackend(0, (id) => {
      const key = keys.get(id);
      return key && { signType: 'hmac', signKey: key.sign_key, signSecret: key.sign_secret };
    });
    const made = await signet(['admin', 'gateway-token', '--instance', instance], env);
    const token = /sgw_\S+/.exec(made.stdout)?.[0];
    if (token === undefined) throw new Error(`no credential: ${made.stdout}${made.stderr}`);
    node = await GatewayProcess.start({
      SIGNET_CONTROL_PLANE_URL: served.baseUrl,
      SIGNET_GATEWAY_TOKEN: token,
      SIGNET_INSTANCE_ID: instance,
      SIGNET_NODE_ID: 'node-1',
      SIGNET_GATEWAY_UPSTREAM: `http://127.0.0.1:${backend.port}`,
    });
  });
  afterAll(async () => {
    await node.stop();
    await served.stop();
    await backend.close();
    await test.drop();
  });

  /** A published API with its own key. */
  async function api(): Promise<{ path: string; key: Key }> {
    const { apiId, publishIds } = await admin.publishedApi(instance);
    const path = (await admin.get(at(`/apis/${apiId}`))).body.req_uri as string;
    const { body: key } = await admin.post(at('/signs'), { name: `key_${apiId}`, sign_type: 'hmac' });
    keys.set((key as Key).sign_key, key as Key);
    expect((await admin.post(at('/sign-bindings'), { sign_id: key.id, publish_ids: publishIds })).status).toBe(201);
    return { path, key: key as Key };
  }
  const get = (path: string) => raw(node.proxyPort, 'GET', path);
  async function until(path: string, status: number): Promise<void> {
    while ((await get(path)).status !== status) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  it('a bound key signs within seconds, and signs no request that begins after the receipt of its deletion is complete', async () => {
    const { path, key } = await api();
    await until(path, 200);
    expect(await get(`${path}?x=1`)).toMatchObject({ status: 200, body: { ok: true, bodySigned: true, keyId: key.sign_key } });

    let completeAt = Number.POSITIVE_INFINITY;
    let signed = 0;
    const late: unknown[] = [];
    let after = 0;
    let left = 1500;
    const prober = async () => {
      // Until some have begun after the receipt is complete, however long that takes.
      while (left-- > 0 || after < 100) {
        const beganAt = performance.now();
        const answer = await get(path);
        if (answer.status === 200) signed++;
        if (beganAt > completeAt) after++;
        if (beganAt > completeAt && answer.status !== 403) late.push(answer);
      }
    };
    const probers = Array.from({ length: 8 }, prober);
    while (left > 1200) await new Promise(setImmediate);
    const deleted = await admin.call('DELETE', at(`/signs/${key.id}`), undefined, { prefer: 'wait=10' });
    completeAt = performance.now();
    expect([deleted.status, deleted.headers.get('preference-applied')]).toEqual([204, 'wait=10']);
    const receipt = await admin.get(deleted.headers.get('signet-receipt')!);
    expect(receipt.body).toMatchObject({ complete: true, sessions: [{ node_id: 'node-1', state: 'acknowledged' }] });
    await Promise.all(probers);
    expect(late).toEqual([]);
    expect(signed).toBeGreaterThan(0);
    expect(await get(path)).toMatchObject({ status: 403, body: { error_code: 'APIG.0705' } });
  });

  it('the impact report of a key shows what the node has signed', async () => {
    const { path, key } = await api();
    await until(path, 200);
    const impact = async () => (await admin.get(`/signet/v1/instances/${instance}/signs/${key.id}/impact`)).body;
    for (let i = 0; i < 3; i++) expect((await get(path)).status).toBe(200);
    // The first signed request and three more are in the next report.
    let seen = await impact();
    while (seen.signed_count < 4) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      seen = await impact();
    }
    expect(seen).toMatchObject({
      signed_count: 4,
      last_signed_at: expect.any(String),
      apis: [{ signed_count: 4 }],
      nodes: [{ node_id: 'node-1' }],
    });
  });

  it('a node signs while the control plane is killed and restarted, and then gets the missed changes', async () => {
    const { path, key } = await api();
    await until(path, 200);
    await served.stop('SIGKILL');
    expect(await get(path)).toMatchObject({ status: 200, body: { ok: true } });
    served = await ServedProcess.start(env);
    admin = await served.admin();
    expect((await admin.delete(at(`/signs/${key.id}`))).status).toBe(204);
    await until(path, 403);
    const second = await api();
    await until(second.path, 200);
  });

  // This is the last test, because it ends the node that all tests share.
  it('a node that stops ends its session, so that no receipt waits for it', async () => {
    expect((await admin.get(`/signet/v1/instances/${instance}/sessions`)).body.sessions).toMatchObject([{ node_id: 'node-1' }]);
    expect(await node.stop()).toBe(0);
    expect((await admin.get(`/signet/v1/instances/${instance}/sessions`)).body.sessions).toEqual([]);
  });
});
