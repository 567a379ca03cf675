import { beforeEach, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { sign } from '../../../test/support/control-plane.js';
import type { Snapshot } from '../../lib/protocol/protocol.js';
import type { GatewayMetrics } from '../observability/gateway-metrics.js';
import { KeyStore } from '../keys/key-store.js';
import { KeyTable } from '../keys/key-table.js';
import { InFlightRequests } from '../session/in-flight-requests.js';
import type { Session } from '../session/session.js';
import { Signer } from './signer.js';
import { UsageCounter } from '../session/usage-counter.js';

const key = sign();
const snapshot = (
  more: Partial<Snapshot['publications'][number]> = {},
  encoded_slashes: Snapshot['encoded_slashes'] = 'pass',
): Snapshot => ({
  instance_id: 'instance1',
  epoch: 'e',
  revision: 1,
  partial: false,
  encoded_slashes,
  open_connections: 'keep',
  publications: [
    {
      publish_id: 'p',
      api_id: 'a',
      group_id: 'g',
      env_id: 'env',
      env_name: 'RELEASE',
      req_method: 'GET',
      req_uri: '/orders',
      match_mode: 'SWA',
      sign: key,
      ...more,
    },
  ],
});

let keys: KeyStore;
let signer: Signer;
beforeEach(() => {
  keys = new KeyStore();
  keys.switchTo(KeyTable.from(snapshot()), 1);
  // The node may sign, and none of its keys ended in an earlier epoch.
  const session = { refusal: undefined, isTombstoned: () => false } as unknown as Session;
  const policy = { environment: undefined, unbound: 'refuse' } as const;
  const clock = { now: () => Date.now(), monotonic: () => performance.now(), sinceBoot: () => undefined };
  const metrics = { signed() {}, unsigned() {}, refused() {} } as unknown as GatewayMetrics;
  const [requests, usage, connections] = [new InFlightRequests(), new UsageCounter(), { add: () => () => undefined }];
  signer = new Signer(keys, session, requests, policy, usage, metrics, clock, pino({ level: 'silent' }), connections);
});

/** The request is signed, but not sent yet. */
const signed = () => {
  const decision = signer.sign(
    { method: 'GET', target: '/orders/a%2Fb', host: 'api.example', stage: 'RELEASE', bodySha256: 'UNSIGNED-PAYLOAD' },
    'proxy',
  );
  if (!decision.ok) throw new Error('the node may not sign');
  return decision.permit;
};

it.each([
  ['its environment gets another name', snapshot({ env_name: 'STAGING' }), 404],
  ['its API moves to another path', snapshot({ req_uri: '/others' }), 404],
  ['its API gets another method', snapshot({ req_method: 'POST' }), 404],
  ['the path that it matches is not a prefix any more', snapshot({ match_mode: 'NORMAL' }), 404],
  ['its API is offline', { ...snapshot(), publications: [] }, 404],
  ['paths like its own are refused now', snapshot({}, 'refuse'), 400],
  ['its API gets another key', snapshot({ sign: sign() }), 403],
  ['the key of its API is unbound', snapshot({ sign: null }), 403],
])('a signed request that is still unsent is not sent if %s', (_, after, status) => {
  const permit = signed();
  keys.switchTo(KeyTable.from(after, keys.table), 2);
  expect(permit.recheck()?.refusal.status).toBe(status);
});

it('a signed request is sent if the table has not changed, or has changed only for other requests', () => {
  const [one, other] = [signed(), signed()];
  expect(one.recheck()).toBeUndefined();
  const publications = [...snapshot().publications, ...snapshot({ publish_id: 'q', req_uri: '/others', sign: sign() }).publications];
  keys.switchTo(KeyTable.from({ ...snapshot(), publications }, keys.table), 2);
  expect(other.recheck()).toBeUndefined();
});
