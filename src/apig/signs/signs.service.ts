import { Injectable } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { RevisionCache } from '../../platform/changes/revision-cache.js';
import { InstanceNotFound, invalid } from '../../platform/common/api-error.js';
import { ID_PATTERN, newId } from '../../platform/common/ids.js';
import { isPrecise, type NameCondition, nameCondition } from '../../platform/common/pagination.js';
import type { Caller } from '../../platform/common/principal.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { Config } from '../../platform/config/config.js';
import { Database } from '../../platform/database/database.js';
import { violates } from '../../platform/database/errors.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { inInstance } from '../instances/instance-scope.js';
import { DEFAULT_SIGN_TYPE, type KeyRules, keyRules, type SignAlgorithm, type SignType, traitsOf } from '#signing/algorithms.js';
import { DecryptionFailed } from '../../platform/vault/sealed.js';
import { type ProjectCipher, VaultService } from '../../platform/vault/vault.service.js';
import { MASKS, maskedHalves, JOIN_MASKS } from './mask.js';
import { openSign, sealSign, type SignHalves } from './sealed-sign.js';
import { type OpenSign, type OwnSignInput, type SignListView, type SignQuery, type SignView, toListView, toView } from './signs.dto.js';
import { onSurface, type Surface } from './surface.js';
import { SignNameTaken, SignNotFound, SignQuotaExceeded, SignTypeUnsupported, SignUnreadable } from './signs.errors.js';
import { Sign } from './sign.entity.js';

const UNIQUE_NAME = { name: 'uq_signs_instance_name', columns: 'signs.instance_id, signs.name' };
const SIGN = columnsOf(Sign, 's').pick(
  'id',
  'name',
  'signType',
  'signAlgorithm',
  'signKey',
  { sealedSecret: 'signSecret' },
  'secretVersion',
  'createdAt',
  'updatedAt',
);
const NEW_SIGN = columnsOf(Sign).pick(
  'id',
  'projectId',
  'instanceId',
  'name',
  'signType',
  'signAlgorithm',
  'signKey',
  { sealedSecret: 'signSecret' },
  'secretVersion',
  'createdAt',
  'updatedAt',
);

/** A row of `signs` as frequent statements read it, with encrypted secret halves. */
type SignRow = RowOf<typeof SIGN>;

/** A row of the list. */
interface ListedRow extends SignRow {
  /** 1 if the gateway masks secrets. */
  masks: number;
  bindNum: number;
  total: number;
  revision: number;
}

/**
 * Makes MariaDB search among the keys of the gateway. With the primary key it would read another gateway's row before it compares the
 * gateway, and the response time would reveal that the key exists (docs/isolation.md).
 */
const gatewayIndexHint = (engine: 'sqlite' | 'mariadb') => (engine === 'mariadb' ? 'FORCE INDEX (ix_signs_instance)' : '');

/**
 * Signature keys (docs/contracts/apig.md §1).
 *
 * Guarantees: A page of the list shows the gateway at its current revision, for writes of all processes.
 * Condition: The condition of `RevisionCache`: every write of a gateway increments its counter.
 * Degrades: Pages that are not cached are read from the database, which only takes longer.
 */
