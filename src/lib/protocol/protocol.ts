import type { Ending } from '../receipts/protocol.js';
import type { SignAlgorithm, SignType } from '#signing/algorithms.js';

/**
 * Wire types between the control plane and gateways, under `/signet/v1/instances/{instance_id}`, with `Authorization: Bearer <gateway
 * credential>`. Both planes are built from these types; otherwise they share only the rules in `lib/receipts`.
 *
 * | call | meaning |
 * |---|---|
 * | `PUT …/sessions/{session_id}` | registers a process before it takes keys: {@link SessionRegistration} → {@link SessionAdmission} |
 * | `GET …/snapshot` | everything a gateway needs to sign, at one revision: {@link Snapshot}; `Signet-Session` names the session |
 * | `GET …/snapshot?publish_ids=a,b&sign_ids=c` | only these publications, and those bound to these keys: {@link Snapshot} with `partial: true`; at most {@link SNAPSHOT_IDS_MAX} ids of each kind |
 * | `GET …/watch` | server-sent events after `Last-Event-ID` (or `?from=`; neither: from now on): `change` {@link ChangeEvent}, `heartbeat` {@link Heartbeat} (the first at once), `resync` {@link Heartbeat}; `Signet-Session` names the session |
 * | `PUT …/sessions/{session_id}/report` | acknowledges revisions, shows that the process lives, renews the lease: {@link SessionReport} → {@link SessionTerms} |
 * | `GET …/receipts/{revision}` | which processes have applied the revision: {@link Receipt}; for callers of the project, with `X-Auth-Token` |
 * | `GET …/verification-keys` | keys for verifiers: {@link VerificationKeys}, with an ETag; needs a credential with the role `verifier` |
 *
 * `lib/receipts/node.ts` states a process's obligations, on which receipts rest. The stream:
 * - It ends after `resync`: the process takes a whole snapshot at R and watches from R.
 * - Pointers of kind `sign` and `publication` name what to read in a partial snapshot (nothing, if `deleted`). An `environment` that was
 *   `updated` may be renamed: read everything. `instance` `deleted`: drop everything. Other kinds do not affect signing, and are
 *   acknowledged all the same.
 * - A partial snapshot may be newer than the event that caused it; the process has then applied the requested parts at the snapshot's
 *   revision, and the rest at the event's.
 * - 401: the credential was revoked, or the gateway deleted: stop signing. 409 with a `code` of `session_` and a `Refusal`
 *   (`lib/receipts/protocol.ts`): see `node.ts`.
 */
export const WATCH_HEARTBEAT_SECONDS = 5;

/** Interval between reports when nothing changes. */
export const NODE_REPORT_SECONDS = 5;

/** The lease of a new gateway. */
export const DEFAULT_LEASE_SECONDS = 3600;

/** Maximum number of ids of one kind in a partial snapshot. For more ids, a node takes a whole snapshot. */
export const SNAPSHOT_IDS_MAX = 200;

/** Usage rows in one report; the rest follows in the next. */
export const USAGE_ROWS_MAX = 500;

/** A signature key as gateways hold it, in memory only. */
export interface GatewaySign {
  sign_id: string;
  sign_type: SignType;
  sign_algorithm: SignAlgorithm | null;
  sign_key: string;
  sign_secret: string;
  /** Number of secrets that the key has had. */
  version: number;
}

/** An API published in one environment, with the key that signs its backend requests. */
export interface GatewayPublication {
  publish_id: string;
  api_id: string;
  group_id: string;
  env_id: string;
  /** Matched with the `X-Stage` header; `RELEASE` by default. */
  env_name: string;
  /** `GET` … or `ANY` */
  req_method: string;
  /** Path template, e.g. `/orders/{id}`. */
  req_uri: string;
  /** `NORMAL`: exact. `SWA`: prefix. */
  match_mode: 'NORMAL' | 'SWA';
  sign: GatewaySign | null;
}

export const ENCODED_SLASHES = ['refuse', 'pass'] as const;
export type EncodedSlashes = (typeof ENCODED_SLASHES)[number];

/** What happens to a connection that a signed request has opened, e.g. a WebSocket, when its key is deleted or unbound. */
export const OPEN_CONNECTIONS = ['keep', 'close'] as const;
export type OpenConnections = (typeof OPEN_CONNECTIONS)[number];

/** Everything a gateway needs, at one revision. Offline and deleted publications are absent. */
export interface Snapshot {
  instance_id: string;
  /** The epoch that the revision belongs to. */
  epoch: string;
  revision: number;
  /** True when only some ids were requested; a requested id that is absent no longer exists. */
  partial: boolean;
  /** Whether a request with `%2F` in its path is refused, or the escape passed as data. */
  encoded_slashes: EncodedSlashes;
  /** `close`: a revision is acknowledged only after connections of removed keys are closed. */
  open_connections: OpenConnections;
  publications: GatewayPublication[];
}

export interface ChangePointer {
  /** `sign`, `publication`, `api`, `group`, `environment`, `instance` … */
  kind: string;
  id: string;
  op: 'created' | 'updated' | 'deleted';
}

/** All changes of one revision. The event's `id` is the revision. A deletion needs no read. */
export interface ChangeEvent {
  revision: number;
  changes: ChangePointer[];
}

export interface Heartbeat {
  /** The scope's current revision. A node that stays behind takes a snapshot. */
  revision: number;
}

/** Signatures by a key for a publication since the node's last report. */
export interface Usage {
  publish_id: string;
  sign_id: string;
  count: number;
  /** Unix time in milliseconds. */
  last_signed_at: number;
}

