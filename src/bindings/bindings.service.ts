import { Injectable } from '@nestjs/common';
import { ApiNotFound, PublicationNotFound } from '../apis/apis.errors.js';
import { AuditService } from '../audit/audit.service.js';
import { ChangesService, type Write } from '../changes/changes.service.js';
import { InstanceNotFound, invalid } from '../common/api-error.js';
import { toNanoseconds, toSeconds } from '../common/clock.js';
import { ID_PATTERN, newId } from '../common/ids.js';
import { nameCondition } from '../common/pagination.js';
import type { Caller } from '../common/principal.js';
import type { InstanceScope } from '../common/scope.js';
import type { Written } from '../common/written.js';
import { Database } from '../database/database.js';
import { chunks, type Param, placeholders } from '../database/tx.js';
import { inInstance } from '../instances/instance-scope.js';
import type { SignAlgorithm, SignType } from '../lib/signing/algorithms.js';
import { MASKS, maskedHalves, OF_MASKS } from '../signs/mask.js';
import { SignNotFound } from '../signs/signs.errors.js';
import { secretPlace } from '../signs/signs.service.js';
import { VaultService } from '../vault/vault.service.js';
import type {
  ApisOfSignQuery,
  BindInput,
  BindingView,
  BindView,
  BoundApisView,
  BoundApiView,
  BoundSignsView,
  SignsOfApiQuery,
  UnboundApisView,
} from './bindings.dto.js';
import { BindingNotFound } from './bindings.errors.js';

/** A publication with what the views say about its API. */
interface PublicationRow {
  publishId: string;
  apiId: string;
  apiName: string;
  apiType: number;
  apiRemark: string;
  authType: string;
  reqUri: string;
  reqMethod: string;
  groupId: string;
  groupName: string;
  envId: string;
  envName: string;
  /** A JSON array as text; mysql2 hands MariaDB's out parsed. */
  tags: string | string[] | null;
}

interface SignPart {
  signId: string;
  signName: string;
  signType: SignType;
  signAlgorithm: SignAlgorithm | null;
  signKey: string;
  sealedSecret: string;
  secretVersion: number;
  /** 1: the gateway masks secrets. */
  masks: number;
}

interface BindingRow extends PublicationRow, SignPart {
  id: string;
  createdAt: number;
}

const PUBLICATION = `p.id AS publishId, a.id AS apiId, a.name AS apiName, a.type AS apiType, a.remark AS apiRemark, a.auth_type AS authType,
  a.req_uri AS reqUri, a.req_method AS reqMethod, g.id AS groupId, g.name AS groupName, e.id AS envId, e.name AS envName,
  JSON_EXTRACT(a.definition, '$.tags') AS tags`;
const OF_PUBLICATION = `JOIN apis a ON a.id = p.api_id JOIN api_groups g ON g.id = a.group_id
  JOIN environments e ON e.instance_id = p.instance_id AND e.id = p.env_id`;
const SIGN = `s.id AS signId, s.name AS signName, s.sign_type AS signType, s.sign_algorithm AS signAlgorithm, s.sign_key AS signKey,
  s.sign_secret AS sealedSecret, s.secret_version AS secretVersion, ${MASKS}`;
const OF_SIGN = `JOIN instances i ON i.id = s.instance_id ${OF_MASKS}`;
const COLUMNS = 'id, project_id, instance_id, sign_id, publish_id, created_at';

