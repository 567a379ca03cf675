import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { Fleet, type FleetNode } from '../support/fleet.js';
import { signet } from '../support/process.js';
import { Backup } from '../support/put-back.js';
import { raw, stop } from '../support/raw-http.js';
import { overdue } from '../support/slowness.js';
import { binaryOf, StockGateway, stockFolder } from '../support/stock-gateways.js';

const here = binaryOf('haproxy') !== undefined || process.env['CI'] === 'true';
const SOON_MS = 60_000;
/** More than a second, because a restore that loses less is not detected (docs/receipts.md). */
const BEATS = 2;

let test: TestDatabase;
let fleet: Fleet;
let agent: FleetNode;
let front: StockGateway;
let backend: Server;
let socket: string;
let env: Record<string, string>;
/** The keys that signed the requests at the backend. */
const seen: (string | undefined)[] = [];

beforeAll(async () => {
  if (!here) return;
  test = await createTestDatabase('sqlite');
  backend = createServer(({ headers }, response) => {
    seen.push(/Access=([^,]+),/.exec(headers.authorization ?? '')?.[1]);
    response.writeHead(200, { connection: 'close' }).end();
  }).listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const stock = stockFolder('haproxy');
  socket = stock.socket;
  const upstream = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
  const starting = StockGateway.start('haproxy', { ...stock, signer: 'http://127.0.0.1:1', upstream });
  [front, fleet] = await Promise.all([starting, Fleet.start(test, 0)]);
  env = {
    SIGNET_GATEWAY_HAPROXY: `socket=${socket},master=${stock.master},maps=${stock.folder}`,
  };
  agent = await fleet.join('agent', env);
});
afterAll(async () => {
  if (!here) return;
  await fleet.stop();
  await front.stop();
  await stop(backend);
  await test.drop();
});

const until = async <T>(what: string, look: () => Promise<T> | T, is: (found: T) => boolean): Promise<T> => {
  let found: T | undefined;
  for (const began = performance.now(); !overdue(began, SOON_MS); ) {
    if (is((found = await look()))) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${what}: ${JSON.stringify(found)}`);
};
const beats = async () => {
  const pulse = () => (JSON.parse(readFileSync(join(test.dataDir, 'pulse'), 'utf8')) as { number: number }).number;
  const before = pulse();
  await until('no pulse', pulse, (number) => number >= before + BEATS);
};
const through = async (api: number) => {
  seen.length = 0;
  const { status } = await raw(front.port, 'GET', fleet.apis[api]!.path);
  return { status, seen: [...seen] };
};
const mapOf = async (name: string) => {
  const asked = connect(socket);
  asked.end(`show map ${front.folder}/${name}\n`);
  return text(asked);
};
const bound = async (name: string, api: number) => {
  const made = await fleet.admin.post(fleet.at('/signs'), { name, sign_type: 'hmac' });
  const { id, sign_key: key } = made.body as { id: string; sign_key: string };
  await fleet.admin.post(fleet.at('/sign-bindings'), { sign_id: id, publish_ids: [fleet.apis[api]!.publishId] });
  await until(
    'HAProxy does not sign',
    () => through(api),
    (found) => found.seen[0] === key,
  );
  return { id, key };
};

(here ? it : it.skip)(
  'an HAProxy gets no key that had ended before a restore, not even from an agent that starts after the restore',
  async () => {
    const [leaked, other] = [await bound('leaked', 0), await bound('other', 1)];
    const backup = Backup.of(test, 'early');
    await beats();
    const gone = await fleet.admin.call('DELETE', fleet.at(`/signs/${leaked.id}`), undefined, { prefer: 'wait=10' });
    await until(
      'its receipt is open',
      () => fleet.admin.get(gone.headers.get('signet-receipt')!),
      ({ body }) => body.complete === true,
    );
    await beats();
    await backup.putBackBeneath();
    await until(
      'it is not held',
      () => fleet.admin.post(fleet.at('/signs'), { name: 'no' }),
      ({ status }) => status === 503,
    );
    await until(
      'nobody names it',
      () => Backup.named(test),
      (ids) => ids.includes(leaked.id),
    );
    expect(await mapOf('keys.map')).not.toContain(leaked.id);
    // HAProxy continues to sign with its keys.
    expect(await through(1)).toEqual({ status: 200, seen: [other.key] });

    await agent.process.stop('SIGKILL');
    await fleet.startAgain(agent, env);
    expect((await signet(['admin', 'recovery', 'accept', '--by', 'alice'], fleet.env)).code).toBe(0);
    await until(
      'it has no table',
      () => agent.process.ready(),
      (ready) => ready,
    );
    // The restored database has the key and its binding, and the agent has the tombstone.
    const { body } = await fleet.admin.get(fleet.at(`/sign-bindings/binded-signs?api_id=${fleet.apis[0]!.apiId}`));
    expect(body.bindings).toMatchObject([{ sign_id: leaked.id }]);
    await until(
      'HAProxy has no other route',
      () => mapOf('exact.map'),
      (lines) => lines.includes(`${fleet.apis[0]!.path} !gone`) && lines.includes(`${fleet.apis[1]!.path} ${other.id}|`),
    );
    const keys = await mapOf('keys.map');
    expect([keys.includes(leaked.id), keys.includes(other.id)]).toEqual([false, true]);
    expect(await through(0)).toEqual({ status: 403, seen: [] });
    expect(await through(1)).toEqual({ status: 200, seen: [other.key] });
  },
);
