import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createTestDatabase, onBothDatabases, type TestDatabase } from '../support/databases.js';
import { Fleet, type FleetNode, signedWith } from '../support/fleet.js';
import { signet } from '../support/process.js';
import { Backup } from '../support/put-back.js';
import type { Answer } from '../support/service.js';
import { overdue } from '../support/slowness.js';
import { WEBHOOK_ENV, WebhookClient } from '../support/webhooks.js';

const SOON_MS = 60_000;
/** More than a second, because a restore that loses less is not detected (docs/receipts.md). */
const BEATS = 2;

onBothDatabases((name) => {
  let test: TestDatabase;
  let fleet: Fleet;
  let node: FleetNode;
  beforeAll(async () => {
    test = await createTestDatabase(name);
    fleet = await Fleet.start({ env: { ...test.env, ...WEBHOOK_ENV } }, 1);
    node = fleet.nodes[0]!;
  });
  afterAll(async () => {
    await fleet.stop();
    await test.drop();
  });

  const until = async <T>(what: string, look: () => Promise<T> | T, is: (found: T) => boolean, withinMs = SOON_MS): Promise<T> => {
    let found: T | undefined;
    for (const began = performance.now(); !overdue(began, withinMs); ) {
      if (is((found = await look()))) return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`${what}: ${JSON.stringify(found)}`);
  };
  const pulse = () => (JSON.parse(readFileSync(join(test.dataDir, 'pulse'), 'utf8')) as { number: number }).number;
  const beats = async () => {
    const before = pulse();
    await until('no pulse', pulse, (number) => number >= before + BEATS);
  };
  const signed = (api = 0) => signedWith(node, fleet.apis[api]!.path);
  const signsWith = (key: string, api = 0) =>
    until(
      'it does not sign',
      () => signed(api).catch(() => 'gone'),
      (found) => found === key,
    );
  /** A key that signs an API. */
  const bound = async (keyName: string, api = 0) => {
    const made = await fleet.admin.post(fleet.at('/signs'), { name: keyName, sign_type: 'hmac' });
    const { id, sign_key: key } = made.body as { id: string; sign_key: string };
    const body = { sign_id: id, publish_ids: [fleet.apis[api]!.publishId] };
    expect((await fleet.admin.post(fleet.at('/sign-bindings'), body)).status).toBe(201);
    await signsWith(key, api);
    return { id, key };
  };
  /** @returns the URL of its complete receipt */
  const deleted = async (id: string): Promise<string> => {
    const gone = await fleet.admin.call('DELETE', fleet.at(`/signs/${id}`), undefined, { prefer: 'wait=10' });
    const receipt = gone.headers.get('signet-receipt')!;
    await until(
      'its receipt is open',
      () => fleet.admin.get(receipt),
      ({ body }) => body.complete === true,
    );
    return receipt;
  };
  const held = (answer: Answer) => answer.status === 503 && answer.text.includes('was restored to an earlier state');
  const write = () => fleet.admin.post(fleet.at('/signs'), { name: 'no' });
  const superseded = async (receipt: string) => expect((await fleet.admin.get(receipt)).body).toMatchObject({ code: 'receipt_superseded' });
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await signet(args, fleet.env);
    expect([code, stderr]).toEqual([0, '']);
    return stdout;
  };
  const named = (...ids: string[]) =>
    until(
      'nobody names it',
      () => Backup.named(test),
      (found) => ids.every((id) => found.includes(id)),
    );
  /** The keys with which the node signs the first API from now on. */
  const probing = () => {
    const seen = new Set<string | number>();
    let stopped = false;
    const probe = (async () => {
      while (!stopped) {
        seen.add(await signed().catch(() => 'gone'));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    return async () => {
      stopped = true;
      await probe;
      return seen;
    };
  };

  it('the restore of a database under running processes is detected, and what it brings back is deleted again', async () => {
    const leaked = await bound('leaked_beneath');
    const webhooks = await WebhookClient.of(fleet.admin);
    const [one, two, gone] = [await webhooks.endpoint(), await webhooks.endpoint(), await webhooks.endpoint()];
    const keysOf = ({ id }: { id: string }) => `/v1/endpoints/${id}/signing-keys`;
    const kept = (await webhooks.post(keysOf(two))).body.data.id as string;
    const gateway = await fleet.admin.gateway();
    const credential = await fleet.admin.post(`/signet/v1/instances/${fleet.instance}/gateway-tokens`, { role: 'gateway', name: 'stolen' });
    const apiKey = (await fleet.admin.post('/v1/api-keys', { label: 'stolen' })).body.data as { key_id: string; key: string };
    const backup = Backup.of(test, 'beneath');
    await beats();
    const receipt = await deleted(leaked.id);
    // The second key of one endpoint is lost with the newer state of the database.
    expect((await webhooks.post(keysOf(one))).status).toBe(201);
    for (const path of [`${keysOf(one)}/${one.signing_key_id}`, `${keysOf(two)}/${two.signing_key_id}`, `/v1/endpoints/${gone.id}`])
      expect([path, (await webhooks.delete(path)).status < 300]).toEqual([path, true]);
    const paths = [
      `/v2/{project}/apigw/instances/${gateway}`,
      `/signet/v1/instances/${fleet.instance}/gateway-tokens/${credential.body.id as string}`,
      `/v1/api-keys/${apiKey.key_id}`,
    ];
    for (const path of paths) expect([path, (await fleet.admin.call('DELETE', path)).status < 300]).toEqual([path, true]);
    const audit = join(test.dataDir, 'audit.jsonl');
    writeFileSync(audit, await run('admin', 'audit', 'export'));
    const probes = probing();
    await beats();
    await backup.putBackBeneath();
    const before = pulse();
    let [unnoticed, looked] = [before, before];
    await until(
      'it is not held',
      () => {
        [unnoticed, looked] = [looked, pulse()];
        return write();
      },
      held,
    );
    // It is detected within seconds, because beats are 0.8 s apart. The service beats on while this process waits for its turn, so the last write
    // before counts.
    expect(unnoticed).toBeLessThanOrEqual(before + 6);
    await superseded(receipt);
    await named(leaked.id);
    const status = await run('admin', 'recovery', 'status', '--audit', audit);
    expect(status).toMatch(/key leaked_beneath of gateway .* says node-0/);
    expect(status).toMatch(/key leaked_beneath of gateway .* by admin, says the audit trail/);

    const said = await run('admin', 'recovery', 'delete-again', '--audit', audit, '--by', 'alice');
    const again = /key leaked_beneath of gateway \S+ is deleted again: (\S+)/.exec(said)![1]!;
    expect(said).toContain(`webhook endpoint ${one.id} is paused, because ${one.signing_key_id} is its only key`);
    expect(said).toContain('7 deletions are made again');
    const [, verified] = await Promise.all([run('admin', 'recovery', 'vouch', '--by', 'alice'), run('admin', 'audit', 'verify')]);
    expect(verified).toContain('intact');
    await until(
      'its receipt is open',
      () => fleet.admin.get(again),
      (answer) => answer.body.complete === true,
    );
    await until(
      'nothing can be written',
      () => fleet.admin.post(fleet.at('/signs'), { name: 'yes', sign_type: 'hmac' }),
      ({ status }) => status === 201,
    );
    // The endpoint that waits for another key sends nothing, and all other deletions are in effect again.
    const endpoints = (await webhooks.get('/v1/endpoints')).body.data as { id: string; paused: boolean }[];
    expect(new Map(endpoints.map(({ id, paused }) => [id, paused]))).toEqual(new Map([one, two].map(({ id }) => [id, id === one.id])));
    expect((await webhooks.get(keysOf(two))).body.data).toMatchObject([{ id: kept }]);
    for (const path of paths) expect([path, (await fleet.admin.get(path)).status]).toEqual([path, 404]);
    expect((await new WebhookClient(webhooks.baseUrl, apiKey.key).get('/v1/endpoints')).status).toBe(401);
    await deleted((await bound('fresh_beneath')).id);
    expect(await probes()).not.toContain(leaked.key);
  });

  it('the restore of a database while no process runs is detected, and a deleted key never signs again unless the operator accepts it by name', async () => {
    const [leaked, other, wanted] = [await bound('leaked'), await bound('other', 1), await bound('wanted', 2)];
    const backup = Backup.of(test, 'early');
    await beats();
    const receipt = await deleted(leaked.id);
    await deleted(wanted.id);
    await beats();
    await fleet.served.stop();
    const probes = probing();
    backup.putBack();
    await fleet.serve();

    // The control plane is held, so it answers only reads.
    const refused = await until('it is not held', write, held);
    expect([refused.headers.get('retry-after'), refused.body.error_code]).toEqual([expect.stringMatching(/^\d+$/), 'APIG.9999']);
    const { body } = await fleet.admin.get(fleet.at(`/signs?id=${leaked.id}`));
    expect(body.signs).toMatchObject([{ name: 'leaked' }]);
    await superseded(receipt);
    // The node continues to sign with its keys.
    await signsWith(other.key, 1);
    await named(leaked.id, wanted.id);
    const status = await run('admin', 'recovery', 'status');
    expect(status).toContain('At least these ended keys and resources exist again');
    expect(status).toContain(`key leaked of gateway ${fleet.instance}, says node-0`);

    // The node's folder has the tombstones, but without a table the node waits.
    await node.process.stop('SIGKILL');
    await fleet.startAgain(node);
    expect([await node.process.ready(), await signed(1)]).toEqual([false, 503]);

    // A tombstone must be named in full: the same key with another revision is another tombstone, which does not exist.
    const tombstone = new RegExp(`^(${wanted.id}:\\S+)  key wanted`, 'm').exec(status)![1]!;
    const [id, version, revision, ...rest] = tombstone.split(':');
    const almost = [id, version, Number(revision) + 1, ...rest].join(':');
    const { code, stderr } = await signet(['admin', 'recovery', 'accept', almost, '--by', 'alice'], fleet.env);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`no node has named ${almost}`)]);
    expect(await run('admin', 'recovery', 'accept', tombstone, '--by', 'alice')).toContain(`${tombstone} may sign again`);
    await Promise.all([signsWith(other.key, 1), signsWith(wanted.key, 2)]);
    expect(await signed()).toBe(403);
    expect(await probes()).not.toContain(leaked.key);

    // From here on, the system works as before.
    await run('admin', 'recovery', 'vouch', '--by', 'alice');
    await superseded(receipt);
    await deleted((await bound('fresh', 3)).id);
    // Another version of the key may sign.
    const next = { name: 'leaked', sign_secret: 'another-secret-of-it' };
    expect((await fleet.admin.put(fleet.at(`/signs/${leaked.id}`), next)).status).toBe(200);
    await signsWith(leaked.key);
  });

  // These files do not depend on the database, so one database is enough.
  if (name === 'mariadb') return;
  it('a deleted key would sign again if the control plane’s file and the node’s folder were lost', async () => {
    const leaked = await bound('leaked_once_more', 4);
    const backup = Backup.of(test, 'unnoticed');
    await beats();
    await deleted(leaked.id);
    await beats();
    await Promise.all([fleet.served.stop(), node.process.stop('SIGKILL')]);
    rmSync(join(test.dataDir, 'pulse'));
    fleet.forget(node);
    backup.putBack();
    await fleet.serve();
    await fleet.startAgain(node);
    await signsWith(leaked.key, 4);
  });
});
