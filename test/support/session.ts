import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type { SessionRegistration, SessionReport } from '../../src/lib/protocol/protocol.js';
import { fromWire } from '../../src/lib/protocol/wire-tombstone.js';
import { registrationBytes, reportBytes, successionBytes } from '../../src/lib/receipts/report-bytes.js';

/** A process as the control plane sees it: a session id, a key pair, and its signed statements. It sends nothing. */
export class TestSession {
  readonly sessionId = randomBytes(16).toString('hex');
  readonly #privateKey: KeyObject;
  readonly publicKey: string;
  epoch = '';
  counter = 0;

  constructor(
    readonly gatewayId: string,
    readonly nodeId: string,
  ) {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    this.#privateKey = privateKey;
    this.publicKey = publicKey.export({ format: 'jwk' }).x!;
  }

  #sign(bytes: Buffer): string {
    return sign(null, bytes, this.#privateKey).toString('base64url');
  }

  registration(more: Partial<SessionRegistration> = {}): SessionRegistration {
    const { gatewayId, sessionId, nodeId } = this;
    const withTable = more.with_table ?? false;
    return {
      node_id: nodeId,
      version: '1.0.0',
      public_key: this.publicKey,
      with_table: withTable,
      lease_seconds: 0,
      signature: this.#sign(
        registrationBytes({
          gatewayId,
          sessionId,
          nodeId,
          withTable,
          leaseSeconds: more.lease_seconds === undefined ? 0 : more.lease_seconds,
          tombstones: (more.tombstones ?? []).map(fromWire),
        }),
      ),
      ...more,
    };
  }

  /** A new signed report. By default its table matches no single revision, so the control plane does not compare the digest. */
  report(applied: number, more: Partial<SessionReport> = {}): SessionReport {
    const report = {
      epoch: this.epoch,
      counter: ++this.counter,
      applied_revision: applied,
      newest_revision: applied + 1,
      digest: '0'.repeat(64),
      lease_seconds: 0 as number | null,
      leaving: false,
      ...more,
    };
    return { ...report, signature: more.signature ?? this.signature(report) };
  }

  signature(report: Omit<SessionReport, 'signature'>): string {
    return this.#sign(
      reportBytes({
        gatewayId: this.gatewayId,
        epoch: report.epoch,
        sessionId: this.sessionId,
        counter: report.counter,
        revision: report.applied_revision,
        newestRevision: report.newest_revision,
        digest: report.digest,
        leaseSeconds: report.lease_seconds,
        leaving: report.leaving,
      }),
    );
  }

  /** The proof for its successor that the process of this session is dead. */
  succeededBy(successor: TestSession): { session_id: string; signature: string } {
    const bytes = successionBytes({
      gatewayId: this.gatewayId,
      predecessorId: this.sessionId,
      successorId: successor.sessionId,
      successorPublicKey: successor.publicKey,
    });
    return { session_id: this.sessionId, signature: this.#sign(bytes) };
  }
}
