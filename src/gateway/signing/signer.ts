import type { Logger } from 'pino';
import type { Clock } from '../../platform/common/clock.js';
import { splitTarget, UNSIGNED_PAYLOAD } from '#signing/canonical-request.js';
import type { RefusalToSign } from '../../lib/receipts/node.js';
import { formatSdkDate } from '#signing/sdk-date.js';
import { sign } from '#signing/sign.js';
import { admit, type RequestHead } from '../http/admission.js';
import type { Entrypoint, GatewayMetrics } from '../observability/gateway-metrics.js';
import type { KeyStore } from '../keys/key-store.js';
import type { StoredKey, Route } from '../keys/key-table.js';
import type { OpenConnection, OpenConnections } from './open-connections.js';
import type { InFlightRequests } from '../session/in-flight-requests.js';
import type { Session } from '../session/session.js';
import { type Refusal, type RefusalReason, REFUSALS } from '../http/refusals.js';
import type { UsageCounter } from '../session/usage-counter.js';

/** A request as an entrypoint receives it, before its body. */
export type IncomingRequest = RequestHead;

/** The request that is sent to the backend, and signed. */
export interface OutgoingRequest extends IncomingRequest {
  /** Path and query as sent to the backend, if a base path is prepended. */
  sentTarget?: string;
  /** `Host` as sent to the backend, if it differs from the client's. */
  sentHost?: string;
  /** SHA-256 of the body in hex, or `UNSIGNED-PAYLOAD`. */
  bodySha256: string;
}

/**
 * The headers that are sent to the backend. Headers of the client with these names are never forwarded. The first three and the last three
 * belong to different types of keys (docs/signing.md). The third is set only if the body is not covered, because existing verifiers trust
 * its value and do not hash the body.
 */
export const SIGNING_HEADERS = [
  'authorization',
  'x-sdk-date',
  'x-sdk-content-sha256',
  'signature-input',
  'signature',
  'content-digest',
] as const;
export type SigningHeaders = Partial<Record<(typeof SIGNING_HEADERS)[number], string>>;

/** Permission to send a signed request. Connecting to the backend takes time, and the key may be deleted meanwhile. */
export interface SendPermit {
  /**
   * Must be called just before the request is sent. If it returns `undefined`, the caller must send the request in the same turn of the
   * event loop. No later revision is acknowledged before that.
   */
  recheck(): { ok: false; refusal: Refusal } | undefined;
  /**
   * Tracks a connection that outlives the request. The caller calls `over` when the connection ends, and must not open it if the result is
   * a refusal.
   */
  track(connection: OpenConnection): { ok: true; over: () => void } | { ok: false; refusal: Refusal };
}

export type Decision = { ok: true; headers: SigningHeaders; permit: SendPermit } | { ok: false; refusal: Refusal };

export interface SigningPolicy {
  /** Overrides `X-Stage`; undefined: `X-Stage` selects the environment. */
  environment: string | undefined;
  unbound: 'refuse' | 'unsigned';
}

/**
 * Marks a request as unsigned. The value is not a signature in any scheme, so that no verifier accepts it. It overwrites forged headers of
 * the client.
 */
const UNSIGNED_HEADERS: SigningHeaders = { authorization: 'unsigned', 'x-sdk-date': 'unsigned', 'x-sdk-content-sha256': 'unsigned' };

/** Permission for an unsigned request, which has no signature that could end. */
const UNSIGNED_PERMIT: SendPermit = { recheck: () => undefined, track: () => ({ ok: true, over: () => undefined }) };

const UNREADY: Record<RefusalToSign, RefusalReason> = {
  unregistered: 'not_synced',
  no_table: 'not_synced',
  no_lease: 'not_synced',
  lease_over: 'lease_over',
  leaving: 'not_synced',
  gone: 'gateway_deleted',
};

/** Decides which key signs a request, and signs it. */
export class Signer {
  constructor(
    private readonly keys: KeyStore,
    private readonly session: Session,
    private readonly requests: InFlightRequests,
    private readonly policy: SigningPolicy,
    private readonly usage: UsageCounter,
    private readonly metrics: GatewayMetrics,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly connections: Pick<OpenConnections, 'add'>,
  ) {}

  /** Why this node signs no request; undefined: it signs. */
  get unready(): RefusalReason | undefined {
    const refusal = this.session.refusal;
    return refusal && UNREADY[refusal];
  }

