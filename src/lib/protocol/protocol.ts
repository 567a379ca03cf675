import type { SignAlgorithm, SignType } from '../signing/algorithms.js';

/**
 * What the control plane tells a gateway and what a gateway reports back, under `/signet/v1/instances/{instance_id}`, with
 * `Authorization: Bearer <gateway credential>`. Both planes are built from these types; nothing else is shared.
 *
 * | call | meaning |
 * |---|---|
 * | `GET …/snapshot` | everything a gateway needs to sign, as of one revision: {@link Snapshot} |
 * | `GET …/snapshot?publish_ids=a,b&sign_ids=c` | only these publications, and those that carry these keys: {@link Snapshot} with `partial: true`; at most {@link SNAPSHOT_IDS_MAX} ids of each kind |
 * | `GET …/watch` | server-sent events from `Last-Event-ID` (or `?from=`) on, neither: from now: `change` {@link ChangeEvent}, `heartbeat` {@link Heartbeat} (the first at once), `resync` {@link Heartbeat} |
 * | `PUT …/nodes/{node_id}` | register, acknowledge, heartbeat: {@link NodeReport} → {@link NodeTerms} |
 * | `GET …/receipts/{revision}` | who has applied the revision: {@link Receipt}; for callers of the project, with `X-Auth-Token` |
 * | `GET …/verification-keys` | what a verifier accepts: {@link VerificationKeys}, with an ETag; needs a credential with the role `verifier` |
 *
 * What a node owes, so that a receipt is a proof:
 * - It registers (a report with `applied_revision: 0`) **before** it takes its first snapshot: from then on receipts wait for
 *   it. It reports a revision only when no request is signed any more with anything older.
 * - After `resync` the stream ends: the node takes a whole snapshot at R and watches from R.
 * - Pointers of kind `sign` and `publication` name what to look up in a partial snapshot (nothing, if `deleted`). An
 *   `environment` that was `updated` may have another name: look up everything. `instance` `deleted`: forget everything. Other
 *   kinds change nothing that is signed, and are acknowledged like any other.
 * - A partial snapshot may be newer than the event that made the node ask; the node has applied what it asked for at the
 *   snapshot's revision, and everything else at the event's.
 * - 401: the credential was revoked, or the gateway deleted: stop signing. 409 on a report: another process reports as this
 *   node, or the revision is ahead of the control plane (it was restored from a backup): take a whole snapshot, and report that.
 */
export const WATCH_HEARTBEAT_SECONDS = 5;

/** How often a node reports when nothing changes. */
export const NODE_REPORT_SECONDS = 5;

/** A node that has not reported for this long is unreachable. */
export const NODE_UNREACHABLE_SECONDS = 15;

/** A lease is believed to be over this long after it has ended, since no two clocks run alike. */
export const LEASE_GRACE_SECONDS = 2;

/** Ids of one kind in a partial snapshot; a node that needs more takes a whole one. */
export const SNAPSHOT_IDS_MAX = 200;

/** A signature key as a gateway holds it, in memory only. */
export interface GatewaySign {
  sign_id: string;
  sign_type: SignType;
  sign_algorithm: SignAlgorithm | null;
  sign_key: string;
  sign_secret: string;
  /** Counts the secrets the key has had. */
  version: number;
}

/** A published API in one environment, with the key that signs its backend requests. */
export interface GatewayPublication {
  publish_id: string;
  api_id: string;
  group_id: string;
  env_id: string;
  /** Matched against the `X-Stage` header; `RELEASE` when there is none. */
  env_name: string;
  /** `GET` … or `ANY` */
  req_method: string;
  /** Path template, e.g. `/orders/{id}`. */
  req_uri: string;
  /** `NORMAL`: exact. `SWA`: prefix. */
  match_mode: 'NORMAL' | 'SWA';
  sign: GatewaySign | null;
}

/** Everything a gateway needs, as of one revision. A publication that is offline or gone is not in it. */
export interface Snapshot {
  instance_id: string;
  revision: number;
  /** Present when the call asked for some things only; what it asked for and is not in the answer is gone. */
  partial: boolean;
  publications: GatewayPublication[];
}

export interface ChangePointer {
  /** `sign`, `publication`, `api`, `group`, `environment`, `instance` … */
  kind: string;
  id: string;
  op: 'created' | 'updated' | 'deleted';
}

/** Every pointer of one revision. The event's `id` is the revision. A deletion needs no look-up. */
export interface ChangeEvent {
  revision: number;
  changes: ChangePointer[];
}

export interface Heartbeat {
  /** The scope's revision now: a node that is behind for long asks for a snapshot. */
  revision: number;
}

/** How often a key signed for a publication since the node's last report. */
export interface Usage {
  publish_id: string;
  sign_id: string;
  count: number;
  /** Milliseconds since the epoch. */
  last_signed_at: number;
}

/** A node's report: it has applied everything up to this revision. */
export interface NodeReport {
  applied_revision: number;
  /** Version of the gateway's software. */
  version: string;
  usage?: Usage[];
  /**
   * When this process of the node began, milliseconds since the epoch. With it, a late report of the same process never takes
   * the node back, and of two processes that report as one node the older gets 409. Without it, a lower `applied_revision`
   * counts as a restart: receipts wait for the node again.
   */
  started_at?: number;
  /** The lease that the node goes by now, as it learnt it from {@link NodeTerms}; absent: none. Only a lease the node is known to
   *  go by completes a receipt. */
  lease_seconds?: number | null;
  /** The process has stopped signing and ends: the node is forgotten, and receipts do not wait for it. */
  leaving?: boolean;
}

/** What the control plane asks of a node in return. */
export interface NodeTerms {
  /** The scope's revision now. */
  revision: number;
  /**
   * A node that cannot reach the control plane stops signing this long after it **sent** its last report that was answered;
   * null: never. Once stopped, it signs again only when it has applied the revision of a later answer.
   */
  lease_seconds: number | null;
}

export interface ReceiptNode {
  node_id: string;
  /** `acknowledged`: it applied the revision. `pending`: it is there and has not yet. `unreachable`: it has not reported lately
   *  and has no lease. `lease_running`: it has not reported lately and may sign until `lease_until`. `lease_over`: it has
   *  stopped signing by its lease. */
  state: 'acknowledged' | 'pending' | 'unreachable' | 'lease_running' | 'lease_over';
  acknowledged_at: string | null;
  last_seen_at: string;
  /** Present when the gateway has a lease. */
  lease_until: string | null;
}

/** Who has applied a revision: the proof that no gateway signs with a key deleted at it. */
export interface Receipt {
  instance_id: string;
  revision: number;
  /** Every node has acknowledged it, or has stopped signing by its lease. */
  complete: boolean;
  created_at: string;
  nodes: ReceiptNode[];
}

/** A secret that verifiers accept. */
export interface VerificationVersion {
  /** Counts the secrets the key has had. */
  version: number;
  /** `signing`: gateways sign with it; every key has exactly one. `staged`: they will. `retiring`: they did. */
  state: 'signing' | 'staged' | 'retiring';
  sign_key: string;
  sign_secret: string;
}

/** A signature key as a verifier holds it. */
export interface VerificationKey {
  sign_id: string;
  sign_type: SignType;
  sign_algorithm: SignAlgorithm | null;
  versions: VerificationVersion[];
}

/** Every live version of every key of a gateway. */
export interface VerificationKeys {
  instance_id: string;
  revision: number;
  keys: VerificationKey[];
}
