import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { GatewayPublication } from '../../lib/protocol/protocol.js';
import type { RefusalToSign } from '../../lib/receipts/node.js';
import { KeyStore } from '../keys/key-store.js';
import { KeyTable } from '../keys/key-table.js';
import { OpenConnections } from './open-connections.js';
import { InFlightRequests } from '../session/in-flight-requests.js';

const server = createServer((socket) => socket.on('error', () => undefined).resume());
const table = (openConnections: 'keep' | 'close', signId: string | null) =>
  KeyTable.from({
    instance_id: 'i',
    epoch: 'e',
    revision: 1,
    partial: false,
    encoded_slashes: 'refuse',
    open_connections: openConnections,
    publications: [
      {
        publish_id: 'p',
        req_method: 'ANY',
        req_uri: '/',
        match_mode: 'SWA',
        env_name: 'RELEASE',
        sign:
          signId === null
            ? null
            : { sign_id: signId, sign_type: 'hmac', sign_key: 'k', sign_secret: 's', version: 1, sign_algorithm: null },
      } as GatewayPublication,
    ],
  });

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => void server.close());

function ground(setting: 'keep' | 'close') {
  const [keys, requests] = [new KeyStore(), new InFlightRequests()];
  const session: { refusal: RefusalToSign | undefined } = { refusal: undefined };
  const counts = { openConnections: () => undefined, closedConnections: () => undefined };
  const connections = new OpenConnections(keys, session, requests, counts, pino({ level: 'silent' }));
  connections.stop();
  keys.switchTo(table(setting, 'a'), 1);
  const open = async () => {
    const sockets: Socket[] = [];
    for (let i = 0; i < 2; i++) {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => undefined);
      await once(socket, 'connect');
      sockets.push(socket);
    }
    const end = () => sockets.forEach((socket) => socket.destroy());
    const over = connections.add({ publishId: 'p', signId: 'a' }, { end, sockets: () => sockets });
    return { sockets, over, end };
  };
  return { keys, requests, session, open };
}

it('a connection whose key is dropped counts as an in-flight request until both of its sockets are closed', async () => {
  const { keys, requests, open } = ground('close');
  const { sockets } = await open();
  const counts: number[] = [];
  for (const socket of sockets) socket.once('close', () => counts.push(requests.count));
  keys.switchTo(table('close', null), 2);
  expect([requests.count, sockets.map(({ destroyed }) => destroyed)]).toEqual([1, [true, true]]);
  await requests.whenIdle(AbortSignal.timeout(5000));
  expect(counts).toEqual([1, 1]);
  expect(sockets.map((socket) => socket.closed)).toEqual([true, true]);
});

it('after the table is dropped, connections are closed according to the last setting, and no new ones are allowed', async () => {
  const { keys, open } = ground('close');
  const { sockets } = await open();
  keys.drop();
  expect(sockets[0]?.destroyed).toBe(true);
  const late = await open();
  expect(late.over).toBeUndefined();
  late.end();
});

it('a connection that has ended is not closed again, and delays nothing', async () => {
  const { keys, requests, open } = ground('close');
  const { sockets, over, end } = await open();
  over?.();
  keys.switchTo(table('close', null), 2);
  expect([requests.count, sockets[0]?.destroyed]).toEqual([0, false]);
  end();
});

it('no connection begins while the node may not sign', async () => {
  const { session, open } = ground('close');
  session.refusal = 'lease_over';
  const { over, end } = await open();
  expect(over).toBeUndefined();
  end();
});
