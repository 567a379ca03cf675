import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { ChangesService, type Write } from '../changes/changes.service.js';
import { Fault, invalid } from '../common/api-error.js';
import { Clock, toMicroseconds } from '../common/clock.js';
import { ID_PATTERN } from '../common/ids.js';
import type { Caller } from '../common/principal.js';
import type { InstanceScope } from '../common/scope.js';
import type { Written } from '../common/written.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { inInstance } from '../instances/instance-scope.js';
import { keyRules } from '../lib/signing/algorithms.js';
import { operator } from '../projects/operator.js';
import { SignNotFound } from '../signs/signs.errors.js';
import { secretPlace } from '../signs/signs.service.js';
import { fromColumn, toColumn } from '../vault/sealed.js';
import { type Box, VaultService } from '../vault/vault.service.js';
import { assertInstance } from './instance-rows.js';
import { isHeldByAll, type Rotating, type RotatingSign, rotatingSign, type VerifierRow, verifiersOf } from './rotation-rows.js';
import type { PromotionInput, RotationInput, RotationView, StagedRotationView } from './rotations.dto.js';

type Step =
  | 'StageSignatureKeyRotation'
  | 'ScheduleSignatureKeyRotation'
  | 'PromoteSignatureKeyRotation'
  | 'WithdrawSignatureKeyRotation'
  | 'CancelSignatureKeyRotation'
  | 'RetireSignatureKeySecret';

/**
 * A second secret for a key, so that verifiers know it before anybody signs with it, and the old one after. The secret that signs
 * stands in `signs` at every moment; the other one in `sign_rotations`.
 */