@Injectable()
export class SignsService {
  private readonly pages: RevisionCache<ListedRow>;

  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly vault: VaultService,
    private readonly config: Config,
  ) {
    this.pages = new RevisionCache(database);
  }

  /**
   * Creates a key, and generates the key or secret that the caller has omitted.
   * @throws ApiFault 400 for a field that violates the rules of its type
   * @throws SignTypeUnsupported, SignQuotaExceeded, SignNameTaken, InstanceNotFound
   */
  async create(scope: InstanceScope, input: OwnSignInput, caller: Caller): Promise<SignView> {
    const signType = input.sign_type ?? DEFAULT_SIGN_TYPE;
    const signAlgorithm = algorithmOf(signType, input.sign_algorithm);
    const given = { key: input.sign_key, secret: input.sign_secret };
    const rules = this.rules(signType, signAlgorithm);
    assertRules(rules, given);
    const { key, secret } = await completed(rules, given, given);
    const id = newId();
    const box = await this.vault.cipher(scope.projectId);
    const sealed = sealSign(box, scope, { signId: id, signType, version: 1 }, { key, secret });

    return this.changes.write(inInstance(scope), async (write) => {
      await this.assertSupported(write, signType);
      const [quota] = await write.rows<{ used: number }>('SELECT COUNT(*) AS used FROM signs WHERE instance_id = ?', [scope.instanceId]);
      if ((quota?.used ?? 0) >= this.config.signNumLimit) throw new SignQuotaExceeded();
      const { projectId, instanceId } = scope;
      const times = { createdAt: write.now, updatedAt: write.now };
      const row = { id, projectId, instanceId, name: input.name, signType, signAlgorithm, ...sealed, secretVersion: 1, ...times };
      await write.run(NEW_SIGN.insert(), NEW_SIGN.values(row)).catch(nameTaken);
      await this.audit.record(write, caller, {
        action: 'CreateSignatureKey',
        resourceType: 'Signature',
        resourceId: id,
        resourceName: input.name,
      });
      write.change('sign', id, 'created');
      return toView({
        id,
        name: input.name,
        signType,
        signAlgorithm,
        signKey: key,
        signSecret: secret,
        createdAt: write.now,
        updatedAt: write.now,
      });
    });
  }

  /**
   * Changes a key. Its bindings stay. If the type is omitted, it stays. If the key or the secret is omitted, it stays too, unless the type
   * changes or `SIGNET_SIGN_RULES` contains `omitted=regenerate` (docs/contract.md).
   * @throws the errors of {@link create}, and SignNotFound; SignUnreadable for a damaged key, unless both its key and its secret are set
   */
  async update(
    scope: InstanceScope,
    signId: string,
    input: OwnSignInput,
    caller: Caller,
    surface: Surface = 'contract',
  ): Promise<Committed<SignView>> {
    const given = { key: input.sign_key, secret: input.sign_secret };
    if (input.sign_type !== undefined && traitsOf(input.sign_type).algorithms.length === 0)
      assertRules(this.rules(input.sign_type, null), given);
    if (!ID_PATTERN.test(signId)) throw new SignNotFound(signId);
    const update = (box: ProjectCipher) => this.updateWith(box, scope, signId, input, caller, surface);
    return this.vault.withCipher(scope.projectId, update, () => new SignUnreadable(signId));
  }

  private updateWith(
    box: ProjectCipher,
    scope: InstanceScope,
    signId: string,
    input: OwnSignInput,
    caller: Caller,
    surface: Surface,
  ): Promise<Committed<SignView>> {
    const given = { key: input.sign_key, secret: input.sign_secret };
    return this.changes.commit(inInstance(scope), async (write) => {
      const [before] = await write.rows<SignRow & { masks: number }>(
        `SELECT ${SIGN.select}, ${MASKS} FROM signs s JOIN instances i ON i.id = s.instance_id ${JOIN_MASKS}
         WHERE s.id = ? AND s.instance_id = ? AND s.project_id = ? ${onSurface(surface)}`,
        [signId, scope.instanceId, scope.projectId],
      );
      if (!before) throw new SignNotFound(signId);
      const signType = input.sign_type ?? before.signType;
      const signAlgorithm = algorithmOf(signType, input.sign_algorithm ?? before.signAlgorithm ?? undefined);
      const rules = this.rules(signType, signAlgorithm);
      assertRules(rules, given);
      await this.assertSupported(write, signType);
      const old = openUnlessReplaced(box, scope, before, given);
      const keeps = this.config.signUpdateOmitted === 'keep' && signType === before.signType;
      const { key, secret } = await completed(rules, given, {
        key: given.key ?? (keeps && rules.key.test(old.key) ? old.key : undefined),
        secret: given.secret ?? (keeps && rules.secret.test(old.secret) ? old.secret : undefined),
      });
      const changed = key !== old.key || secret !== old.secret || signType !== before.signType;
      const rotation = changed ? await endRotation(write, signId) : undefined;
      const version = changed ? Math.max(before.secretVersion, rotation?.version ?? 0) + 1 : before.secretVersion;
      const sealed = changed ? sealSign(box, scope, { signId, signType, version }, { key, secret }) : before;
      await write
        .run(
          'UPDATE signs SET name = ?, sign_type = ?, sign_algorithm = ?, sign_key = ?, sign_secret = ?, secret_version = ?, updated_at = ? WHERE id = ?',
          [input.name, signType, signAlgorithm, sealed.signKey, sealed.sealedSecret, version, write.now, signId],
        )
        .catch(nameTaken);
      const detail = { key_changed: key !== old.key, secret_changed: secret !== old.secret, ...(rotation && { rotation_ended: true }) };
      await this.audit.record(write, caller, {
        action: 'UpdateSignatureKey',
        resourceType: 'Signature',
        resourceId: signId,
        resourceName: input.name,
        detail,
      });
      write.change('sign', signId, 'updated');
      if (rotation) write.change('rotation', signId, 'deleted');
      const view = toView({
        id: signId,
        name: input.name,
        signType,
        signAlgorithm,
        signKey: key,
        signSecret: secret,
        createdAt: before.createdAt,
        updatedAt: write.now,
      });
      if (before.masks !== 1) return view;
      // Halves are masked, except those that this request has set or generated, which are shown only in this response.
      const shown = maskedHalves(view);
      return {
        ...view,
        ...(key === old.key && { sign_key: shown.sign_key }),
        ...(secret === old.secret && { sign_secret: shown.sign_secret }),
      };
    });
  }

  /**
   * Deletes a key in one transaction (docs/contracts/apig.md §1.8). A foreign key deletes its bindings; the audit row contains their
   * number. The nodes of the gateway get one change.
   * @throws SignNotFound, also for a key of another project
   */
  async delete(scope: InstanceScope, signId: string, caller: Caller, surface: Surface = 'contract'): Promise<Committed<void>> {
    if (!ID_PATTERN.test(signId)) throw new SignNotFound(signId);
    return this.changes.commit(inInstance(scope), async (write) => {
      const [sign] = await write.rows<{ name: string; bound: number }>(
        `SELECT s.name, (SELECT COUNT(*) FROM sign_bindings b WHERE b.sign_id = s.id) AS bound
         FROM signs s ${gatewayIndexHint(write.engine)} WHERE s.id = ? AND s.instance_id = ? AND s.project_id = ? ${onSurface(surface)}`,
        [signId, scope.instanceId, scope.projectId],
      );
      if (!sign) throw new SignNotFound(signId);
      await write.run('DELETE FROM signs WHERE id = ?', [signId]);
      const detail = { unbound: sign.bound };
      await this.audit.record(write, caller, {
        action: 'DeleteSignatureKey',
        resourceType: 'Signature',
        resourceId: signId,
        resourceName: sign.name,
        detail,
      });
      write.change('sign', signId, 'deleted');
    });
  }

  /**
   * Returns the keys of a gateway, newest first, with the number of publications to which each is bound (docs/contracts/apig.md §1.7). A
   * damaged key is left out, but counts in the total.
   */
  async list(scope: InstanceScope, query: SignQuery, surface: Surface = 'contract'): Promise<SignListView> {
    const filters = [onSurface(surface)].filter((filter) => filter !== '');
    const values: string[] = [];
    let exact: NameCondition['exactFirst'] | undefined;
    if (query.id !== undefined) {
      filters.push('AND s.id = ?');
      values.push(query.id);
    }
    if (query.name !== undefined) {
      const { sql, value, exactFirst } = nameCondition('s.name', query.name, isPrecise(query, 'name'));
      filters.push(`AND ${sql}`);
      values.push(value);
      exact = exactFirst;
    }
    const conditions = filters.join(' ');
    const signs = `signs s ${query.id === undefined ? '' : gatewayIndexHint(this.database.engine)}`;
    // Reads the total in a separate statement, because a window function would read every key of the gateway for one page.
    const sql = `SELECT ${SIGN.select}, (SELECT COUNT(*) FROM sign_bindings b WHERE b.sign_id = s.id) AS bindNum,
        (SELECT COUNT(*) FROM ${signs} WHERE s.instance_id = ? ${conditions}) AS total, c.revision, ${MASKS}
      FROM instances i JOIN change_counters c ON c.scope_kind = 'instance' AND c.scope_id = i.id ${JOIN_MASKS} JOIN ${signs} ON s.instance_id = i.id ${conditions}
      WHERE i.id = ? AND i.project_id = ? ORDER BY ${exact ? `${exact.sql}, ` : ''}s.id DESC LIMIT ? OFFSET ?`;
    const page = [scope.instanceId, scope.projectId, ...(exact ? [exact.value] : []), String(query.limit), String(query.offset)];
    const rows = await this.pages.read({ kind: 'instance', id: scope.instanceId }, JSON.stringify([filters, values, page]), async () => {
      const read = await this.database.rows<ListedRow>(sql, [scope.instanceId, ...values, ...values, ...page]);
      return read[0] && { revision: read[0].revision, rows: read };
    });
    const [first] = rows;
    if (!first)
      return { total: await this.countPastTheEnd(scope, `${signs} ON s.instance_id = i.id ${conditions}`, values), size: 0, signs: [] };
    const open = (box: ProjectCipher, row: ListedRow) => toListView(opened(box, scope, row), row.bindNum);
    const views = await this.vault.openEach(scope.projectId, rows, open, ({ sealedSecret }) => sealedSecret);
    const shown = views.filter((view) => view !== undefined);
    return { total: first.total, size: shown.length, signs: first.masks === 1 ? shown.map(maskedHalves) : shown };
  }

  /** Counts the rows of a page beyond the end, to distinguish it from a missing gateway. */
  private async countPastTheEnd(scope: InstanceScope, signs: string, values: readonly string[]): Promise<number> {
    const sql = `SELECT COUNT(i.id) AS gateways, COUNT(s.id) AS total
      FROM instances i LEFT JOIN ${signs} WHERE i.id = ? AND i.project_id = ?`;
    const [row] = await this.database.rows<{ gateways: number; total: number }>(sql, [...values, scope.instanceId, scope.projectId]);
    if (!row || row.gateways === 0) throw new InstanceNotFound(scope.instanceId);
    return row.total;
  }

  private rules(signType: SignType, signAlgorithm: SignAlgorithm | null): KeyRules {
    return keyRules(signType, signAlgorithm, { basicKeyLeadingDigit: this.config.basicKeyLeadingDigit });
  }

  private async assertSupported(write: Write, signType: SignType): Promise<void> {
    const { requiredFeature } = traitsOf(signType);
    if (requiredFeature === undefined) return;
    const sql = 'SELECT 1 AS one FROM instance_features WHERE instance_id = ? AND name = ? AND enable = 1';
    const on = await write.rows(sql, [write.scope.id, requiredFeature]);
    if (on.length === 0) throw new SignTypeUnsupported(signType, write.scope.id);
  }
}

