import { createHash, generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Gateway } from '../../src/gateway/gateway.js';
import type { GatewayPublication } from '../../src/lib/protocol/protocol.js';
import { publication, sign, TestControlPlane } from '../support/control-plane.js';
import { startTestGateway } from '../support/gateway.js';
import {
  ENTRYPOINTS,
  type Entrypoint,
  type Expected,
  HOSTILE_APIS,
  HOSTILE_REQUESTS,
  type HostileRequest,
} from '../support/hostile-requests.js';
import { GatewayTable } from '../support/gateway-table.js';
import { exchangeBytes } from '../support/raw-bytes.js';
import { type Recorded, RecordingBackend } from '../support/recording-backend.js';
import { REPLAYED, type Replayed, ReplayedGateway } from '../support/replayed-gateways.js';
import { binaryOf, STOCK, type Stock, stockFolder, StockGateway } from '../support/stock-gateways.js';

const isStock = (name: Entrypoint): name is Stock => (STOCK as readonly Entrypoint[]).includes(name);
const isReplayed = (name: Entrypoint): name is Replayed => (REPLAYED as readonly Entrypoint[]).includes(name);

const PAIR = generateKeyPairSync('ed25519', {
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'der' },
});
/** Its backend has the public half only. */
const MESSAGE = sign({
  sign_id: 'id_message',
  sign_type: 'http-message-signatures',
  sign_algorithm: 'ed25519',
  sign_key: PAIR.publicKey.toString('base64'),
  sign_secret: PAIR.privateKey.toString('base64'),
});

const groupOf = ({ name }: HostileRequest) => name.split(':', 1)[0]!.replace(' with a body', '');
const GROUPS = [...new Set(HOSTILE_REQUESTS.map(groupOf))];
const table = new GatewayTable(ENTRYPOINTS, ['shown by', ...GROUPS, 'body changed behind it'], 'docs/gateways.md', 'hostile');
const passed = new Map<string, number>();

/**
 * Counts a request with the expected result in the cell of its group, and separately the requests that the gateway program answers itself.
 */
function seen(name: Entrypoint, row: HostileRequest): void {
  const group = groupOf(row);
  const key = `${name}|${group}`;
  passed.set(key, (passed.get(key) ?? 0) + 1);
  const rows = HOSTILE_REQUESTS.filter((each) => groupOf(each) === group);
  const own = rows.filter(({ except }) => except?.[name] !== undefined).length;
  table.seen(name, group, `${passed.get(key)} of ${rows.length}${own > 0 ? ` (${own})` : ''}`);
  table.seen(name, 'shown by', isReplayed(name) ? 'requests replayed' : 'run');
}

it('the table has at least a hundred requests with unique names', () => {
  expect(HOSTILE_REQUESTS.length).toBeGreaterThanOrEqual(100);
  expect(new Set(HOSTILE_REQUESTS.map(({ name }) => name)).size).toBe(HOSTILE_REQUESTS.length);
});

