import type { Ending } from '../receipts/protocol.js';
import type { SignAlgorithm, SignType } from '#signing/algorithms.js';

/**
 * Wire types between the control plane and gateway nodes, for the paths under `/signet/v1/instances/{instance_id}`, with `Authorization:
 * Bearer <gateway credential>`. Both planes use these types. Apart from them, they share only the rules in `lib/receipts`.
 *
 * | call | meaning |
 * |---|---|
 * | `PUT …/sessions/{session_id}` | registers a process before it gets keys: {@link SessionRegistration} → {@link SessionAdmission} |
 * | `GET …/snapshot` | everything that a node needs to sign, at one revision: {@link Snapshot}; `Signet-Session` names the session |
 * | `GET …/snapshot?publish_ids=a,b&sign_ids=c` | only these publications, and those that are bound to these keys: {@link Snapshot} with `partial: true`; at most {@link SNAPSHOT_IDS_MAX} ids of each kind |
 * | `GET …/watch` | server-sent events after `Last-Event-ID` (or `?from=`; neither: from now on): `change` {@link ChangeEvent}, `heartbeat` {@link Heartbeat} (the first at once), `resync` {@link Heartbeat}; `Signet-Session` names the session |
 * | `PUT …/sessions/{session_id}/report` | acknowledges revisions, shows that the process runs, and renews the lease: {@link SessionReport} → {@link SessionTerms} |
 * | `GET …/receipts/{revision}` | which processes have applied the revision: {@link Receipt}; for callers of the project, with `X-Auth-Token` |
 * | `GET …/verification-keys` | keys for verifiers: {@link VerificationKeys}, with an ETag; requires a credential with the role `verifier` |
 *
 * `lib/receipts/node.ts` contains the obligations of a process, on which receipts rely. Rules of the stream:
 * - The stream ends after `resync`: the process takes a whole snapshot, at a revision R, and watches from R.
 * - References of kind `sign` and `publication` name what to read in a partial snapshot (nothing for `deleted`). For an `environment` that
 *   was `updated`, read everything, because it may have a new name. For an `instance` that was `deleted`, drop everything. Other kinds do
 *   not affect signing, but are acknowledged too.
 * - A partial snapshot may be newer than the event that caused it. Then the process has applied the requested parts at the revision of the
 *   snapshot, and the rest at the revision of the event.
 * - 401: the credential was revoked or the gateway was deleted, so the process must stop signing. 409 with a `code` that consists of
 *   `session_` and a `Refusal` (`lib/receipts/protocol.ts`): see `node.ts`.
 */
export const WATCH_HEARTBEAT_SECONDS = 5;

/** Interval between reports while nothing changes. */
export const NODE_REPORT_SECONDS = 5;

/** Lease of a new gateway. */
export const DEFAULT_LEASE_SECONDS = 3600;

/** Maximum number of ids of one kind in a partial snapshot. If there are more, a node takes a whole snapshot. */
export const SNAPSHOT_IDS_MAX = 200;

/** Maximum number of usage rows in one report. The next report contains the rest. */
export const USAGE_ROWS_MAX = 500;

/** A signature key as gateway nodes have it, in memory only. */
export interface GatewaySign {
  sign_id: string;
  sign_type: SignType;
  sign_algorithm: SignAlgorithm | null;
  sign_key: string;
  sign_secret: string;
  /** Number of secrets that the key has had so far. */
  version: number;
}

/** An API that is published in one environment, with the key that signs its requests to the backend. */
export interface GatewayPublication {
  publish_id: string;
  api_id: string;
  group_id: string;
  env_id: string;
  /** The name that the header `X-Stage` must contain; `RELEASE` by default. */
  env_name: string;
  /** `GET` … or `ANY` */
  req_method: string;
  /** Path template, e.g. `/orders/{id}`. */
  req_uri: string;
  /** `NORMAL`: the whole path must match. `SWA`: the path is a prefix. */
  match_mode: 'NORMAL' | 'SWA';
  sign: GatewaySign | null;
}

export const ENCODED_SLASHES = ['refuse', 'pass'] as const;
export type EncodedSlashes = (typeof ENCODED_SLASHES)[number];

/** What happens to a connection that a signed request has opened, such as a WebSocket, when its key is deleted or unbound. */
export const OPEN_CONNECTIONS = ['keep', 'close'] as const;
export type OpenConnections = (typeof OPEN_CONNECTIONS)[number];

/** Everything that a node needs, at one revision. Publications that are offline or deleted are absent. */
export interface Snapshot {
  instance_id: string;
  /** The epoch to which the revision belongs. */
  epoch: string;
  revision: number;
  /** True if only some ids were requested. A requested id that is absent does not exist any more. */
  partial: boolean;
  /** Whether a request with `%2F` in its path is refused, or the escape is passed on as data. */
  encoded_slashes: EncodedSlashes;
  /** `close`: a revision is acknowledged only after the connections of removed keys are closed. */
  open_connections: OpenConnections;
  publications: GatewayPublication[];
}

export interface ChangePointer {
  /** What changed: `sign`, `publication`, `api`, `group`, `environment`, `instance` … */
  kind: string;
  id: string;
  op: 'created' | 'updated' | 'deleted';
}

/** All changes of one revision. The `id` of the event is the revision. A deletion requires no read. */
export interface ChangeEvent {
  revision: number;
  changes: ChangePointer[];
}

export interface Heartbeat {
  /** The current revision of the scope. A node that stays behind takes a snapshot. */
  revision: number;
}

/** The number of signatures by a key for a publication since the node's last report. */
export interface Usage {
  publish_id: string;
  sign_id: string;
  count: number;
  /** Unix time in milliseconds. */
  last_signed_at: number;
}