/** Which key signs for which publication: apig §2. */
@Injectable()
export class BindingsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly vault: VaultService,
  ) {}

  /**
   * Binds a key to publications, all or none. A publication that carries another key is rebound: the old record goes and a
   * new one, with a new id, takes its place (apig §2.3); one that carries this key keeps its record.
   * @throws SignNotFound, PublicationNotFound, InstanceNotFound
   */
  async bind(scope: InstanceScope, input: BindInput, caller: Caller): Promise<Written<BindView>> {
    const publishIds = [...new Set(input.publish_ids)];
    await this.vault.box(scope.projectId);
    const bound = await this.changes.written(inInstance(scope), async (write) => {
      const [sign] = await write.rows<SignPart>(
        `SELECT ${SIGN} FROM signs s ${OF_SIGN} WHERE s.id = ? AND s.instance_id = ? AND s.project_id = ?`,
        [input.sign_id, scope.instanceId, scope.projectId],
      );
      if (!sign) throw new SignNotFound(input.sign_id);
      const publications = await this.onlinePublications(write, scope, publishIds);
      const there = await this.bindingsOn(write, publishIds);
      const fresh = publishIds
        .filter((publishId) => there.get(publishId)?.signId !== sign.signId)
        .map((publishId) => ({ id: newId(), publishId }));
      const replaced = fresh.flatMap(({ publishId }) => there.get(publishId) ?? []);
      for (const part of chunks(replaced))
        await write.run(
          `DELETE FROM sign_bindings WHERE id IN (${placeholders(part)})`,
          part.map(({ id }) => id),
        );
      for (const part of chunks(fresh, 100)) {
        await write.run(
          `INSERT INTO sign_bindings (${COLUMNS}) VALUES ${part.map(() => '(?, ?, ?, ?, ?, ?)').join(', ')}`,
          part.flatMap(({ id, publishId }) => [id, scope.projectId, scope.instanceId, sign.signId, publishId, write.now]),
        );
      }
      if (fresh.length > 0) {
        // The ids of the records replaced would outgrow the column with a full request; their keys are few.
        const detail = {
          publish_ids: fresh.map(({ publishId }) => publishId),
          replaced_sign_ids: [...new Set(replaced.map(({ signId }) => signId))],
        };
        const entry = {
          action: 'AssociateSignatureKey',
          resourceType: 'SignatureBinding',
          resourceId: sign.signId,
          resourceName: sign.signName,
          detail,
        };
        await this.audit.record(write, caller, entry);
        for (const { publishId } of fresh) write.change('publication', publishId, 'updated');
      }
      const made = new Map(fresh.map(({ id, publishId }) => [publishId, { id, createdAt: write.now }]));
      return publishIds.map((publishId): BindingRow => {
        const record = made.get(publishId) ?? there.get(publishId);
        const publication = publications.get(publishId);
        if (!record || !publication) throw new Error('a publication was bound without a record');
        return { ...publication, ...sign, id: record.id, createdAt: record.createdAt };
      });
    });
    const bindings = await Promise.all(bound.value.map((row) => this.withSecret(scope, row, toNanoseconds(row.createdAt))));
    return bound.with({ bindings });
  }

  /**
   * Removes one binding by its record's id (apig §2.1).
   * @throws BindingNotFound, also for a record that a rebinding has replaced; Fault 400 for what cannot be an id
   */
  async unbind(scope: InstanceScope, bindingId: string, caller: Caller): Promise<Written<void>> {
    if (!ID_PATTERN.test(bindingId)) throw invalid('id', { where: 'path' });
    return this.changes.written(inInstance(scope), async (write) => {
      const [binding] = await write.rows<{ signId: string; publishId: string }>(
        'SELECT sign_id AS signId, publish_id AS publishId FROM sign_bindings WHERE id = ? AND instance_id = ? AND project_id = ?',
        [bindingId, scope.instanceId, scope.projectId],
      );
      if (!binding) throw new BindingNotFound();
      await write.run('DELETE FROM sign_bindings WHERE id = ?', [bindingId]);
      const detail = { sign_id: binding.signId, publish_ids: [binding.publishId] };
      await this.audit.record(write, caller, {
        action: 'DisassociateSignatureKey',
        resourceType: 'SignatureBinding',
        resourceId: bindingId,
        detail,
      });
      write.change('publication', binding.publishId, 'updated');
    });
  }

  /** What a key is bound to, newest first; a publication that is offline for now keeps its row (apig §2.4). */
  async boundApis(scope: InstanceScope, query: ApisOfSignQuery): Promise<BoundApisView> {
    await this.assertSign(scope, query.sign_id);
    const { where, values } = apiConditions(query);
    const from = `FROM sign_bindings b JOIN signs s ON s.id = b.sign_id JOIN publications p ON p.id = b.publish_id ${OF_PUBLICATION}
      WHERE b.sign_id = ? AND b.instance_id = ? AND b.project_id = ? ${where}`;
    const params = [query.sign_id, scope.instanceId, scope.projectId, ...values];
    const { total, rows } = await this.page<BindingRow>(
      `b.id, b.created_at AS createdAt, s.id AS signId, s.name AS signName, ${PUBLICATION}`,
      from,
      'b.id',
      params,
      query,
    );
    return { total, size: rows.length, bindings: rows.map((row) => boundApi(row, toSeconds(row.createdAt))) };
  }

  /** Every online publication that does not carry this key, with the key it does carry (apig §2.2). */
  async unboundApis(scope: InstanceScope, query: ApisOfSignQuery): Promise<UnboundApisView> {
    await this.assertSign(scope, query.sign_id);
    const { where, values } = apiConditions(query);
    const from = `FROM publications p ${OF_PUBLICATION} LEFT JOIN sign_bindings b ON b.publish_id = p.id LEFT JOIN signs s ON s.id = b.sign_id
      WHERE p.instance_id = ? AND p.project_id = ? AND p.online = 1 AND (b.sign_id IS NULL OR b.sign_id <> ?) ${where}`;
    const params = [scope.instanceId, scope.projectId, query.sign_id, ...values];
    const { total, rows } = await this.page<PublicationRow & { signName: string | null }>(
      `${PUBLICATION}, s.name AS signName`,
      from,
      'p.id',
      params,
      query,
    );
    const apis = rows.map((row) => ({
      id: row.apiId,
      name: row.apiName,
      type: row.apiType,
      auth_type: row.authType,
      req_uri: row.reqUri,
      req_method: row.reqMethod,
      remark: row.apiRemark,
      group_id: row.groupId,
      group_name: row.groupName,
      run_env_id: row.envId,
      run_env_name: row.envName,
      publish_id: row.publishId,
      signature_name: row.signName ?? '',
      tags: tagsOf(row),
    }));
    return { total, size: apis.length, apis };
  }

  /** The keys an API carries, one per environment at most (apig §2.1). @throws ApiNotFound, InstanceNotFound */
  async boundSigns(scope: InstanceScope, query: SignsOfApiQuery): Promise<BoundSignsView> {
    await this.assertThere(scope, 'apis', query.api_id, () => new ApiNotFound(query.api_id));
    const conditions: string[] = [];
    const values: string[] = [];
    const add = (sql: string, value: string) => {
      conditions.push(`AND ${sql}`);
      values.push(value);
    };
    if (query.sign_id !== undefined) add('b.sign_id = ?', query.sign_id);
    if (query.env_id !== undefined) add('p.env_id = ?', query.env_id);
    if (query.sign_name !== undefined) {
      const { sql, value } = nameCondition('s.name', query.sign_name, false);
      add(sql, value);
    }
    const from = `FROM publications p JOIN sign_bindings b ON b.publish_id = p.id JOIN signs s ON s.id = b.sign_id ${OF_SIGN} ${OF_PUBLICATION}
      WHERE p.api_id = ? AND p.instance_id = ? AND p.project_id = ? ${conditions.join(' ')}`;
    const params = [query.api_id, scope.instanceId, scope.projectId, ...values];
    const { total, rows } = await this.page<BindingRow>(
      `b.id, b.created_at AS createdAt, ${SIGN}, ${PUBLICATION}`,
      from,
      'b.id',
      params,
      query,
    );
    return {
      total,
      size: rows.length,
      bindings: await Promise.all(rows.map((row) => this.withSecret(scope, row, toSeconds(row.createdAt)))),
    };
  }

  /** One page, newest first, and the number of all matches. */
  private async page<T>(
    select: string,
    from: string,
    order: string,
    params: readonly Param[],
    { limit, offset }: { limit: number; offset: number },
  ): Promise<{ total: number; rows: T[] }> {
    const sql = `SELECT ${select}, COUNT(*) OVER () AS total ${from} ORDER BY ${order} DESC LIMIT ? OFFSET ?`;
    const rows = await this.database.rows<T & { total: number }>(sql, [...params, String(limit), String(offset)]);
    const first = rows[0];
    if (first || offset === 0) return { total: first?.total ?? 0, rows };
    const [count] = await this.database.rows<{ total: number }>(`SELECT COUNT(*) AS total ${from}`, params);
    return { total: count?.total ?? 0, rows };
  }

  private assertSign(scope: InstanceScope, signId: string): Promise<void> {
    return this.assertThere(scope, 'signs', signId, () => new SignNotFound(signId));
  }

  /** One statement tells a missing thing from a missing gateway. */
  private async assertThere(scope: InstanceScope, table: 'signs' | 'apis', id: string, missing: () => Error): Promise<void> {
    const sql = `SELECT t.id FROM instances i LEFT JOIN ${table} t ON t.instance_id = i.id AND t.id = ? WHERE i.id = ? AND i.project_id = ?`;
    const [row] = await this.database.rows<{ id: string | null }>(sql, [id, scope.instanceId, scope.projectId]);
    if (!row) throw new InstanceNotFound(scope.instanceId);
    if (row.id === null) throw missing();
  }

  private async onlinePublications(
    write: Write,
    scope: InstanceScope,
    publishIds: readonly string[],
  ): Promise<Map<string, PublicationRow>> {
    const found = new Map<string, PublicationRow>();
    for (const part of chunks(publishIds)) {
      const rows = await write.rows<PublicationRow>(
        `SELECT ${PUBLICATION} FROM publications p ${OF_PUBLICATION} WHERE p.id IN (${placeholders(part)}) AND p.instance_id = ? AND p.project_id = ? AND p.online = 1`,
        [...part, scope.instanceId, scope.projectId],
      );
      for (const row of rows) found.set(row.publishId, row);
    }
    if (found.size < publishIds.length) throw new PublicationNotFound();
    return found;
  }

  private async bindingsOn(
    write: Write,
    publishIds: readonly string[],
  ): Promise<Map<string, { id: string; signId: string; createdAt: number }>> {
    const found = new Map<string, { id: string; signId: string; createdAt: number }>();
    for (const part of chunks(publishIds)) {
      const rows = await write.rows<{ id: string; signId: string; publishId: string; createdAt: number }>(
        `SELECT id, sign_id AS signId, publish_id AS publishId, created_at AS createdAt FROM sign_bindings WHERE publish_id IN (${placeholders(part)})`,
        part,
      );
      for (const row of rows) found.set(row.publishId, row);
    }
    return found;
  }

  private async withSecret(scope: InstanceScope, row: BindingRow, bindingTime: string): Promise<BindingView> {
    const view = {
      ...boundApi(row, bindingTime),
      sign_type: row.signType,
      sign_key: row.signKey,
      sign_secret: await this.vault.open(secretPlace(scope.projectId, row.signId, row.secretVersion), row.sealedSecret),
      ...(row.signAlgorithm && { sign_algorithm: row.signAlgorithm }),
    };
    return row.masks === 1 ? maskedHalves(view) : view;
  }
}

