import { Injectable } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { ApiFault, invalid } from '../../platform/common/api-error.js';
import { Clock, toMicroseconds } from '../../platform/common/clock.js';
import { ID_PATTERN } from '../../platform/common/ids.js';
import type { Caller } from '../../platform/common/principal.js';
import type { InstanceScope, Scope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { Config } from '../../platform/config/config.js';
import { Database, type Reads } from '../../platform/database/database.js';
import { columnsOf } from '../../platform/database/columns.js';
import { inInstance } from '../../apig/instances/instance-scope.js';
import { keyRules, traitsOf } from '#signing/algorithms.js';
import { ClockActs } from '../../identity/projects/clock-acts.js';
import { operator } from '../../identity/projects/operator.js';
import { openSign, sealSign, type SealedSign, type SignHalves } from '../../apig/signs/sealed-sign.js';
import { SignNotFound, SignUnreadable } from '../../apig/signs/signs.errors.js';
import { type ProjectCipher, VaultService } from '../../platform/vault/vault.service.js';
import { assertInstance } from '../../apig/instances/instance-rows.js';
import { receiptPath } from '../../platform/receipts/receipt-path.js';
import { ReceiptsService } from '../../platform/receipts/receipts.service.js';
import { isAcknowledged, type Retirement, retirementOf } from './retirement.js';
import { isHeldByAll, type Rotating, type RotatingSign, rotatingSign, type RotationVerifier, verifiersOf } from './rotation-rows.js';
import type { PromotionInput, RetirementInput, RetirementView, RotationInput, RotationView, StagedRotationView } from './rotations.dto.js';
import { SignRotation } from './sign-rotation.entity.js';

const STAGED = columnsOf(SignRotation).pick(
  'signId',
  'projectId',
  'instanceId',
  'state',
  'version',
  'signKey',
  { sealedSecret: 'signSecret' },
  'promotion',
  'overlapSeconds',
  'dueAt',
  'knownFrom',
  'createdAt',
  'updatedAt',
);

/** Maximum number of sessions and verifiers that an error or an audit row names. */
const NAMED_MAX = 10;
/** Maximum number of sessions and verifiers that a view names. */
const WAITS_SHOWN_MAX = 100;

type Step = 'StageSignatureKeyRotation' | 'ScheduleSignatureKeyRotation' | 'WithdrawSignatureKeyRotation' | 'CancelSignatureKeyRotation';

/**
 * Gives a key a second secret. Verifiers accept the new secret before any node signs with it, and accept the old one for some time after.
 * The secret that signs is always in `signs`, the other one in `sign_rotations`.
 */
@Injectable()
export class RotationsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly vault: VaultService,
    private readonly receipts: ReceiptsService,
    private readonly config: Config,
    private readonly clock: Clock,
    private readonly acts: ClockActs,
  ) {}

  /**
   * Stages a new secret, which verifiers accept from now on. Gateway nodes continue to sign with the old one.
   * @throws SignNotFound, SignUnreadable, InstanceNotFound; ApiFault `conflict` when the key already has a rotation, 400 for a secret that
   * violates the rules of its type
   */
  async stage(scope: InstanceScope, signId: string, input: RotationInput, caller: Caller): Promise<StagedRotationView> {
    const { promotion = input.promote_at === undefined ? 'manual' : 'scheduled', overlap_seconds: overlapSeconds } = input;
    if ((promotion === 'scheduled') !== (input.promote_at !== undefined)) throw invalid('promote_at');
    const dueAt = input.promote_at === undefined ? null : Date.parse(input.promote_at);
    return this.vault.withCipher(
      scope.projectId,
      (box) =>
        this.changes.write(inInstance(scope), async (write) => {
          const sign = await find(write, scope, signId);
          if (sign.state) throw new ApiFault('conflict', { detail: 'the key already has a rotation: promote or cancel it first' });
          const { key, secret } = await this.material(sign, input, openSigning(box, scope, signId, sign));
          const version = sign.secretVersion + 1;
          const sealed = sealSign(box, scope, { signId, signType: sign.signType, version }, { key, secret });
          const { projectId, instanceId } = scope;
          const times = { knownFrom: write.revision, createdAt: write.now, updatedAt: write.now };
          const row = {
            signId,
            projectId,
            instanceId,
            state: 'staged' as const,
            version,
            ...sealed,
            promotion,
            overlapSeconds,
            dueAt,
            ...times,
          };
          await write.run(STAGED.insert(), STAGED.values(row));
          await this.record(write, caller, 'StageSignatureKeyRotation', signId, sign.name, { version, promotion });
          write.change('rotation', signId, 'created');
          const staged: Rotating = {
            ...sign,
            state: 'staged',
            otherVersion: version,
            promotion,
            overlapSeconds,
            dueAt,
            knownFrom: write.revision,
            promotedRevision: 0,
          };
          return { ...(await this.view(write, scope, signId, staged)), sign_key: key, sign_secret: secret };
        }),
      () => new SignUnreadable(signId),
    );
  }

  /** @throws SignNotFound, InstanceNotFound, ApiFault `not_found` when the key has no rotation */
  async get(scope: InstanceScope, signId: string): Promise<RotationView> {
    const sign = await rotatingSign(this.database, scope, signId);
    if (!sign) await assertInstance(this.database, scope);
    const read = () => this.database.snapshot((reads) => this.view(reads, scope, signId, requireRotation(sign, signId)));
    const view = await read();
    if (view.retirement?.signers !== 'behind') return view;
    await this.receipts.check(instance(scope));
    return read();
  }

  /**
   * Promotes the staged secret, now or later: from then on it signs. The old one is accepted until the overlap has ended.
   * @throws SignNotFound, SignUnreadable, InstanceNotFound; ApiFault `not_found` without a rotation, `conflict` when the secret was already
   * promoted
   */
  async promote(scope: InstanceScope, signId: string, { at }: PromotionInput, caller: Caller): Promise<Committed<RotationView>> {
    return this.vault.withCipher(
      scope.projectId,
      (box) =>
        this.changes.commit(inInstance(scope), async (write) => {
          const before = requireRotation(await find(write, scope, signId), signId);
          if (before.state !== 'staged') throw new ApiFault('conflict', { detail: 'the rotation is already promoted' });
          const dueAt = at === undefined ? write.now : Date.parse(at);
          const after =
            dueAt > write.now
              ? await this.schedule(write, signId, before, dueAt, caller)
              : await this.swap(write, box, scope, signId, before, caller);
          return this.view(write, scope, signId, after);
        }),
      () => new SignUnreadable(signId),
    );
  }

  /**
   * Undoes the last step. A staged secret is deleted. A promoted secret swaps roles with the old one and is accepted until the overlap has
   * ended. A withdrawn secret is retired as by {@link retire}.
   * @throws SignNotFound, InstanceNotFound, SignUnreadable when the previous secret is damaged; ApiFault `not_found` without a rotation,
   * `conflict` when the promotion is not acknowledged yet
   */
  async cancel(scope: InstanceScope, signId: string, caller: Caller): Promise<Committed<void>> {
    await this.receipts.check(instance(scope));
    return this.vault.withCipher(
      scope.projectId,
      (box) =>
        this.changes.commit(inInstance(scope), async (write) => {
          const before = requireRotation(await find(write, scope, signId), signId);
          if (before.state === 'overlap') await this.swap(write, box, scope, signId, before, caller);
          else if (before.state === 'staged') {
            await this.deleteRotation(write, signId);
            await this.record(write, caller, 'CancelSignatureKeyRotation', signId, before.name, { version: before.otherVersion });
          } else await this.retireNow(write, scope, signId, before, caller, false);
        }),
      () => new SignUnreadable(signId),
    );
  }

  /**
   * Retires the secret that does not sign before its time, when every signer and every verifier has acknowledged the promotion. With
   * `force`, does not wait for acknowledgements; the audit trail then records which ones are missing.
   * @throws SignNotFound, InstanceNotFound; ApiFault `not_found` without a rotation, `conflict` when there is nothing to retire, or with
   * the names of those that have not acknowledged the promotion
   */
  async retire(scope: InstanceScope, signId: string, { force = false }: RetirementInput, caller: Caller): Promise<Committed<void>> {
    await this.receipts.check(instance(scope));
    return this.changes.commit(inInstance(scope), async (write) => {
      const before = requireRotation(await find(write, scope, signId), signId);
      if (before.state === 'staged')
        throw new ApiFault('conflict', { detail: 'the staged secret does not sign yet: promote the secret, or cancel the rotation' });
      await this.retireNow(write, scope, signId, before, caller, force);
    });
  }

  /** Runs the next step if it is still due, because another process or a caller may have run it already. */
  async step(scope: InstanceScope, signId: string): Promise<void> {
    const caller = operator('signet');
    const step = (box: ProjectCipher) =>
      this.changes.write(inInstance(scope), async (write) => {
        const sign = await rotatingSign(write, scope, signId);
        if (!sign?.state) return;
        const due = sign.dueAt !== null && sign.dueAt <= write.now;
        if (sign.state !== 'staged') {
          if (!due || !isAcknowledged(await retirementOf(write, scope, sign.promotedRevision, write.now))) return;
          await this.retireOther(write, scope, signId, sign as Rotating, caller);
        } else if (due || (sign.promotion === 'verified' && isHeldByAll(await verifiersOf(write, scope.instanceId, write.now), sign))) {
          await this.swap(write, box, scope, signId, sign as Rotating, caller);
        }
      });
    await this.vault.withCipher(scope.projectId, step, () => new SignUnreadable(signId));
  }

  /** Returns the new key and secret: from the input, kept from the old pair, or generated. */
  private async material(sign: RotatingSign, input: RotationInput, old: SignHalves): Promise<SignHalves> {
    const rules = keyRules(sign.signType, sign.signAlgorithm, { basicKeyLeadingDigit: this.config.basicKeyLeadingDigit });
    const { sign_secret: secret, sign_key: given } = input;
    if (given !== undefined && !rules.key.test(given)) throw invalid('sign_key');
    if (secret !== undefined && !rules.secret.test(secret)) throw invalid('sign_secret');
    const made = await rules.generate({ key: given ?? (traitsOf(sign.signType).keyOutlivesSecret ? old.key : undefined), secret });
    if (given !== undefined && made.key !== given) throw invalid('sign_key');
    if (made.key === old.key && made.secret === old.secret)
      throw invalid('sign_secret', { detail: 'the new secret must differ from the one that signs now' });
    return made;
  }

  private async schedule(write: Write, signId: string, before: Rotating, dueAt: number, caller: Caller): Promise<Rotating> {
    await write.run("UPDATE sign_rotations SET promotion = 'scheduled', due_at = ?, updated_at = ? WHERE sign_id = ?", [
      dueAt,
      write.now,
      signId,
    ]);
    await this.record(write, caller, 'ScheduleSignatureKeyRotation', signId, before.name, { promote_at: toMicroseconds(dueAt) });
    write.change('rotation', signId, 'updated');
    return { ...before, promotion: 'scheduled', dueAt };
  }

  /**
   * Swaps the two secrets. A secret that returns gets a new version, because versions only increase. A staged secret already has a version.
   */
  private async swap(
    write: Write,
    box: ProjectCipher,
    scope: InstanceScope,
    signId: string,
    before: Rotating,
    caller: Caller,
  ): Promise<Rotating> {
    const promoted = before.state === 'staged';
    const version = promoted ? before.otherVersion : Math.max(before.secretVersion, before.otherVersion) + 1;
    const other: SealedSign = { signKey: before.otherKey, sealedSecret: before.otherSecret };
    const at = { signId, signType: before.signType };
    // Decrypts in any case, so that a damaged secret never replaces the one that signs.
    const halves = openSign(box, scope, { ...at, ...other, version: before.otherVersion });
    const sealed = promoted ? other : sealSign(box, scope, { ...at, version }, halves);
    const state = promoted ? 'overlap' : 'withdrawn';
    const dueAt = write.now + before.overlapSeconds * 1000;
    await write.run('UPDATE signs SET sign_key = ?, sign_secret = ?, secret_version = ?, updated_at = ? WHERE id = ?', [
      sealed.signKey,
      sealed.sealedSecret,
      version,
      write.now,
      signId,
    ]);
    await write.run(
      `UPDATE sign_rotations SET state = ?, version = ?, sign_key = ?, sign_secret = ?, due_at = ?, promoted_revision = ?, updated_at = ?
       WHERE sign_id = ?`,
      [state, before.secretVersion, before.signKey, before.sealedSecret, dueAt, write.revision, write.now, signId],
    );
    const versions = { version, retires: before.secretVersion };
    if (promoted) {
      const data = { instance_id: scope.instanceId, sign_id: signId, ...versions, by: caller.principal.userId };
      await this.acts.record(write, 'PromoteSignatureKeyRotation', entryOf(signId, before.name, versions), data, caller);
    } else await this.record(write, caller, 'WithdrawSignatureKeyRotation', signId, before.name, versions);
    write.change('sign', signId, 'updated');
    write.change('rotation', signId, 'updated');
    return { ...before, state, secretVersion: version, otherVersion: before.secretVersion, dueAt, promotedRevision: write.revision };
  }

  /** @throws ApiFault `conflict` with the names of those that have not acknowledged the promotion, unless `force` is set */
  private async retireNow(
    write: Write,
    scope: InstanceScope,
    signId: string,
    before: Rotating,
    caller: Caller,
    force: boolean,
  ): Promise<void> {
    const retirement = await retirementOf(write, scope, before.promotedRevision, write.now);
    const acknowledged = isAcknowledged(retirement);
    if (!acknowledged && !force) throw new ApiFault('conflict', { detail: describeAwaited(before, retirement) });
    const { signers, verifiers, awaited } = retirement;
    const forced = { forced: true, signers, verifiers, behind: awaited.length, not_waited_for: awaited.slice(0, NAMED_MAX).map(nameOf) };
    await this.retireOther(write, scope, signId, before, caller, acknowledged ? {} : forced);
  }

  /** Deletes the secret that does not sign, so that verifiers do not accept it any more. */
  private async deleteRotation(write: Write, signId: string): Promise<void> {
    await write.run('DELETE FROM sign_rotations WHERE sign_id = ?', [signId]);
    write.change('rotation', signId, 'deleted');
  }

  private async retireOther(
    write: Write,
    scope: InstanceScope,
    signId: string,
    before: Rotating,
    caller: Caller,
    more: Record<string, unknown> = {},
  ): Promise<void> {
    const { otherVersion: version, promotedRevision: promoted_revision } = before;
    await this.deleteRotation(write, signId);
    const data = { instance_id: scope.instanceId, sign_id: signId, version, by: caller.principal.userId };
    const entry = entryOf(signId, before.name, { version, promoted_revision, ...more });
    await this.acts.record(write, 'RetireSignatureKeySecret', entry, data, caller);
  }

  private async view(reads: Reads, scope: InstanceScope, signId: string, sign: Rotating): Promise<RotationView> {
    const now = this.clock.now();
    const verifiers = await verifiersOf(reads, scope.instanceId, now);
    const retirement = sign.state === 'staged' ? undefined : await retirementOf(reads, scope, sign.promotedRevision, now);
    return toView(signId, sign, verifiers, retirement && toRetirement(scope, sign, retirement));
  }

  private record(
    write: Write,
    caller: Caller,
    action: Step,
    signId: string,
    resourceName: string,
    detail: Record<string, unknown>,
  ): Promise<void> {
    return this.audit.record(write, caller, { action, ...entryOf(signId, resourceName, detail) });
  }
}