/** Registers a process before it gets keys. Idempotent: the call may be repeated after a lost response. */
export interface SessionRegistration {
  /** Name for display, not unique. */
  node_id: string;
  /** Version of the software. */
  version: string;
  /** Ed25519 public key, 32 bytes as base64url. */
  public_key: string;
  /** Whether the process has a table from before a restore of the database, and signs with it. */
  with_table?: boolean;
  /** Lease of this table in seconds; null means unlimited. */
  lease_seconds?: number | null;
  /** Signature by the session's own key over `registrationBytes`: 64 bytes as base64url. */
  signature: string;
  succeeds?: SessionSuccession;
  /** The newest ended signatures that the process knows. Sent after a restore of the database was detected. */
  tombstones?: WireTombstone[];
}

/** Maximum number of tombstones in a registration. A node stores more. */
export const TOMBSTONES_MAX = 250;

/** An ended signature. */
export interface WireTombstone {
  sign_id: string;
  /** Version of the secret. */
  version: number;
  /** Id of the publication; null means all publications. */
  publish_id: string | null;
  /** Revision that ended the signature, in `epoch`. */
  revision: number;
  epoch: string;
}

/** Ends the previous session of this process, or a session of a process that has ended. */
export interface SessionSuccession {
  session_id: string;
  /** Signature by the **predecessor's** key over `successionBytes`. */
  signature: string;
}

export interface SessionAdmission {
  epoch: string;
  /** Tombstones of another epoch that an operator has accepted, so that these signatures may be used again. */
  accepted: WireTombstone[];
  /** Retention of receipts. Tombstones are kept for the same time. */
  receipt_retention_days: number;
}

/** The state of a process, signed over `reportBytes`. */
export interface SessionReport {
  epoch: string;
  /** Increases with each report that is sent. */
  counter: number;
  /** Revision that is in effect, with all earlier ones. */
  applied_revision: number;
  /** Newest revision of any row in the table. */
  newest_revision: number;
  /** Digest of the table (`digest.ts`). */
  digest: string;
  /** Current lease of the session in seconds; 0 means none yet, null means unlimited. */
  lease_seconds: number | null;
  /** Whether the process has stopped signing and is shutting down. */
  leaving: boolean;
  signature: string;
  succeeds?: SessionSuccession;
  /** The signature does not cover this field. */
  usage?: Usage[];
}

/** The response to a report. */
export interface SessionTerms {
  epoch: string;
  /** Counter of the report to which this is the response. */
  counter: number;
  /** Counter of the session before this report. */
  previous_counter: number;
  /** Current revision of the scope. */
  revision: number;
  /** How long the process may sign, in seconds since it sent the report; null means unlimited, 0 means not at all. */
  lease_seconds: number | null;
  /** Wall clock of the control plane, as Unix time in milliseconds. For display only. */
  time_ms: number;
}

export interface ReceiptSession {
  session_id: string;
  node_id: string;
  /**
   * `acknowledged`: the revision is in effect at the process. `pending`, `silent`: it is not yet. Any other value says how the session
   * ended.
   */
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

/** Which processes have applied a revision. A complete receipt proves that no node signs with a key that the revision deleted. */
export interface Receipt {
  instance_id: string;
  revision: number;
  /** Whether every process that had keys before has acknowledged the revision or has ended. Never becomes false again. */
  complete: boolean;
  created_at: string;
  completed_at: string | null;
  sessions: ReceiptSession[];
  /** Which verifiers may still accept what the revision ended. */
  verifiers: ReceiptVerifiers;
  /** Whether no process signs with it any more, and every known verifier refuses it. */
  refused_everywhere: boolean;
}

/** A verifying process in a receipt. */
export interface ReceiptVerifier {
  verifier_id: string;
  /** Name for display; may be empty. */
  name: string;
  /** A random id that the process chose at its start; empty: none. */
  process_id: string;
  /**
   * `refuses`: the verifier refuses everything that ended at or before the revision. `behind`: it may still accept it. `unknown`: it sends
   * no process id, so this cannot be decided.
   */
  state: 'refuses' | 'behind' | 'unknown';
  /**
   * Why the verifier does not count any more. `left`: it has reported its end. `keys_too_old`: it was silent for longer than its declared
   * maximum age. `vouched`: an operator vouched for it. Null: it counts.
   */
  ending: 'left' | 'keys_too_old' | 'vouched' | null;
  ended_at: string | null;
  vouched_by: string | null;
  /** When the verifier asked for keys again, which proved the operator wrong. */
  contradicted_at: string | null;
  /** Newest revision whose keys the verifier has shown to have. */
  shown_revision: number;
  last_seen_at: string;
}

/** The verifiers' part of a receipt: which verifiers may still accept what the revision ended. */
export interface ReceiptVerifiers {
  /** `none_known`: no verifier has ever asked for this gateway's keys, so it is unknown who accepts them. */
  state: 'complete' | 'behind' | 'none_known';
  verifiers: ReceiptVerifier[];
}

/** A version of a secret that verifiers accept. */
export interface VerificationVersion {
  /** Number of secrets that the key has had so far. */
  version: number;
  /** `signing`: gateway nodes sign with it; every key has exactly one. `staged`: the next secret. `retiring`: the previous secret. */
  state: 'signing' | 'staged' | 'retiring';
  sign_key: string;
  sign_secret: string;
}

/** A signature key as verifiers have it. */
export interface VerificationKey {
  sign_id: string;
  sign_type: SignType;
  sign_algorithm: SignAlgorithm | null;
  versions: VerificationVersion[];
}

/** All accepted versions of all keys of a gateway. */
export interface VerificationKeys {
  instance_id: string;
  revision: number;
  keys: VerificationKey[];
}