const boundApi = (row: BindingRow, bindingTime: string): BoundApiView => ({
  id: row.id,
  publish_id: row.publishId,
  api_id: row.apiId,
  api_name: row.apiName,
  api_type: row.apiType,
  api_remark: row.apiRemark,
  group_name: row.groupName,
  req_method: row.reqMethod,
  env_id: row.envId,
  env_name: row.envName,
  binding_time: bindingTime,
  sign_id: row.signId,
  sign_name: row.signName,
  tags: tagsOf(row),
});

const tagsOf = ({ tags }: PublicationRow): string[] => (typeof tags === 'string' ? (JSON.parse(tags) as string[]) : (tags ?? []));

const NO_TAGS = '#no_tags#';

/** The filters that `binded-apis` and `unbinded-apis` share (apig §2.1). */
function apiConditions(query: ApisOfSignQuery): { where: string; values: string[] } {
  const conditions: string[] = [];
  const values: string[] = [];
  const add = (sql: string, ...bound: string[]) => {
    conditions.push(`AND ${sql}`);
    values.push(...bound);
  };
  if (query.env_id !== undefined) add('p.env_id = ?', query.env_id);
  if (query.api_id !== undefined) add('p.api_id = ?', query.api_id);
  if (query.group_id !== undefined) add('a.group_id = ?', query.group_id);
  if (query.api_name !== undefined) {
    const { sql, value } = nameCondition('a.name', query.api_name, false);
    add(sql, value);
  }
  if (query.tags !== undefined) {
    // Tags are stored as a JSON array of strings, so a whole tag is what stands between its quotes.
    const tags = query.tags.split(',');
    const column = "COALESCE(JSON_EXTRACT(a.definition, '$.tags'), '[]')";
    const each = tags.map((tag) => (tag === NO_TAGS ? `${column} = '[]'` : `${column} LIKE ? ESCAPE '!'`));
    add(
      `(${each.join(' OR ')})`,
      ...tags.filter((tag) => tag !== NO_TAGS).map((tag) => nameCondition('', JSON.stringify(tag), false).value),
    );
  }
  return { where: conditions.join(' '), values };
}