  /** Checks a request before its body is read. {@link sign} checks it again, because the table may have switched meanwhile. */
  admit(request: IncomingRequest, entrypoint: Entrypoint): { ok: true } | { ok: false; refusal: Refusal } {
    const found = this.#route(request);
    return typeof found === 'string' ? this.refuse(found, entrypoint) : { ok: true };
  }

  /** Signs with the current table, which includes every acknowledged revision. */
  sign(request: OutgoingRequest, entrypoint: Entrypoint): Decision {
    const { table } = this.keys;
    const route = this.#route(request);
    if (typeof route === 'string') return this.refuse(route, entrypoint);
    if (!route.key) {
      this.metrics.unsigned(entrypoint);
      return { ok: true, headers: UNSIGNED_HEADERS, permit: UNSIGNED_PERMIT };
    }
    const now = this.clock.now();
    let headers: SigningHeaders;
    try {
      const { method, bodySha256 } = request;
      const sent = { method, url: request.sentTarget ?? request.target, host: request.sentHost ?? request.host, bodySha256 };
      headers = sign(sent, route.key.material, { now: () => now });
      // A `basic` key sets neither header, but headers of the client with these names must not reach the backend.
      if (headers.authorization !== undefined)
        headers = {
          'x-sdk-date': formatSdkDate(now),
          ...(bodySha256 === UNSIGNED_PAYLOAD && { 'x-sdk-content-sha256': UNSIGNED_PAYLOAD }),
          ...headers,
        };
    } catch (error) {
      // A TypeError means that the method or the host is invalid; any other error means that the key is invalid.
      if (error instanceof TypeError) return this.refuse('bad_request', entrypoint);
      this.logger.error(
        { err: error, publishId: route.publishId, signId: route.key.sign.sign_id },
        'signing failed: check the key and the secret',
      );
      return this.refuse('signature_failed', entrypoint);
    }
    this.usage.add(route.publishId, route.key.sign.sign_id, now);
    this.metrics.signed(entrypoint);
    const { publishId, key } = route;
    const opener = { publishId, signId: key.sign.sign_id };
    const track = (connection: OpenConnection) => {
      const over = this.connections.add(opener, connection);
      return over ? ({ ok: true, over } as const) : this.refuse('key_gone', entrypoint);
    };
    // Matches again, because not only the key but also the environment or the path of the API may have changed.
    const decideAgain = () => (this.keys.table === table ? this.#usable(route) : this.#route(request));
    return { ok: true, headers, permit: { recheck: () => this.#recheck(decideAgain(), key, entrypoint), track } };
  }

  refuse(reason: RefusalReason, entrypoint: Entrypoint): { ok: false; refusal: Refusal } {
    this.metrics.refused(entrypoint, reason);
    return { ok: false, refusal: REFUSALS[reason] };
  }

  /** The request is sent only if the new decision selects the same key. */
  #recheck(now: Route | RefusalReason, key: StoredKey, entrypoint: Entrypoint): { ok: false; refusal: Refusal } | undefined {
    if (typeof now === 'string') return this.refuse(now, entrypoint);
    if (now.key !== key) return this.refuse('key_gone', entrypoint);
    // Counts as in flight until the end of this turn. By then the request is written.
    setImmediate(this.requests.enter());
    return undefined;
  }

  /** Checks a route of the current table. */
  #usable(route: Route): Route | RefusalReason {
    const { key, keyDeleted, publishId } = route;
    const { unready } = this;
    if (unready) return unready;
    if (!key) return keyDeleted ? 'key_gone' : this.policy.unbound === 'unsigned' ? route : 'api_unbound';
    const { sign_id: signId, version } = key.sign;
    return this.session.isTombstoned({ signId, version, publishId }) ? 'key_gone' : route;
  }

  #route(request: IncomingRequest): Route | RefusalReason {
    const { table } = this.keys;
    const admitted = admit(request, { environment: this.policy.environment, encodedSlashes: table.encodedSlashes });
    if (typeof admitted === 'string') return admitted;
    const { unready } = this;
    if (unready) return unready;
    const route = table.match(admitted.environment, request.method, splitTarget(request.target).path);
    return route ? this.#usable(route) : 'api_unknown';
  }
}
