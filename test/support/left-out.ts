import type { FaultName } from '../../src/lib/receipts/faults.js';

/** A text of a built file and its replacement when a rule is left out, for rules in SQL and in the code around the protocol. */
interface Patch {
  /** The path below `dist/`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const SWITCH = "globalThis[Symbol.for('left out')]";

/** Rules of the protocol (`src/lib/receipts/faults.ts`), and some that only running processes have. */
export type LeftOut =
  | FaultName
  /** Receipts do not wait for a process whose credential is revoked. */
  | 'revokedForgotten'
  /** A control plane measures silence on its wall clock. */
  | 'wallClockSilence'
  /** A revision counts as applied when its change is received, and takes effect later. */
  | 'receivedIsApplied';

/**
 * The patches that a fault needs besides `NO_FAULTS`, which `leave-out.ts` fills. A patch whose text is no longer found is an error, so
 * that no control runs without its fault.
 */
export const PATCHES: readonly Patch[] = [
  {
    // This check is also patched, because it would delay the fault and hide it.
    file: 'platform/receipts/receipts.service.js',
    from: '(await isStuckAt(reads, gateway, through + 1))',
    to: 'false',
  },
  {
    file: 'platform/receipts/protocol-rows.js',
    from: 'ending IS NULL AND asked = 1`;',
    to: `ending IS NULL AND asked = 1\${${SWITCH}.nameIsIdentity ? ' AND NOT EXISTS (SELECT 1 FROM signing_sessions o WHERE o.scope_id = signing_sessions.scope_id AND o.node_id = signing_sessions.node_id AND o.registered_at > signing_sessions.registered_at)' : ''}\${${SWITCH}.revokedForgotten ? ' AND credential_id IN (SELECT id FROM gateway_tokens)' : ''}\`;`,
  },
  {
    file: 'platform/receipts/silence-watch.js',
    from: 'this.clock.monotonic()',
    to: `(${SWITCH}.wallClockSilence ? this.clock.now() - performance.timeOrigin : this.clock.monotonic())`,
  },
  {
    file: 'gateway/replication/change-replicator.js',
    from: 'this.#pending.push(event);',
    to: `this.#pending.push(event);
        if (${SWITCH}.receivedIsApplied) this.session.dispatch({ kind: 'applied', first: event.revision, last: event.revision, newest: event.revision, requestsUnderWay: 0 });`,
  },
  {
    file: 'gateway/replication/change-replicator.js',
    from: 'async #applyPending(signal) {',
    to: `async #applyPending(signal) {
        if (${SWITCH}.receivedIsApplied) await delay(2000, undefined, { signal });`,
  },
];
