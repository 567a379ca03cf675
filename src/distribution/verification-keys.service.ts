import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Clock } from '../common/clock.js';
import type { Machine } from '../common/principal.js';
import { Database } from '../database/database.js';
import { missesParent } from '../database/errors.js';
import type { VerificationKeys, VerificationVersion } from '../lib/protocol/protocol.js';
import type { SignAlgorithm, SignType } from '../lib/signing/algorithms.js';
import { secretPlace } from '../signs/signs.service.js';
import { VaultService } from '../vault/vault.service.js';
import type { RotationState } from './sign-rotation.entity.js';
import { revisionOf } from './snapshot.service.js';

const SEEN_MAX = 10_000;
/** A verifier that asks all the time is noted this often. */
const NOTE_EVERY_MS = 60_000;
/** Names under one credential. */
const NAMES_MAX = 1000;
const UNIQUE = { name: 'PRIMARY', columns: 'gateway_verifiers.token_id, gateway_verifiers.name' };
const ETAG = /^(?:W\/)?"(\d{1,15})-([A-Za-z0-9_-]{16})"$/;

interface Row {
  id: string;
  signType: SignType;
  signAlgorithm: SignAlgorithm | null;
  signKey: string;
  sealedSecret: string;
  version: number;
  state: RotationState | null;
  otherVersion: number;
  otherKey: string;
  otherSecret: string;
}

export interface Verification {
  etag: string;
  /** Absent: what the verifier holds is what there is. */
  keys?: VerificationKeys;
}

/** What verifiers accept: of each key the secret that signs, and the one that is about to or that did. */
@Injectable()
export class VerificationKeysService {
  readonly #noted = new LRUCache<string, { revision: number; at: number }>({ max: SEEN_MAX });

  constructor(
    private readonly database: Database,
    private readonly vault: VaultService,
    private readonly clock: Clock,
  ) {}

  /**
   * @param name tells verifiers of one credential apart
   * @param held the ETag of what the verifier holds
   * @throws InstanceNotFound
   */
  async get(machine: Machine, name: string, held: string | undefined): Promise<Verification> {
    const { revision, rows } = await this.database.snapshot(async (reads) => ({
      revision: await revisionOf(reads, machine),
      rows: await reads.rows<Row>(
        `SELECT s.id, s.sign_type AS signType, s.sign_algorithm AS signAlgorithm, s.sign_key AS signKey, s.sign_secret AS sealedSecret,
           s.secret_version AS version, r.state, r.version AS otherVersion, r.sign_key AS otherKey, r.sign_secret AS otherSecret
         FROM signs s LEFT JOIN sign_rotations r ON r.sign_id = s.id WHERE s.instance_id = ? AND s.project_id = ? ORDER BY s.id`,
        [machine.instanceId, machine.projectId],
      ),
    }));
    // Of the sealed secrets, so that it tells two sets of keys apart whatever led to them.
    const content = hash('sha256', JSON.stringify(rows), 'base64url').slice(0, 16);
    const [, heldRevision, heldContent] = ETAG.exec(held ?? '') ?? [];
    const current = heldContent === content;
    if (heldContent !== undefined) await this.note(machine, name, current ? revision : Math.min(Number(heldRevision), revision));
    else await this.note(machine, name, 0);
    const etag = `"${revision}-${content}"`;
    return current ? { etag } : { etag, keys: await this.open(machine, revision, rows) };
  }

  private async open({ projectId, instanceId }: Machine, revision: number, rows: readonly Row[]): Promise<VerificationKeys> {
    const secret = (id: string, version: number, sealed: string) => this.vault.open(secretPlace(projectId, id, version), sealed);
    const keys = rows.map(async (row) => {
      const versions: VerificationVersion[] = [
        { version: row.version, state: 'signing', sign_key: row.signKey, sign_secret: await secret(row.id, row.version, row.sealedSecret) },
      ];
      if (row.state) {
        const state = row.state === 'staged' ? 'staged' : 'retiring';
        const sign_secret = await secret(row.id, row.otherVersion, row.otherSecret);
        versions.push({ version: row.otherVersion, state, sign_key: row.otherKey, sign_secret });
      }
      return { sign_id: row.id, sign_type: row.signType, sign_algorithm: row.signAlgorithm, versions };
    });
    return { instance_id: instanceId, revision, keys: await Promise.all(keys) };
  }

  /** Remembers what a verifier has shown to hold; an answer that was sent proves nothing. */
  private async note({ tokenId, instanceId }: Machine, name: string, revision: number): Promise<void> {
    const now = this.clock.now();
    const before = this.#noted.get(`${tokenId} ${name}`);
    if (before && before.revision === revision && now - before.at < NOTE_EVERY_MS) return;
    this.#noted.set(`${tokenId} ${name}`, { revision, at: now });
    const { affected } = await this.database.transaction((tx) =>
      tx.run('UPDATE gateway_verifiers SET revision = ?, last_seen = ? WHERE token_id = ? AND name = ?', [revision, now, tokenId, name]),
    );
    if (affected > 0) return;
    const [count] = await this.database.rows<{ names: number }>('SELECT COUNT(*) AS names FROM gateway_verifiers WHERE token_id = ?', [
      tokenId,
    ]);
    if ((count?.names ?? 0) >= NAMES_MAX) return;
    const sql = 'INSERT INTO gateway_verifiers (token_id, name, instance_id, revision, last_seen) VALUES (?, ?, ?, ?, ?)';
    await this.database
      .insertOnce((tx) => tx.run(sql, [tokenId, name, instanceId, revision, now]), UNIQUE)
      .catch((error: unknown) => {
        // Its credential was revoked at this moment.
        if (!missesParent(error)) throw error;
      });
  }
}
