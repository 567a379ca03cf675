import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type DemoBackend, startDemoBackend } from '../../src/gateway/backend/demo-backend.js';
import type { Gateway } from '../../src/gateway/gateway.js';
import type { GatewaySign } from '../../src/lib/protocol/protocol.js';
import { AdminSocket } from '../support/admin-socket.js';
import { INSTANCE, publication, sign, TestControlPlane } from '../support/control-plane.js';
import { joined } from '../support/environment.js';
import { startTestGateway } from '../support/gateway.js';
import { raw } from '../support/raw-http.js';
import { stretched } from '../support/slowness.js';
import { binaryOf, StockGateway, stockFolder } from '../support/stock-gateways.js';

const here = binaryOf('haproxy') !== undefined || process.env['CI'] === 'true';
const CONNECTED = 24;
const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';

let backend: DemoBackend;
const keys = new Map<string, GatewaySign>();
let stops: (() => unknown)[] = [];
beforeAll(async () => {
  // It still accepts deleted keys, so that every signature with one is seen.
  backend = await startDemoBackend(0, (id) => {
    const key = keys.get(id);
    return key && { signType: 'hmac', signKey: key.sign_key, signSecret: key.sign_secret };
  });
});
afterEach(async () => {
  for (const stop of stops.reverse()) await stop();
  stops = [];
});
afterAll(() => backend.close());

interface Environment {
  plane: TestControlPlane;
  front: StockGateway;
  folder: string;
  admin: AdminSocket;
  agent: (env?: Record<string, string>) => Promise<Gateway>;
}

interface Around {
  master: boolean;
  hardStop: string;
  /** The value of `hardStop` for which the agent is configured. */
  drainMs: number;
  /** Whether its wall clock can be changed with {@link moveClock}. */
  ownClock?: boolean;
}

async function haproxyWith(options: Around): Promise<Environment> {
  const plane = await TestControlPlane.start();
  stops.push(() => plane.stop());
  const { folder, socket, master } = stockFolder('haproxy');
  moveClock(folder, 0);
  const front = await StockGateway.start('haproxy', {
    folder,
    socket,
    master: options.master ? master : undefined,
    hardStop: options.hardStop,
    signer: 'http://127.0.0.1:1',
    upstream: `http://127.0.0.1:${backend.port}`,
    ...(options.ownClock && {
      env: {
        LD_PRELOAD: FAKETIME,
        FAKETIME_TIMESTAMP_FILE: join(folder, 'clock'),
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      },
    }),
  });
  stops.push(() => front.stop());
  const between = join(folder, 'between.sock');
  const admin = await AdminSocket.before(socket, between);
  stops.push(() => admin.close());
  const agent = async (env: Record<string, string> = {}) => {
    const node = await startTestGateway(
      plane,
      joined(
        {
          SIGNET_GATEWAY_HAPROXY: `socket=${between},maps=${folder},hard-stop-after=${options.drainMs}ms${options.master ? `,master=${master}` : ''}`,
        },
        env,
      ),
      false,
    );
    stops.push(() => node.close());
    return node;
  };
  return { plane, front, folder, admin, agent };
}

/** The wall clock of an HAProxy with a separate clock. */
const moveClock = (folder: string, seconds: number) => writeFileSync(join(folder, 'clock'), `${seconds < 0 ? '' : '+'}${seconds}`);

function publishDoomed(plane: TestControlPlane): string {
  const key = sign();
  keys.set(key.sign_key, key);
  plane.publications.push(publication({ req_uri: '/doomed', match_mode: 'NORMAL', sign: key }));
  return key.sign_id;
}

