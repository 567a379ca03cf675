import { Injectable } from '@nestjs/common';
import { AuditService } from '../audit/audit.service.js';
import { ChangesService, type Write } from '../changes/changes.service.js';
import { KeptReads } from '../changes/kept-reads.js';
import { InstanceNotFound, invalid } from '../common/api-error.js';
import { ID_PATTERN, newId } from '../common/ids.js';
import { isPrecise, nameCondition } from '../common/pagination.js';
import type { Caller } from '../common/principal.js';
import type { InstanceScope } from '../common/scope.js';
import type { Written } from '../common/written.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { violates } from '../database/errors.js';
import { inInstance } from '../instances/instance-scope.js';
import { type KeyRules, keyRules, REQUIRED_FEATURE, type SignAlgorithm, type SignType } from '../lib/signing/algorithms.js';
import { fromColumn, type SecretPlace, toColumn } from '../vault/sealed.js';
import { type Box, VaultService } from '../vault/vault.service.js';
import { MASKS, maskedHalves, OF_MASKS } from './mask.js';
import { type OpenSign, type SignInput, type SignListView, type SignQuery, type SignView, toListView, toView } from './signs.dto.js';
import { SignNameTaken, SignNotFound, SignQuotaExceeded, SignTypeUnsupported } from './signs.errors.js';

const UNIQUE_NAME = { name: 'uq_signs_instance_name', columns: 'signs.instance_id, signs.name' };
const COLUMNS =
  'id, project_id, instance_id, name, sign_type, sign_algorithm, sign_key, sign_secret, secret_version, created_at, updated_at';

/** Where a key's secret is sealed to: its row, its column and the count of secrets it has had. */
export const secretPlace = (projectId: string, signId: string, version: number): SecretPlace => ({
  projectId,
  field: 'signs.sign_secret',
  rowId: signId,
  version,
});

/** A row of `signs` as the hot statements read it; the secret is still sealed. */
interface SignRow {
  id: string;
  name: string;
  signType: SignType;
  signAlgorithm: SignAlgorithm | null;
  signKey: string;
  sealedSecret: string;
  secretVersion: number;
  createdAt: number;
  updatedAt: number;
}

/** A row of the list. */
interface ListedRow extends SignRow {
  /** 1: the gateway masks secrets. */
  masks: number;
  bindNum: number;
  total: number;
  revision: number;
}

const SELECT = `s.id, s.name, s.sign_type AS signType, s.sign_algorithm AS signAlgorithm, s.sign_key AS signKey,
  s.sign_secret AS sealedSecret, s.secret_version AS secretVersion, s.created_at AS createdAt, s.updated_at AS updatedAt`;

/**
 * A key is looked for among its gateway's keys, not among all: MariaDB would read another gateway's row by its primary key before it
 * compares the gateway, and the time that takes tells that there is one (docs/isolation.md).
 */
const amongItsGateways = (engine: 'sqlite' | 'mariadb') => (engine === 'mariadb' ? 'FORCE INDEX (ix_signs_instance)' : '');