/** Decrypts the halves of a row. @throws DecryptionFailed */
const halvesOf = (box: ProjectCipher, scope: InstanceScope, { id, secretVersion, ...row }: SignRow): SignHalves =>
  openSign(box, scope, { ...row, signId: id, version: secretVersion });

function opened(box: ProjectCipher, scope: InstanceScope, row: SignRow): OpenSign {
  const { key, secret } = halvesOf(box, scope, row);
  return { ...row, signKey: key, signSecret: secret };
}

/**
 * Returns the halves before a change. They are empty for a damaged key if the change replaces both. @throws DecryptionFailed for any other
 * damaged key
 */
function openUnlessReplaced(box: ProjectCipher, scope: InstanceScope, row: SignRow, given: Partial<SignHalves>): SignHalves {
  try {
    return halvesOf(box, scope, row);
  } catch (error) {
    if (!(error instanceof DecryptionFailed) || !given.key || !given.secret) throw error;
    return { key: '', secret: '' };
  }
}

/**
 * Returns the algorithm of a type. An algorithm is ignored if the type has none (docs/contract.md).
 * @throws ApiFault 400 when the type requires an algorithm, and none or one of another type is given
 */
function algorithmOf(signType: SignType, algorithm: SignAlgorithm | undefined): SignAlgorithm | null {
  const { algorithms } = traitsOf(signType);
  if (algorithms.length === 0) return null;
  if (algorithm === undefined || !algorithms.includes(algorithm)) throw invalid('sign_algorithm');
  return algorithm;
}

