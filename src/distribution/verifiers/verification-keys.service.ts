import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ApiFault, InstanceNotFound } from '../../platform/common/api-error.js';
import type { Machine } from '../../platform/common/principal.js';
import { Database } from '../../platform/database/database.js';
import type { Reads } from '../../platform/database/tx.js';
import { ReadBatcher } from '../../platform/database/read-batcher.js';
import { columnsOf } from '../../platform/database/columns.js';
import type { VerificationKeys, VerificationVersion } from '../../lib/protocol/protocol.js';
import { type SignAlgorithm, type SignType, verifiesWithoutSecret } from '#signing/algorithms.js';
import { gatewayRow } from '../../platform/receipts/protocol-rows.js';
import { openSign, type SealedSign } from '../../apig/signs/sealed-sign.js';
import { Sign } from '../../apig/signs/sign.entity.js';
import type { ProjectCipher } from '../../platform/vault/project-cipher.js';
import type { RestoreCheck } from '../../platform/recovery/restore-check.js';
import { Pulse } from '../../platform/recovery/pulse.js';
import { VaultService } from '../../platform/vault/vault.service.js';
import { type RotationState, SignRotation } from '../rotation/sign-rotation.entity.js';
import { GatewayTokens } from '../credentials/gateway-tokens.service.js';
import { type VerifierProcess, VerifiersService } from './verifiers.service.js';
import { SubscriptionHub } from '../watch/subscription-hub.js';

const SIGN = columnsOf(Sign, 's').pick('id', 'signType', 'signAlgorithm', 'signKey', {
  sealedSecret: 'signSecret',
  version: 'secretVersion',
});
const ROTATION = columnsOf(SignRotation, 'r').pick('state', { otherVersion: 'version', otherKey: 'signKey', otherSecret: 'signSecret' });

const ETAG = /^(?:W\/)?"\d{1,15}-([A-Za-z0-9_-]{16})"$/;

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

/** One of the secrets of a key, encrypted. */
interface SealedVersion extends SealedSign {
  row: Row;
  version: number;
  state: VerificationVersion['state'];
}

function versionsOf(row: Row): SealedVersion[] {
  const { signKey, sealedSecret, version } = row;
  const signing: SealedVersion = { row, state: 'signing', version, signKey, sealedSecret };
  if (!row.state) return [signing];
  const state = row.state === 'staged' ? 'staged' : 'retiring';
  return [signing, { row, state, version: row.otherVersion, signKey: row.otherKey, sealedSecret: row.otherSecret }];
}

/**
 * Returns the last revision of a gateway. This includes deleted gateways, whose verifiers do not accept any keys any more. @throws
 * InstanceNotFound; ApiFault `held`
 */
async function lastRevisionOf(reads: Reads, judge: RestoreCheck, { projectId, instanceId }: Machine): Promise<number> {
  const gateway = await gatewayRow(reads, { kind: 'instance', id: instanceId }, judge);
  // A key that was deleted after the backup would be accepted again.
  if (gateway?.held) throw new ApiFault('held');
  if (!gateway || gateway.projectId !== projectId) throw new InstanceNotFound(instanceId);
  return gateway.revision;
}

/** All keys of a gateway at one revision, encrypted. */
interface Content {
  revision: number;
  rows: readonly Row[];
  /** Hash of the rows. */
  content: string;
}

export interface Verification {
  etag: string;
  /** Absent: the verifier already has the current keys. */
  keys?: VerificationKeys;
}

/** The secrets that verifiers accept: for each key, the one that signs, and during a rotation also the previous or the next one. */
@Injectable()
export class VerificationKeysService {
  readonly #reads = new ReadBatcher<Content>();

  constructor(
    private readonly database: Database,
    private readonly vault: VaultService,
    private readonly verifiers: VerifiersService,
    private readonly tokens: GatewayTokens,
    private readonly hub: SubscriptionHub,
    private readonly pulse: Pulse,
  ) {}

  /**
   * Returns the keys that the gateway's verifiers accept. If the ETag still matches, waits until the keys change or `waitMs` has passed.
   * @param held the ETag of the keys that the verifier has
   * @param waitMs 0: respond at once
   * @param abandoned aborts when the client has disconnected
   * @throws InstanceNotFound; ApiFault `conflict` when the credential has too many verifiers, `token_invalid` when it was revoked
   * meanwhile, `held` until an operator decides about a restore
   */
  async get(
    machine: Machine,
    process: VerifierProcess,
    held: string | undefined,
    waitMs: number,
    abandoned: AbortSignal,
  ): Promise<Verification> {
    const heldContent = ETAG.exec(held ?? '')?.[1];
    const end = waitMs === 0 ? abandoned : AbortSignal.any([abandoned, AbortSignal.timeout(waitMs)]);
    for (;;) {
      const { revision, content, rows } = await this.read(machine);
      await this.verifiers.recordContact(machine, process, { held: heldContent, revision, content });
      const etag = `"${revision}-${content}"`;
      if (heldContent !== content) return { etag, keys: await this.open(machine, revision, rows) };
      if (waitMs === 0 || end.aborted) return { etag };
      await this.hub.waitForChange(machine.instanceId, revision, end);
      // The client has disconnected, so it is unknown which keys it has.
      if (abandoned.aborted) return { etag };
      await this.tokens.assertLive(machine);
      if (this.hub.stopping) return { etag };
    }
  }

  /**
   * Reads the keys. Verifiers that wait for one gateway wake up together and share one read. The read has a deadline of its own, which does
   * not depend on how long each verifier has waited.
   */
  private read(machine: Machine): Promise<Content> {
    return this.#reads.read(machine.instanceId, () => this.database.withFreshBudget(() => this.readContent(machine)));
  }

  private async readContent(machine: Machine): Promise<Content> {
    const { revision, rows } = await this.pulse.snapshot(async (reads, judge) => {
      const revision = await lastRevisionOf(reads, judge, machine);
      const rows = await reads.rows<Row>(
        `SELECT ${SIGN.select}, ${ROTATION.select}
         FROM signs s LEFT JOIN sign_rotations r ON r.sign_id = s.id WHERE s.instance_id = ? AND s.project_id = ? ORDER BY s.id`,
        [machine.instanceId, machine.projectId],
      );
      return { revision, rows };
    });
    // Hashes the encrypted secrets, so that any change of the keys changes the ETag.
    return { revision, rows, content: hash('sha256', JSON.stringify(rows), 'base64url').slice(0, 16) };
  }

  private async open({ projectId, instanceId }: Machine, revision: number, rows: readonly Row[]): Promise<VerificationKeys> {
    const versions = rows.flatMap(versionsOf);
    const open = (box: ProjectCipher, { row, state, ...version }: SealedVersion): VerificationVersion => {
      const { key, secret } = openSign(box, { projectId, instanceId }, { ...version, signId: row.id, signType: row.signType });
      const withheld = verifiesWithoutSecret(row.signType, row.signAlgorithm);
      return { version: version.version, state, sign_key: key, sign_secret: withheld ? '' : secret };
    };
    const opened = await this.vault.openEach(projectId, versions, open, ({ sealedSecret }) => sealedSecret);
    const keys = rows.map((row) => ({
      sign_id: row.id,
      sign_type: row.signType,
      sign_algorithm: row.signAlgorithm,
      versions: versions.flatMap((version, i) => (version.row === row && opened[i] ? [opened[i]] : [])),
    }));
    // A key is left out if none of its secrets can be decrypted.
    return { instance_id: instanceId, revision, keys: keys.filter((key) => key.versions.length > 0) };
  }
}