const entryOf = (signId: string, resourceName: string, detail: Record<string, unknown>) => ({
  resourceType: 'Signature',
  resourceId: signId,
  resourceName,
  detail,
});

const instance = ({ instanceId }: InstanceScope): Scope => ({ kind: 'instance', id: instanceId });

async function find(write: Write, scope: InstanceScope, signId: string): Promise<RotatingSign> {
  const sign = ID_PATTERN.test(signId) ? await rotatingSign(write, scope, signId) : undefined;
  if (!sign) throw new SignNotFound(signId);
  return sign;
}

/** @throws SignNotFound, ApiFault `not_found` when the key has no rotation */
function requireRotation(sign: RotatingSign | undefined, signId: string): Rotating {
  if (!sign) throw new SignNotFound(signId);
  if (!sign.state) throw new ApiFault('not_found', { detail: 'the key has no rotation' });
  return sign as Rotating;
}

const openSigning = (box: ProjectCipher, scope: InstanceScope, signId: string, sign: RotatingSign): SignHalves =>
  openSign(box, scope, { ...sign, signId, version: sign.secretVersion });

const timeOrNull = (instant: number | null) => (instant === null ? null : toMicroseconds(instant));

const nameOf = ({ kind, id, name }: Retirement['awaited'][number]) => `${kind} ${id}${name === '' ? '' : ` (${name})`}`;

