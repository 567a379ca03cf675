import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Gateway } from '../../src/gateway/gateway.js';
import { INSTANCE, publication, sign, TestControlPlane, TOKEN } from '../support/control-plane.js';
import { GatewayProcess } from '../support/gateway-process.js';
import { startTestGateway } from '../support/gateway.js';
import { backend, raw, stop } from '../support/raw-http.js';
import { stretched } from '../support/slowness.js';
import { until } from '../support/until.js';

const OFFSET_MS = 20 * 60_000;

let plane: TestControlPlane;
let upstream: Server & { port: number };

beforeAll(async () => {
  upstream = await backend((_, response) => response.end('{}'));
});
afterAll(() => stop(upstream));

/** Readiness and whether the node signs, read until neither changed between the two reads. */
async function stateOf(signPort: number, proxyPort: number): Promise<{ ready: boolean; signs: boolean }> {
  const asked = async () => (await fetch(`http://127.0.0.1:${signPort}/readyz`)).status === 200;
  for (let ready = await asked(); ; ) {
    const signs = (await raw(proxyPort, 'GET', '/')).status === 200;
    const after = await asked();
    if (ready === after) return { ready, signs };
    ready = after;
  }
}

describe('a node reports its contact with the control plane:', () => {
  let node: GatewayProcess;
  const metric = async (name: string): Promise<number> => {
    const text = await fetch(`${node.signUrl}/metrics`).then((response) => response.text());
    return Number(new RegExp(`^signet_gateway_${name} (.*)$`, 'm').exec(text)?.[1]?.replace('+Inf', 'Infinity'));
  };
  const state = () => stateOf(Number(new URL(node.signUrl).port), node.proxyPort);

  beforeAll(async () => {
    plane = await TestControlPlane.start();
    plane.publications = [publication({ sign: sign() })];
    node = await GatewayProcess.start({
      SIGNET_CONTROL_PLANE_URL: plane.url,
      SIGNET_GATEWAY_TOKEN: TOKEN,
      SIGNET_INSTANCE_ID: INSTANCE,
      SIGNET_GATEWAY_UPSTREAM: `http://127.0.0.1:${upstream.port}`,
    });
  });
  afterAll(async () => {
    await node.stop();
    await plane.stop();
  });

  it('it shows the offset of its clock with a warning, and is ready and signs nevertheless', async () => {
    expect(Math.abs(await metric('clock_offset_seconds'))).toBeLessThan(1);
    expect(await metric('clock_offset_error_seconds')).toBeGreaterThanOrEqual(0);
    plane.timeMs = () => new Date().getTime() - OFFSET_MS;
    await plane.acknowledged(plane.commit([{ kind: 'api', id: 'a', op: 'updated' }]));
    await until(async () => Math.round(await metric('clock_offset_seconds')) === OFFSET_MS / 1000);
    await until(() => node.output.includes(`clock is ${OFFSET_MS / 1000} s ahead of the control plane's`));
    expect(await state()).toEqual({ ready: true, signs: true });
    plane.timeMs = () => new Date().getTime();
    await plane.acknowledged(plane.commit([{ kind: 'api', id: 'a', op: 'updated' }]));
    await until(() => node.output.includes('agree again'));
  });

  it('it shows contact age and lease left while a report hangs, warns at half of the lease, and signs until the lease ends', async () => {
    expect(await metric('lease_left_seconds')).toBe(Infinity);
    // What is asked of the node in the second half of its lease has to be answered within it.
    const leaseSeconds = Math.ceil(stretched(5000) / 1000);
    plane.leaseSeconds = leaseSeconds;
    await plane.acknowledged(plane.commit([{ kind: 'api', id: 'a', op: 'updated' }]));
    await until(async () => (await metric('lease_left_seconds')) <= leaseSeconds);
    const answer = Promise.withResolvers<void>();
    plane.holdReports = answer.promise;
    await until(() => node.output.includes('half of the lease has passed'));
    expect(node.output).not.toContain('did not accept a report');
    const [age, left] = [await metric('contact_age_seconds'), await metric('lease_left_seconds')];
    expect([age >= leaseSeconds / 2 - 0.1, left > 0 && left <= leaseSeconds / 2]).toEqual([true, true]);
    expect(await state()).toEqual({ ready: true, signs: true });
    await until(async () => (await metric('lease_left_seconds')) === 0);
    expect(await state()).toEqual({ ready: false, signs: false });
    expect(await metric('ready')).toBe(0);
    plane.leaseSeconds = null;
    plane.holdReports = undefined;
    answer.resolve();
    await until(async () => (await state()).signs);
    expect(await state()).toEqual({ ready: true, signs: true });
  });
});

