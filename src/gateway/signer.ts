import type { Logger } from 'pino';
import type { Clock } from '../common/clock.js';
import { splitTarget } from '../lib/signing/canonical-request.js';
import { formatSdkDate } from '../lib/signing/sdk-date.js';
import { sign } from '../lib/signing/sign.js';
import type { Face, GatewayMetrics } from './gateway-metrics.js';
import type { HeldKeys } from './held-keys.js';
import type { Route } from './key-table.js';
import type { Lease } from './lease.js';
import { type Refusal, type RefusalReason, REFUSALS } from './refusals.js';
import type { UsageCounter } from './usage-counter.js';

/** A request as a face sees it before its body is here. */
export interface IncomingRequest {
  /** `X-Stage`, if the client sent it. */
  stage: string | undefined;
  method: string;
  /** Path and query as the client sent them: what decides which API it is. */
  target: string;
}

/** The same request as it goes to the backend: what is signed. */
export interface OutgoingRequest extends IncomingRequest {
  /** Path and query as sent to the backend, where a base path was put in front. */
  sentTarget?: string;
  host: string;
  /** Hex SHA-256 of the body, or `UNSIGNED-PAYLOAD`. */
  bodySha256: string;
}

/** All three are always set, so that no gateway lets a client's own through. */
export interface SigningHeaders {
  authorization: string;
  'x-sdk-date': string;
  'x-sdk-content-sha256': string;
}
export const SIGNING_HEADERS = ['authorization', 'x-sdk-date', 'x-sdk-content-sha256'] as const;

export type Decision = { ok: true; headers: SigningHeaders } | { ok: false; refusal: Refusal };

export interface SigningPolicy {
  /** Absent: the header X-Stage says. */
  environment: string | undefined;
  unbound: 'refuse' | 'unsigned';
}

const DEFAULT_ENVIRONMENT = 'RELEASE';
/** Not a signature of any scheme: no backend takes it for one, and no forged header survives it. */
const LET_THROUGH: SigningHeaders = { authorization: 'unsigned', 'x-sdk-date': 'unsigned', 'x-sdk-content-sha256': 'unsigned' };

/** The one decision of the data plane: which key signs this request, if any. */
export class Signer {
  constructor(
    private readonly held: HeldKeys,
    private readonly lease: Lease,
    private readonly policy: SigningPolicy,
    private readonly usage: UsageCounter,
    private readonly metrics: GatewayMetrics,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** Why this node signs nothing at all right now. */
  get unready(): RefusalReason | undefined {
    if (!this.held.synced) return 'not_synced';
    return this.lease.over ? 'lease_over' : undefined;
  }

  /** What can be said before the body is here; {@link sign} looks again, since the table may have switched meanwhile. */
  admit(request: IncomingRequest, face: Face): { ok: true } | { ok: false; refusal: Refusal } {
    const found = this.#route(request);
    return typeof found === 'string' ? this.refuse(found, face) : { ok: true };
  }

  /** Signs with the table of this very moment: whatever was acknowledged before is in it. */
  sign(request: OutgoingRequest, face: Face): Decision {
    const route = this.#route(request);
    if (typeof route === 'string') return this.refuse(route, face);
    if (!route.key) {
      this.metrics.unsigned(face);
      return { ok: true, headers: LET_THROUGH };
    }
    const now = this.clock.now();
    let headers: SigningHeaders;
    try {
      headers = {
        'x-sdk-date': formatSdkDate(now),
        'x-sdk-content-sha256': request.bodySha256,
        ...sign(
          { method: request.method, url: request.sentTarget ?? request.target, host: request.host, bodySha256: request.bodySha256 },
          route.key.material,
          { now: () => now },
        ),
      };
    } catch (error) {
      // A TypeError is about the request's method or host; anything else is about the key.
      if (error instanceof TypeError) return this.refuse('bad_request', face);
      this.logger.error({ err: error, publishId: route.publishId, signId: route.key.sign.sign_id }, 'a key cannot sign');
      return this.refuse('signature_failed', face);
    }
    this.usage.add(route.publishId, route.key.sign.sign_id, now);
    this.metrics.signed(face);
    return { ok: true, headers };
  }

  refuse(reason: RefusalReason, face: Face): { ok: false; refusal: Refusal } {
    this.metrics.refused(face, reason);
    return { ok: false, refusal: REFUSALS[reason] };
  }

  #route({ stage, method, target }: IncomingRequest): Route | RefusalReason {
    const unready = this.unready;
    if (unready) return unready;
    const environment = this.policy.environment ?? (stage || DEFAULT_ENVIRONMENT);
    const route = this.held.table.match(environment, method, splitTarget(target).path);
    if (!route) return 'api_unknown';
    if (route.key) return route;
    if (route.keyGone) return 'key_gone';
    return this.policy.unbound === 'unsigned' ? route : 'api_unbound';
  }
}