async function signs(front: StockGateway): Promise<void> {
  while ((await raw(front.port, 'GET', '/doomed')).status !== 200) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Idle connections that a worker has accepted. */
async function connected(front: StockGateway): Promise<Socket[]> {
  const sockets = Array.from({ length: CONNECTED }, () => connect(front.port, '127.0.0.1').on('error', () => undefined));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  // A request on a later connection was answered, so the earlier connections are accepted.
  await raw(front.port, 'GET', '/');
  return sockets;
}

/** Sends a request on each connection. @returns the statuses; 0 for a closed connection */
function asked(sockets: readonly Socket[]): Promise<number[]> {
  return Promise.all(
    sockets.map(async (socket) => {
      if (socket.destroyed) return 0;
      let text = '';
      socket.setEncoding('latin1').on('data', (part: string) => (text += part));
      const closed = once(socket, 'close').catch(() => undefined);
      socket.write('GET /doomed HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n');
      await closed;
      return Number(/^HTTP\/1\.\d (\d{3})/.exec(text)?.[1] ?? 0);
    }),
  );
}

const MODES = [
  ['with a master that is asked', true],
  ['without one', false],
] as const;
const TOLD = { hardStop: '1s', drainMs: 1000 };

(here ? describe : describe.skip)('a deletion around a reload', () => {
  it('leads to a signature that these probes see, if the hold is shorter than hard-stop-after', async () => {
    const { plane, front, agent } = await haproxyWith({ master: false, hardStop: '60s', drainMs: 0 });
    const doomed = publishDoomed(plane);
    await agent();
    await plane.acknowledged(plane.revision);
    await signs(front);
    const old = await connected(front);
    await front.reload();
    await plane.acknowledged(plane.deleteSign(doomed));
    expect(await asked(old)).toContain(200);
  });

  describe.each(MODES)('%s', (_, master) => {
    it('that happens twice, while the admin socket fails, delays the acknowledgement until no old worker signs', async () => {
      const { plane, front, admin, agent } = await haproxyWith({ master, ...TOLD });
      const doomed = publishDoomed(plane);
      await agent();
      await plane.acknowledged(plane.revision);
      await signs(front);
      const old = await connected(front);
      await front.reload();
      await signs(front);
      old.push(...(await connected(front)));
      admin.fail();
      await front.reload();
      const revision = plane.deleteSign(doomed);
      const calls = plane.calls.length;
      await plane.until(() => plane.calls.length > calls);
      admin.recover();
      await plane.acknowledged(revision);
      const statuses = await asked(old);
      expect(statuses).toHaveLength(2 * CONNECTED);
      expect(statuses).not.toContain(200);
    });

    it('delays the acknowledgement also if the agent starts only then', async () => {
      const { plane, front, agent } = await haproxyWith({ master, ...TOLD });
      const doomed = publishDoomed(plane);
      const first = await agent();
      await plane.acknowledged(plane.revision);
      await signs(front);
      const old = await connected(front);
      await first.close();
      await front.reload();
      const reports = plane.reports.length;
      await agent({ SIGNET_NODE_ID: 'node2' });
      await plane.until(() => plane.reports.length > reports);
      await plane.acknowledged(plane.deleteSign(doomed));
      expect(await asked(old)).not.toContain(200);
    });
  });
});

(here ? describe : describe.skip)('an agent that has ended', () => {
  const clocks = existsSync(FAKETIME) || process.env['CI'] === 'true' ? it : it.skip;
  clocks.each([
    ['stays', 0],
    ['is set back by an hour', -3600],
    ['is set forward by an hour', 3600],
  ])('leaves an HAProxy that stops signing at the end of the lease, if its wall clock %s', async (_, seconds) => {
    const { plane, front, folder, admin, agent } = await haproxyWith({ master: true, ...TOLD, ownClock: true });
    publishDoomed(plane);
    plane.leaseSeconds = 6;
    await agent();
    await signs(front);
    admin.fail();
    const lastAt = performance.now();
    moveClock(folder, seconds);
    let signed = 0;
    // The status is 401, because the signature has the date of a wrong clock.
    const isSigned = async () => [200, 401].includes((await raw(front.port, 'GET', '/doomed')).status);
    for (; performance.now() - lastAt < 7500 && (await isSigned()); signed++) await new Promise((resolve) => setTimeout(resolve, 20));
    // An HAProxy whose clock is ahead stops at once.
    if (seconds <= 0) expect(signed).toBeGreaterThan(0);
    expect(performance.now() - lastAt).toBeLessThan(stretched(6500));
    expect(await raw(front.port, 'GET', '/doomed')).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  });

  it.each(MODES)('an agent that is stopped empties the maps and ends its session, %s', async (_, master) => {
    const { plane, front, agent } = await haproxyWith({ master, ...TOLD });
    publishDoomed(plane);
    const node = await agent({ SIGNET_GATEWAY_HAPROXY: 'on-stop=empty' });
    await plane.acknowledged(plane.revision);
    await signs(front);
    const old = await connected(front);
    await front.reload();
    await signs(front);
    await node.close();
    expect(plane.reports.at(-1)).toMatchObject({ leaving: true });
    expect(await asked(old)).not.toContain(200);
    expect((await raw(front.port, 'GET', '/doomed')).status).toBe(503);
  });

  it.each(MODES)('an agent whose gateway is deleted empties the maps before it ends its session, %s', async (_, master) => {
    const { plane, front, agent } = await haproxyWith({ master, ...TOLD });
    publishDoomed(plane);
    await agent();
    await plane.acknowledged(plane.revision);
    await signs(front);
    const old = await connected(front);
    await front.reload();
    await signs(front);
    plane.commit([{ kind: 'instance', id: INSTANCE, op: 'deleted' }]);
    plane.deleted = true;
    plane.endWatchers();
    await plane.until(() => plane.reports.at(-1)?.leaving === true);
    expect(await asked(old)).not.toContain(200);
    expect((await raw(front.port, 'GET', '/doomed')).status).toBe(503);
  });

  it('an agent reports the lease of an unreachable HAProxy, and not the shorter lease that the control plane sent', async () => {
    const { plane, front, admin, agent } = await haproxyWith({ master: true, ...TOLD });
    publishDoomed(plane);
    plane.leaseSeconds = 600;
    await agent();
    await plane.acknowledged(plane.revision);
    await signs(front);
    admin.fail();
    plane.leaseSeconds = 3;
    const last = plane.reports.length;
    await plane.until(() => plane.reports.length > last + 3);
    const { lease_seconds } = plane.reports.at(-1)!;
    expect(lease_seconds).toBeGreaterThan(500);
    admin.recover();
    await plane.until(() => plane.reports.at(-1)!.lease_seconds! <= 3);
  });

  it('an agent keeps its session while HAProxy signs, and ends it when HAProxy has ended too', async () => {
    const { plane, front, folder, agent } = await haproxyWith({ master: false, ...TOLD });
    publishDoomed(plane);
    const first = await agent();
    await plane.acknowledged(plane.revision);
    await first.close();
    expect(plane.reports.at(-1)?.leaving).not.toBe(true);
    expect((await raw(front.port, 'GET', '/doomed')).status).toBe(200);
    const second = await agent({ SIGNET_GATEWAY_HAPROXY: `socket=${join(folder, 'admin.sock')}` });
    await plane.until(() => plane.watchers > 0);
    await front.end();
    await second.close();
    expect(plane.reports.at(-1)).toMatchObject({ leaving: true });
  });
});

(here ? describe : describe.skip)('a request whose body has not arrived', () => {
  it('is not signed with a key that is deleted before the body arrives', async () => {
    const { plane, front, agent } = await haproxyWith({ master: true, ...TOLD });
    const doomed = publishDoomed(plane);
    await agent();
    await plane.acknowledged(plane.revision);
    await signs(front);
    const begun = Array.from({ length: CONNECTED }, () => connect(front.port, '127.0.0.1').on('error', () => undefined));
    const answers = begun.map(async (socket) => {
      let text = '';
      socket.setEncoding('latin1').on('data', (part: string) => (text += part));
      await once(socket, 'close');
      return Number(/^HTTP\/1\.\d (\d{3})/.exec(text)?.[1] ?? 0);
    });
    for (const socket of begun)
      socket.write('POST /doomed HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\nContent-Length: 4\r\n\r\nab');
    await raw(front.port, 'GET', '/');
    await plane.acknowledged(plane.deleteSign(doomed));
    for (const socket of begun) socket.write('cd');
    expect(new Set(await Promise.all(answers))).toEqual(new Set([403]));
  });
});