/** A process before it takes keys. Idempotent: the call may be repeated after a lost response. */
export interface SessionRegistration {
  /** Display name, not unique. */
  node_id: string;
  /** Software version. */
  version: string;
  /** Ed25519, 32 bytes as base64url. */
  public_key: string;
  /** The process holds a table from before a database restore, and signs with it. */
  with_table?: boolean;
  /** Lease of that table in seconds; null means unlimited. */
  lease_seconds?: number | null;
  /** Signature by the session's own key over `registrationBytes`: 64 bytes as base64url. */
  signature: string;
  succeeds?: SessionSuccession;
  /** The newest ended signatures that it knows: sent once a database restore was detected. */
  tombstones?: WireTombstone[];
}

/** Maximum number of tombstones in a registration; a node stores more. */
export const TOMBSTONES_MAX = 250;

/** An ended signature. */
export interface WireTombstone {
  sign_id: string;
  /** Version of the secret. */
  version: number;
  /** Null means all publications. */
  publish_id: string | null;
  /** Revision that ended it, in `epoch`. */
  revision: number;
  epoch: string;
}

/** Ends the previous session of this process, or of one that is dead. */
export interface SessionSuccession {
  session_id: string;
  /** Signature by the **predecessor's** key over `successionBytes`. */
  signature: string;
}

export interface SessionAdmission {
  epoch: string;
  /** Tombstones from another epoch that an operator has accepted: they may sign again. */
  accepted: WireTombstone[];
  /** Retention of receipts; tombstones are kept as long. */
  receipt_retention_days: number;
}

/** A process's state, signed over `reportBytes`. */
export interface SessionReport {
  epoch: string;
  /** Increments with each report sent. */
  counter: number;
  /** Every revision up to this one is in effect. */
  applied_revision: number;
  /** The newest revision of any row in the table. */
  newest_revision: number;
  /** Digest of the table (`digest.ts`). */
  digest: string;
  /** The session's current lease in seconds; 0 means none yet, null means unlimited. */
  lease_seconds: number | null;
  /** The process has stopped signing and is ending. */
  leaving: boolean;
  signature: string;
  succeeds?: SessionSuccession;
  /** Not covered by the signature. */
  usage?: Usage[];
}

/** The answer to a report. */
export interface SessionTerms {
  epoch: string;
  /** The counter of the answered report. */
  counter: number;
  /** The session's counter before that report. */
  previous_counter: number;
  /** The scope's current revision. */
  revision: number;
  /** Seconds, from the sending of the report, for which the process may sign; null means unlimited, 0 means not at all. */
  lease_seconds: number | null;
  /** The control plane's wall clock: Unix time in milliseconds; for display only. */
  time_ms: number;
}

export interface ReceiptSession {
  session_id: string;
  node_id: string;
  /** `acknowledged`: the revision is in effect there. `pending`, `silent`: not yet. Otherwise how the session ended. */
  state: 'acknowledged' | 'pending' | 'silent' | Ending['how'];
  acknowledged_at: string | null;
  last_seen_at: string;
  /** Null means unlimited. */
  lease_seconds: number | null;
  silent_seconds: number;
  ended_at: string | null;
  ended_by: string | null;
  contradicted_at: string | null;
}

/** Which processes have applied a revision: the proof that no gateway signs with a key deleted at it. */
export interface Receipt {
  instance_id: string;
  revision: number;
  /** Every process that had keys before has acknowledged it or has ended. Never becomes false again. */
  complete: boolean;
  created_at: string;
  completed_at: string | null;
  sessions: ReceiptSession[];
  /** Which verifiers still accept what the revision ended. */
  verifiers: ReceiptVerifiers;
  /** No process signs with it any more, and every known verifier refuses it. */
  refused_everywhere: boolean;
}

/** A verifying process in a receipt. */
export interface ReceiptVerifier {
  verifier_id: string;
  /** Display name; may be empty. */
  name: string;
  /** Random, chosen at its start; empty: not given. */
  process_id: string;
  /** `refuses`: refuses what ended at or before the revision. `behind`: may accept it. `unknown`: without a process id, so undecidable. */
  state: 'refuses' | 'behind' | 'unknown';
  /**
   * Why it no longer counts: `left`: it signed off; `keys_too_old`: silent for longer than its declared maximum age; `vouched`: an
   * operator's  word. Null: it counts.
   */
  ending: 'left' | 'keys_too_old' | 'vouched' | null;
  ended_at: string | null;
  vouched_by: string | null;
  /** When it asked for keys again, which disproved the operator's word. */
  contradicted_at: string | null;
  /** The newest revision whose keys it has shown to hold. */
  shown_revision: number;
  last_seen_at: string;
}

/** The verifiers' part of a receipt: which of them may still accept what the revision ended. */
export interface ReceiptVerifiers {
  /** `none_known`: no verifier has asked for this gateway's keys, so nothing is known about who accepts them. */
  state: 'complete' | 'behind' | 'none_known';
  verifiers: ReceiptVerifier[];
}

/** A secret version that verifiers accept. */
export interface VerificationVersion {
  /** Number of secrets that the key has had. */
  version: number;
  /** `signing`: gateways sign with it; every key has exactly one. `staged`: the next one. `retiring`: the previous one. */
  state: 'signing' | 'staged' | 'retiring';
  sign_key: string;
  sign_secret: string;
}

/** A signature key as verifiers hold it. */
export interface VerificationKey {
  sign_id: string;
  sign_type: SignType;
  sign_algorithm: SignAlgorithm | null;
  versions: VerificationVersion[];
}

/** Every accepted version of every key of a gateway. */
export interface VerificationKeys {
  instance_id: string;
  revision: number;
  keys: VerificationKey[];
}