/** Names those that have not acknowledged the promotion, for the caller's error. */
function describeAwaited({ promotedRevision }: Rotating, { awaited }: Retirement): string {
  const named = awaited.slice(0, NAMED_MAX).map(nameOf);
  const more = awaited.length > named.length ? ` and ${awaited.length - named.length} more` : '';
  const whom = named.length === 0 ? ', because its receipt is open' : ` by ${named.join(', ')}${more}`;
  return `revision ${promotedRevision}, from which the new secret signs, is not acknowledged yet${whom}`;
}

const toRetirement = (
  scope: InstanceScope,
  { promotedRevision }: Rotating,
  { signers, verifiers, awaited }: Retirement,
): RetirementView => ({
  promoted_revision: promotedRevision,
  receipt: receiptPath(instance(scope), promotedRevision),
  signers,
  verifiers,
  total: awaited.length,
  waits_for: awaited.slice(0, WAITS_SHOWN_MAX).map(({ lastSeen, ...each }) => ({ ...each, last_seen_at: toMicroseconds(lastSeen) })),
});

function toView(
  signId: string,
  sign: Rotating,
  verifiers: readonly RotationVerifier[],
  retirement: RetirementView | undefined,
): RotationView {
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
    retirement: retirement ?? null,
    verifiers: verifiers.map(({ tokenId, name, processId, revision, lastSeen }) => ({
      token_id: tokenId,
      name,
      process_id: processId,
      holds_both: revision >= sign.knownFrom,
      last_seen_at: toMicroseconds(lastSeen),
    })),
  };
}