/** @throws ApiFault 400 naming the half that violates the rules of its type */
function assertRules(rules: KeyRules, given: { key?: string; secret?: string }): void {
  if (given.key !== undefined && !rules.key.test(given.key)) throw invalid('sign_key');
  if (given.secret !== undefined && !rules.secret.test(given.secret)) throw invalid('sign_secret');
}

/** One or both halves of a key. */
interface GivenHalves {
  key?: string | undefined;
  secret?: string | undefined;
}

/**
 * Completes a key with the missing halves from `known`. @throws ApiFault 400 when the given public half does not belong to the private half
 */
async function completed(rules: KeyRules, given: GivenHalves, known: GivenHalves): Promise<SignHalves> {
  const made = await rules.generate(known);
  if (given.key !== undefined && made.key !== given.key) throw invalid('sign_key');
  return made;
}

/** Ends a rotation, because a modified key has only one secret. @returns the version of the secret that is deleted by this */
async function endRotation(write: Write, signId: string): Promise<{ version: number } | undefined> {
  const [rotation] = await write.rows<{ version: number }>('SELECT version FROM sign_rotations WHERE sign_id = ?', [signId]);
  if (rotation) await write.run('DELETE FROM sign_rotations WHERE sign_id = ?', [signId]);
  return rotation;
}

function nameTaken(error: unknown): never {
  throw violates(error, UNIQUE_NAME) ? new SignNameTaken() : error;
}