describe.each(ENTRYPOINTS)('%s', (name) => {
  // CI installs them; without them, the other tests run.
  const here = !isStock(name) || binaryOf(name) !== undefined || process.env['CI'] === 'true';
  let plane: TestControlPlane;
  let backend: RecordingBackend;
  let node: Gateway;
  const late: Recorded[] = [];
  let front: { port: number; stop(): Promise<void> };

  beforeAll(async () => {
    if (!here) return;
    plane = await TestControlPlane.start();
    const apis: GatewayPublication[] = Object.entries(HOSTILE_APIS).map(([key, api]) =>
      publication({ ...api, sign: key === 'keyless' ? null : key === 'message' ? MESSAGE : sign({ sign_id: `id_${key}`, sign_key: key }) }),
    );
    plane.publications = apis;
    const secrets = new Map(apis.flatMap(({ sign: key }) => (key ? [[key.sign_key, key.sign_secret] as const] : [])));
    const { sign_key: signKey } = MESSAGE;
    backend = await RecordingBackend.start(
      (key) => secrets.get(key),
      [{ id: 'message', signType: 'http-message-signatures', signAlgorithm: 'ed25519', signKey }],
    );
    const { folder, socket, master } = isStock(name) ? stockFolder(name) : { folder: '', socket: '', master: '' };
    const env: Record<string, string> =
      name === 'haproxy'
        ? {
            SIGNET_GATEWAY_HAPROXY: `socket=${socket},master=${master},maps=${folder}`,
          }
        : name === 'signing proxy'
          ? { SIGNET_GATEWAY_UPSTREAM: backend.url }
          : {};
    node = await startTestGateway(plane, env, name !== 'haproxy');
    const options = { signer: `http://127.0.0.1:${node.signPort}`, upstream: backend.url };
    if (isStock(name)) front = await StockGateway.start(name, { folder, socket, master, ...options });
    else if (isReplayed(name)) front = await ReplayedGateway.start(name, options);
    else front = { port: node.proxyPort!, stop: () => Promise.resolve() };
    await plane.acknowledged(plane.deleteSign('id_gone'));
  });
  afterAll(async () => {
    if (!here) return;
    await front.stop();
    await node.close();
    await backend.stop();
    await plane.stop();
  });

  (here ? it.each(HOSTILE_REQUESTS) : it.skip.each(HOSTILE_REQUESTS))(
    '$name',
    async (row: HostileRequest) => {
      late.push(...backend.take());
      const { status } = await exchangeBytes(front.port, row.bytes);
      // A replayed gateway uses Node's parser, which refuses other requests than the real program does.
      const expected = expectedAt(name, row);
      const told = isReplayed(name) && status === 400 && typeof expected === 'number' ? expected : status;
      expect(outcome(told, backend.take(), expected)).toEqual('as expected');
      seen(name, row);
    },
    20_000,
  );

  const covers = name !== 'nginx' && name !== 'caddy';
  (here ? it : it.skip)('a body that is changed behind the gateway is refused by a deployed verifier if the body is signed', async () => {
    late.push(...backend.take());
    const post = 'POST /public/x HTTP/1.1\r\nHost: api.example\r\nContent-Length: 5\r\nConnection: close\r\n';
    // The hash of the original body, which such verifiers trust if a gateway forwards it.
    const forged = `X-Sdk-Content-Sha256: ${createHash('sha256').update('hello').digest('hex')}\r\n`;
    const statuses: number[] = [];
    for (const bytes of [`${post}\r\nhello`, `${post}${forged}\r\nhello`]) {
      backend.altersBodies = false;
      expect((await exchangeBytes(front.port, bytes)).status).toBe(200);
      backend.altersBodies = true;
      statuses.push((await exchangeBytes(front.port, bytes)).status);
    }
    backend.altersBodies = false;
    const arrived = backend.take();
    expect(statuses).toEqual(covers ? [401, 401] : [200, 200]);
    expect(new Set(arrived.map(({ headers }) => headers['x-sdk-content-sha256']))).toEqual(
      new Set([covers ? undefined : 'UNSIGNED-PAYLOAD']),
    );
    expect(new Set(arrived.map(({ headers }) => /SignedHeaders=([^,]+)/.exec(headers['authorization'] as string)?.[1]))).toEqual(
      new Set([covers ? 'host;x-sdk-date' : 'host;x-sdk-content-sha256;x-sdk-date']),
    );
    table.seen(name, 'body changed behind it', covers ? '401' : 'not covered');
  });

  (here ? it : it.skip)('the backend receives nothing else', () => {
    expect([...late, ...backend.take()]).toEqual([]);
  });
});

const everything = STOCK.every((name) => binaryOf(name) !== undefined) || process.env['CI'] === 'true';
(everything ? it : it.skip)('the table in docs/gateways.md has the results of this run (npm run gateways writes it)', () => {
  if (process.env['UPDATE_GOLDEN'] === '1') table.write();
  expect(table.written).toBe(table.markdown);
});

function expectedAt(name: Entrypoint, { expected, except }: HostileRequest): Expected {
  const own = except?.[name] ?? expected;
  // A replayed gateway opens no tunnels.
  return isReplayed(name) && typeof own === 'object' ? { ...own, present: {} } : own;
}

/** The difference from the expected result, or `as expected`. */
function outcome(status: number, arrived: readonly Recorded[], expected: Expected): unknown {
  if (typeof expected === 'number') return status === expected && arrived.length === 0 ? 'as expected' : { status, arrived };
  const [request] = arrived;
  if (arrived.length !== 1 || request === undefined) return { status, arrived };
  const { method, url, headers, rawHeaders, body, accepted } = request;
  if (expected === 'unverified') return status === 401 && !accepted ? 'as expected' : { status, request };
  const wrong = {
    ...(status !== 200 && { status }),
    ...(url !== expected.target && { url }),
    ...(method !== (expected.method ?? method) && { method }),
    ...(accepted?.key !== (expected.key ?? 'public') && { accepted, headers }),
    ...(body.toString('latin1') !== (expected.body ?? '') && { body: body.toString('latin1') }),
    ...(headers.host !== (expected.host ?? 'api.example') && { host: headers.host }),
    ...(expected.absent?.some((each) => each in headers) && { headers }),
    ...(Object.entries(expected.present ?? {}).some(([each, value]) => headers[each] !== value) && { headers }),
    ...(rawHeaders.some((part) => part.includes('forged')) && { rawHeaders }),
  };
  return Object.keys(wrong).length === 0 ? 'as expected' : wrong;
}