@Injectable()
export class RotationsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly vault: VaultService,
    private readonly config: Config,
    private readonly clock: Clock,
  ) {}

  /**
   * Gives verifiers a new secret; gateways go on signing with the old one.
   * @throws SignNotFound, InstanceNotFound; Fault `conflict` when there is a rotation, 400 for what breaks the type's rules
   */
  async stage(scope: InstanceScope, signId: string, input: RotationInput, caller: Caller): Promise<StagedRotationView> {
    const { promotion = input.promote_at === undefined ? 'manual' : 'scheduled', overlap_seconds: overlapSeconds } = input;
    if ((promotion === 'scheduled') !== (input.promote_at !== undefined)) throw invalid('promote_at');
    const dueAt = input.promote_at === undefined ? null : Date.parse(input.promote_at);
    return this.vault.withBox(scope.projectId, (box) =>
      this.changes.write(inInstance(scope), async (write) => {
        const sign = await find(write, scope, signId);
        if (sign.state) throw new Fault('conflict', { detail: 'the key has a rotation: promote or cancel it first' });
        const { key, secret } = await this.material(sign, input, openSigning(box, scope, signId, sign));
        const version = sign.secretVersion + 1;
        const sealed = toColumn(box.seal(secretPlace(scope.projectId, signId, version), secret));
        await write.run(
          `INSERT INTO sign_rotations (sign_id, project_id, instance_id, state, version, sign_key, sign_secret, promotion, overlap_seconds, due_at, known_from, created_at, updated_at)
         VALUES (?, ?, ?, 'staged', ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          [
            signId,
            scope.projectId,
            scope.instanceId,
            version,
            key,
            sealed,
            promotion,
            overlapSeconds,
            dueAt,
            write.revision,
            write.now,
            write.now,
          ],
        );
        await this.note(write, caller, 'StageSignatureKeyRotation', signId, sign.name, { version, promotion });
        write.change('rotation', signId, 'created');
        const rotating: Rotating = {
          ...sign,
          state: 'staged',
          otherVersion: version,
          promotion,
          overlapSeconds,
          dueAt,
          knownFrom: write.revision,
        };
        return { ...toView(signId, rotating, await verifiersOf(write, scope.instanceId, write.now)), sign_key: key, sign_secret: secret };
      }),
    );
  }

  /** @throws SignNotFound, InstanceNotFound, Fault `not_found` when there is none */
  async get(scope: InstanceScope, signId: string): Promise<RotationView> {
    const sign = await rotatingSign(this.database, scope, signId);
    if (!sign) await assertInstance(this.database, scope);
    return toView(signId, rotating(sign, signId), await verifiersOf(this.database, scope.instanceId, this.clock.now()));
  }

  /**
   * Makes the staged secret the one that signs, now or later; the old one is accepted until the overlap is over.
   * @throws SignNotFound, InstanceNotFound; Fault `not_found` without a rotation, `conflict` when it was promoted already
   */
  async promote(scope: InstanceScope, signId: string, { at }: PromotionInput, caller: Caller): Promise<Written<RotationView>> {
    return this.vault.withBox(scope.projectId, (box) =>
      this.changes.written(inInstance(scope), async (write) => {
        const before = rotating(await find(write, scope, signId), signId);
        if (before.state !== 'staged') throw new Fault('conflict', { detail: 'the rotation was promoted already' });
        const dueAt = at === undefined ? write.now : Date.parse(at);
        const after =
          dueAt > write.now
            ? await this.schedule(write, signId, before, dueAt, caller)
            : await this.swap(write, box, scope, signId, before, caller);
        return toView(signId, after, await verifiersOf(write, scope.instanceId, write.now));
      }),
    );
  }

  /**
   * Takes the next step back: a staged secret is dropped; one that signs gives way to the old one and is accepted until the
   * overlap is over; one that gave way already is dropped at once.
   * @throws SignNotFound, InstanceNotFound; Fault `not_found` without a rotation
   */
  async cancel(scope: InstanceScope, signId: string, caller: Caller): Promise<Written<void>> {
    return this.vault.withBox(scope.projectId, (box) =>
      this.changes.written(inInstance(scope), async (write) => {
        const before = rotating(await find(write, scope, signId), signId);
        if (before.state === 'overlap') await this.swap(write, box, scope, signId, before, caller);
        else await this.drop(write, signId, before, caller, 'CancelSignatureKeyRotation');
      }),
    );
  }

  /** Takes the step that is due, if it still is: another process, or a caller, may have been quicker. */
  async step(scope: InstanceScope, signId: string): Promise<void> {
    const caller = operator('signet');
    await this.vault.withBox(scope.projectId, (box) =>
      this.changes.write(inInstance(scope), async (write) => {
        const sign = await rotatingSign(write, scope, signId);
        if (!sign?.state) return;
        const due = sign.dueAt !== null && sign.dueAt <= write.now;
        if (sign.state !== 'staged') {
          if (due) await this.drop(write, signId, sign as Rotating, caller, 'RetireSignatureKeySecret');
        } else if (due || (sign.promotion === 'verified' && isHeldByAll(await verifiersOf(write, scope.instanceId, write.now), sign))) {
          await this.swap(write, box, scope, signId, sign as Rotating, caller);
        }
      }),
    );
  }

  /** The new pair: what was given, what can stay, what has to be made. */
  private async material(sign: RotatingSign, input: RotationInput, oldSecret: string): Promise<{ key: string; secret: string }> {
    const rules = keyRules(sign.signType, sign.signAlgorithm, { basicKeyLeadingDigit: this.config.basicKeyLeadingDigit });
    const { sign_secret: secret, sign_key: given } = input;
    if (given !== undefined && !rules.key.test(given)) throw invalid('sign_key');
    if (secret !== undefined && !rules.secret.test(secret)) throw invalid('sign_secret');
    const keeps = sign.signType === 'hmac' || sign.signType === 'basic';
    const made = await rules.generate({ key: given ?? (keeps ? sign.signKey : undefined), secret });
    if (made.key === sign.signKey && made.secret === oldSecret) throw invalid('sign_secret', { detail: 'it signs already' });
    return made;
  }

  private async schedule(write: Write, signId: string, before: Rotating, dueAt: number, caller: Caller): Promise<Rotating> {
    await write.run("UPDATE sign_rotations SET promotion = 'scheduled', due_at = ?, updated_at = ? WHERE sign_id = ?", [
      dueAt,
      write.now,
      signId,
    ]);
    await this.note(write, caller, 'ScheduleSignatureKeyRotation', signId, before.name, { promote_at: toMicroseconds(dueAt) });
    write.change('rotation', signId, 'updated');
    return { ...before, promotion: 'scheduled', dueAt };
  }

  /**
   * The two secrets change places. One that comes back gets a new version, so that versions only grow; a staged one has its own.
   */
  private async swap(write: Write, box: Box, scope: InstanceScope, signId: string, before: Rotating, caller: Caller): Promise<Rotating> {
    const promoted = before.state === 'staged';
    const version = promoted ? before.otherVersion : Math.max(before.secretVersion, before.otherVersion) + 1;
    const place = (of: number) => secretPlace(scope.projectId, signId, of);
    const sealed = promoted
      ? before.otherSecret
      : toColumn(box.seal(place(version), box.open(place(before.otherVersion), fromColumn(before.otherSecret))));
    const state = promoted ? 'overlap' : 'withdrawn';
    const dueAt = write.now + before.overlapSeconds * 1000;
    await write.run('UPDATE signs SET sign_key = ?, sign_secret = ?, secret_version = ?, updated_at = ? WHERE id = ?', [
      before.otherKey,
      sealed,
      version,
      write.now,
      signId,
    ]);
    await write.run(
      'UPDATE sign_rotations SET state = ?, version = ?, sign_key = ?, sign_secret = ?, due_at = ?, updated_at = ? WHERE sign_id = ?',
      [state, before.secretVersion, before.signKey, before.sealedSecret, dueAt, write.now, signId],
    );
    const action = promoted ? 'PromoteSignatureKeyRotation' : 'WithdrawSignatureKeyRotation';
    await this.note(write, caller, action, signId, before.name, { version, retires: before.secretVersion });
    write.change('sign', signId, 'updated');
    write.change('rotation', signId, 'updated');
    return { ...before, state, secretVersion: version, otherVersion: before.secretVersion, dueAt };
  }

  /** The secret that does not sign is accepted no more. */
  private async drop(write: Write, signId: string, before: Rotating, caller: Caller, step: Step): Promise<void> {
    await write.run('DELETE FROM sign_rotations WHERE sign_id = ?', [signId]);
    await this.note(write, caller, step, signId, before.name, { version: before.otherVersion });
    write.change('rotation', signId, 'deleted');
  }

  private note(
    write: Write,
    caller: Caller,
    action: Step,
    signId: string,
    resourceName: string,
    detail: Record<string, unknown>,
  ): Promise<void> {
    return this.audit.record(write, caller, { action, resourceType: 'Signature', resourceId: signId, resourceName, detail });
  }
}

async function find(write: Write, scope: InstanceScope, signId: string): Promise<RotatingSign> {
  const sign = ID_PATTERN.test(signId) ? await rotatingSign(write, scope, signId) : undefined;
  if (!sign) throw new SignNotFound(signId);
  return sign;
}

/** @throws SignNotFound, Fault `not_found` when the key has no rotation */
function rotating(sign: RotatingSign | undefined, signId: string): Rotating {
  if (!sign) throw new SignNotFound(signId);
  if (!sign.state) throw new Fault('not_found', { detail: 'the key has no rotation' });
  return sign as Rotating;
}

const openSigning = (box: Box, scope: InstanceScope, signId: string, sign: RotatingSign): string =>
  box.open(secretPlace(scope.projectId, signId, sign.secretVersion), fromColumn(sign.sealedSecret));

const timeOrNull = (instant: number | null) => (instant === null ? null : toMicroseconds(instant));

function toView(signId: string, sign: Rotating, verifiers: readonly VerifierRow[]): RotationView {
  const staged = sign.state === 'staged';
  return {
    sign_id: signId,
    state: sign.state,
    signing_version: sign.secretVersion,
    other_version: sign.otherVersion,
    promotion: sign.promotion,
    overlap_seconds: sign.overlapSeconds,
    promote_at: staged ? timeOrNull(sign.dueAt) : null,
    retire_at: staged ? null : timeOrNull(sign.dueAt),
    verifiers: verifiers.map(({ tokenId, name, revision, lastSeen }) => ({
      token_id: tokenId,
      name,
      holds_both: revision >= sign.knownFrom,
      last_seen_at: toMicroseconds(lastSeen),
    })),
  };
}