/** Signature keys: apig §1. */
@Injectable()
export class SignsService {
  private readonly pages: KeptReads<ListedRow>;

  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly vault: VaultService,
    private readonly config: Config,
  ) {
    this.pages = new KeptReads(database);
  }

  /**
   * Creates a key; makes whichever of key and secret the caller left out.
   * @throws Fault 400 for a field that breaks its type's rule
   * @throws SignTypeUnsupported, SignQuotaExceeded, SignNameTaken, InstanceNotFound
   */
  async create(scope: InstanceScope, input: SignInput, caller: Caller): Promise<SignView> {
    const signType = input.sign_type ?? 'hmac';
    const signAlgorithm = algorithmOf(signType, input.sign_algorithm);
    const given = { key: input.sign_key, secret: input.sign_secret };
    const rules = this.rules(signType, signAlgorithm);
    assertRules(rules, given);
    const { key, secret } = await rules.generate(given);
    const id = newId();
    const sealed = (await this.vault.box(scope.projectId)).seal(secretPlace(scope.projectId, id, 1), secret);

    return this.changes.write(inInstance(scope), async (write) => {
      await this.assertSupported(write, signType);
      const [quota] = await write.rows<{ used: number }>('SELECT COUNT(*) AS used FROM signs WHERE instance_id = ?', [scope.instanceId]);
      if ((quota?.used ?? 0) >= this.config.signNumLimit) throw new SignQuotaExceeded();
      const row = [
        id,
        scope.projectId,
        scope.instanceId,
        input.name,
        signType,
        signAlgorithm,
        key,
        toColumn(sealed),
        1,
        write.now,
        write.now,
      ];
      await write.run(`INSERT INTO signs (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, row).catch(nameTaken);
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
   * Changes a key; its bindings stay. An omitted type stays; an omitted key or secret stays too, unless the kind of key
   * changes or `SIGNET_SIGN_UPDATE_OMITTED=regenerate` (docs/contract.md).
   * @throws as create, and SignNotFound
   */
  async update(scope: InstanceScope, signId: string, input: SignInput, caller: Caller): Promise<Written<SignView>> {
    const given = { key: input.sign_key, secret: input.sign_secret };
    if (input.sign_type !== undefined && input.sign_type !== 'aes') assertRules(this.rules(input.sign_type, null), given);
    if (!ID_PATTERN.test(signId)) throw new SignNotFound(signId);
    return this.vault.withBox(scope.projectId, (box) => this.updateWith(box, scope, signId, input, caller));
  }

  private updateWith(box: Box, scope: InstanceScope, signId: string, input: SignInput, caller: Caller): Promise<Written<SignView>> {
    const given = { key: input.sign_key, secret: input.sign_secret };
    return this.changes.written(inInstance(scope), async (write) => {
      const [before] = await write.rows<SignRow & { masks: number }>(
        `SELECT ${SELECT}, ${MASKS} FROM signs s JOIN instances i ON i.id = s.instance_id ${OF_MASKS} WHERE s.id = ? AND s.instance_id = ? AND s.project_id = ?`,
        [signId, scope.instanceId, scope.projectId],
      );
      if (!before) throw new SignNotFound(signId);
      const signType = input.sign_type ?? before.signType;
      const signAlgorithm = algorithmOf(signType, input.sign_algorithm ?? before.signAlgorithm ?? undefined);
      const rules = this.rules(signType, signAlgorithm);
      assertRules(rules, given);
      await this.assertSupported(write, signType);
      const old = {
        key: before.signKey,
        secret: box.open(secretPlace(scope.projectId, signId, before.secretVersion), fromColumn(before.sealedSecret)),
      };
      const keeps = this.config.signUpdateOmitted === 'keep' && signType === before.signType;
      const { key, secret } = await rules.generate({
        key: given.key ?? (keeps && rules.key.test(old.key) ? old.key : undefined),
        secret: given.secret ?? (keeps && rules.secret.test(old.secret) ? old.secret : undefined),
      });
      const changed = key !== old.key || secret !== old.secret || signType !== before.signType;
      const rotation = changed ? await endRotation(write, signId) : undefined;
      const version = changed ? Math.max(before.secretVersion, rotation?.version ?? 0) + 1 : before.secretVersion;
      const sealed = changed ? toColumn(box.seal(secretPlace(scope.projectId, signId, version), secret)) : before.sealedSecret;
      await write
        .run(
          'UPDATE signs SET name = ?, sign_type = ?, sign_algorithm = ?, sign_key = ?, sign_secret = ?, secret_version = ?, updated_at = ? WHERE id = ?',
          [input.name, signType, signAlgorithm, key, sealed, version, write.now, signId],
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
      // What this request has set, or had made, is shown once; what was there before is not.
      const shown = maskedHalves(view);
      return {
        ...view,
        ...(key === old.key && { sign_key: shown.sign_key }),
        ...(secret === old.secret && { sign_secret: shown.sign_secret }),
      };
    });
  }

  /**
   * Deletes a key: it goes, its bindings go with it by foreign key, the audit row says how many, and one change tells every
   * gateway. All in one transaction (seed page; apig §1.8).
   * @throws SignNotFound when it is not there, or another project's
   */
  async delete(scope: InstanceScope, signId: string, caller: Caller): Promise<Written<void>> {
    if (!ID_PATTERN.test(signId)) throw new SignNotFound(signId);
    return this.changes.written(inInstance(scope), async (write) => {
      const [sign] = await write.rows<{ name: string; bound: number }>(
        `SELECT s.name, (SELECT COUNT(*) FROM sign_bindings b WHERE b.sign_id = s.id) AS bound
         FROM signs s ${amongItsGateways(write.engine)} WHERE s.id = ? AND s.instance_id = ? AND s.project_id = ?`,
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

  /** Keys of a gateway, newest first, with the number of publications each is bound to (apig §1.7). */
  async list(scope: InstanceScope, query: SignQuery): Promise<SignListView> {
    const filters: string[] = [];
    const values: string[] = [];
    if (query.id !== undefined) {
      filters.push('AND s.id = ?');
      values.push(query.id);
    }
    if (query.name !== undefined) {
      const { sql, value } = nameCondition('s.name', query.name, isPrecise(query, 'name'));
      filters.push(`AND ${sql}`);
      values.push(value);
    }
    const conditions = filters.join(' ');
    const signs = `signs s ${query.id === undefined ? '' : amongItsGateways(this.database.engine)}`;
    // The total as a statement of its own: a window function would read every key of the gateway, secrets and all, for one page.
    const sql = `SELECT ${SELECT}, (SELECT COUNT(*) FROM sign_bindings b WHERE b.sign_id = s.id) AS bindNum,
        (SELECT COUNT(*) FROM ${signs} WHERE s.instance_id = ? ${conditions}) AS total, c.revision, ${MASKS}
      FROM instances i JOIN change_counters c ON c.scope_id = i.id ${OF_MASKS} JOIN ${signs} ON s.instance_id = i.id ${conditions}
      WHERE i.id = ? AND i.project_id = ? ORDER BY s.id DESC LIMIT ? OFFSET ?`;
    const page = [scope.instanceId, scope.projectId, String(query.limit), String(query.offset)];
    const rows = await this.pages.read(scope.instanceId, JSON.stringify([filters, values, page]), async () => {
      const read = await this.database.rows<ListedRow>(sql, [scope.instanceId, ...values, ...values, ...page]);
      return read[0] && { revision: read[0].revision, rows: read };
    });
    const [first] = rows;
    if (!first)
      return { total: await this.countPastTheEnd(scope, `${signs} ON s.instance_id = i.id ${conditions}`, values), size: 0, signs: [] };
    const views = await this.vault.withBox(scope.projectId, (box) => rows.map((row) => toListView(opened(box, scope, row), row.bindNum)));
    if (first.masks === 1) return { total: first.total, size: rows.length, signs: views.map(maskedHalves) };
    return { total: first.total, size: rows.length, signs: views };
  }

  /** Tells an empty page from a gateway that is not there. */
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

  /** Some types need a feature that the gateway must have switched on (apig §1.10). */
  private async assertSupported(write: Write, signType: SignType): Promise<void> {
    const feature = REQUIRED_FEATURE[signType];
    if (feature === undefined) return;
    const sql = 'SELECT 1 AS one FROM instance_features WHERE instance_id = ? AND name = ? AND enable = 1';
    const on = await write.rows(sql, [write.scopeId, feature]);
    if (on.length === 0) throw new SignTypeUnsupported(signType, write.scopeId);
  }
}

const opened = (box: Box, { projectId }: InstanceScope, row: SignRow): OpenSign => ({
  ...row,
  signSecret: box.open(secretPlace(projectId, row.id, row.secretVersion), fromColumn(row.sealedSecret)),
});

/** @throws Fault 400 when an aes key has no cipher; other types have none, whatever was sent (docs/contract.md) */
function algorithmOf(signType: SignType, algorithm: SignAlgorithm | undefined): SignAlgorithm | null {
  if (signType !== 'aes') return null;
  if (algorithm === undefined) throw invalid('sign_algorithm');
  return algorithm;
}

/** @throws Fault 400 naming the half that breaks its type's rule */
function assertRules(rules: KeyRules, given: { key?: string; secret?: string }): void {
  if (given.key !== undefined && !rules.key.test(given.key)) throw invalid('sign_key');
  if (given.secret !== undefined && !rules.secret.test(given.secret)) throw invalid('sign_secret');
}

/** A key that is modified has one secret and no other. @returns the version that a rotation had set aside */
async function endRotation(write: Write, signId: string): Promise<{ version: number } | undefined> {
  const [rotation] = await write.rows<{ version: number }>('SELECT version FROM sign_rotations WHERE sign_id = ?', [signId]);
  if (rotation) await write.run('DELETE FROM sign_rotations WHERE sign_id = ?', [signId]);
  return rotation;
}

function nameTaken(error: unknown): never {
  throw violates(error, UNIQUE_NAME) ? new SignNameTaken() : error;
}
