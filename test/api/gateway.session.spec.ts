import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pino from 'pino';
import { ControlPlaneClient, ControlPlaneRefusal } from '../../src/gateway/control-plane/control-plane-client.js';
import { KeyStore } from '../../src/gateway/keys/key-store.js';
import { InFlightRequests } from '../../src/gateway/session/in-flight-requests.js';
import { Session } from '../../src/gateway/session/session.js';
import { UsageCounter } from '../../src/gateway/session/usage-counter.js';
import type { SessionAdmission, SessionRegistration } from '../../src/lib/protocol/protocol.js';
import { Clock } from '../../src/platform/common/clock.js';
import { Secret } from '../../src/platform/config/secret.js';
import { createTestDatabase, type TestDatabase } from '../support/databases.js';
import { type Client, TestService } from '../support/service.js';

let test: TestDatabase;
let service: TestService;
let client: Client;
let gateway: string;
let token: string;
const own = (path: string) => `/signet/v1/instances/${gateway}${path}`;

beforeAll(async () => {
  test = await createTestDatabase('sqlite');
  service = await TestService.start(test);
  client = await service.client();
  gateway = await client.gateway();
  token = (await client.post(own('/gateway-tokens'), { role: 'gateway' })).body.token as string;
});
afterAll(async () => {
  await service.stop();
  await test.drop();
});

/** Answers of registrations reach the node only after `arrive`, as if the network held them back. */
class SlowClient extends ControlPlaneClient {
  arrive: (() => void) | undefined;
  accepted: (() => void) | undefined;

  override async register(sessionId: string, registration: SessionRegistration, signal: AbortSignal): Promise<SessionAdmission> {
    const admission = await super.register(sessionId, registration, signal);
    if (!this.accepted) return admission;
    await new Promise<void>((resolve) => {
      this.arrive = resolve;
      this.accepted!();
    });
    return admission;
  }
}

it('a session whose acceptance arrives after another registration has replaced it is ended by its successor', async () => {
  const controlPlane = new SlowClient({
    controlPlaneUrl: service.baseUrl,
    controlPlaneTls: {},
    token: () => new Secret(token),
    instanceId: gateway,
  });
  const events = { dropKeys() {}, reportSoon() {}, takeSnapshot() {}, grantedLeaseSeconds: () => 0 };
  const config = { instanceId: gateway, nodeId: 'node-0' };
  const parts = [new KeyStore(), new InFlightRequests(), new UsageCounter(), new Clock(), false, undefined, events] as const;
  const session = new Session(config, controlPlane, ...parts, pino({ level: 'silent' }));
  const { signal } = new AbortController();
  const accepted = new Promise<void>((resolve) => (controlPlane.accepted = resolve));
  const first = session.register(signal);
  await accepted;
  // The watch of the same process is refused meanwhile.
  session.handleRefusal(new ControlPlaneRefusal('the watch', 409, 'epoch'));
  controlPlane.accepted = undefined;
  controlPlane.arrive!();
  await first;
  await session.register(signal);
  await session.report(signal);
  const { sessions } = (await client.get(own('/sessions'))).body as { sessions: { session_id: string }[] };
  expect(sessions.map(({ session_id }) => session_id)).toEqual([session.sessionId]);
});