describe('a node is unready exactly when it signs nothing,', () => {
  let node: Gateway | undefined;

  afterEach(async () => {
    await node?.close();
    await plane.stop();
  });

  it('in every state of a node', async () => {
    plane = await TestControlPlane.start();
    plane.publications = [publication({ sign: sign() })];
    plane.refuseWith = 503;
    const started = (node = await startTestGateway(plane, { SIGNET_GATEWAY_UPSTREAM: `http://127.0.0.1:${upstream.port}` }, false));
    const state = () => stateOf(started.signPort, started.proxyPort!);
    /** Readiness and signing agree at every check. */
    const becomes = async (signs: boolean) => {
      for (;;) {
        const found = await state();
        expect(found.ready).toBe(found.signs);
        if (found.signs === signs) return;
      }
    };
    const [no, yes] = [
      { ready: false, signs: false },
      { ready: true, signs: true },
    ];
    await plane.until(() => plane.calls.length > 1);
    expect(await state()).toEqual(no);
    const snapshot = Promise.withResolvers<void>();
    plane.holdSnapshots = snapshot.promise;
    plane.refuseWith = undefined;
    await plane.until(() => plane.reports.length > 0 && plane.calls.some((call) => call.includes('/snapshot')));
    expect(await state()).toEqual(no);
    snapshot.resolve();
    await becomes(true);
    // The control plane is silent, but the lease has not ended.
    plane.leaseSeconds = Math.ceil(stretched(2000) / 1000);
    await plane.acknowledged(plane.commit([{ kind: 'api', id: 'a', op: 'updated' }]));
    plane.refuseReportsWith = 503;
    expect(await state()).toEqual(yes);
    await becomes(false);
    plane.refuseReportsWith = undefined;
    await becomes(true);
    // The node's credential is revoked.
    plane.refuseWith = 401;
    await becomes(false);
    plane.refuseWith = undefined;
    plane.leaseSeconds = null;
    await becomes(true);
  });

  it('also when its credential is renewed in the file, which it uses from the next call, and the old one ends', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'signet-token-'));
    const file = join(dir, 'token');
    plane = await TestControlPlane.start();
    plane.publications = [publication({ sign: sign() })];
    writeFileSync(file, `${TOKEN}\n`);
    const env = { SIGNET_GATEWAY_TOKEN: '', SIGNET_GATEWAY_TOKEN_FILE: file, SIGNET_GATEWAY_UPSTREAM: `http://127.0.0.1:${upstream.port}` };
    node = await startTestGateway(plane, env);
    writeFileSync(file, 'renewed-token');
    plane.tokens.add('renewed-token');
    await plane.acknowledged(plane.commit([{ kind: 'api', id: 'a', op: 'updated' }]));
    // Only the stream still uses the old credential, and it ends with that credential.
    plane.tokens.delete(TOKEN);
    plane.dropWatchers();
    await plane.until(() => plane.watchers > 0);
    await plane.acknowledged(plane.commit([{ kind: 'api', id: 'a', op: 'updated' }]));
    expect(plane.registrations).toHaveLength(1);
    expect(await stateOf(node.signPort, node.proxyPort!)).toEqual({ ready: true, signs: true });
    rmSync(dir, { recursive: true });
  });
});
