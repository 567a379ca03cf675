import { Injectable } from '@nestjs/common';
import { ApiNotFound, PublicationNotFound } from '../apis/apis.errors.js';
import { Api } from '../apis/api.entity.js';
import { Environment } from '../apis/environment.entity.js';
import { ApiGroup } from '../apis/group.entity.js';
import { Publication } from '../apis/publication.entity.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { InstanceNotFound, invalid } from '../../platform/common/api-error.js';
import { toNanoseconds, toSeconds } from '../../platform/common/clock.js';
import { ID_PATTERN, newId } from '../../platform/common/ids.js';
import { type NameCondition, nameCondition } from '../../platform/common/pagination.js';
import type { Caller } from '../../platform/common/principal.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { Database } from '../../platform/database/database.js';
import { chunks, type Param, placeholders } from '../../platform/database/tx.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { inInstance } from '../instances/instance-scope.js';
import { MASKS, maskedHalves, JOIN_MASKS } from '../signs/mask.js';
import { openSign, type SignHalves } from '../signs/sealed-sign.js';
import { SignNotFound, SignUnreadable } from '../signs/signs.errors.js';
import { Sign } from '../signs/sign.entity.js';
import { onSurface, type Surface } from '../signs/surface.js';
import { type ProjectCipher, VaultService } from '../../platform/vault/vault.service.js';
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
import { SignBinding } from './sign-binding.entity.js';

const PUBLISHED = columnsOf(Publication, 'p').pick({ publishId: 'id' });
const API = columnsOf(Api, 'a').pick(
  { apiId: 'id', apiName: 'name', apiType: 'type', apiRemark: 'remark' },
  'authType',
  'reqUri',
  'reqMethod',
);
const GROUP = columnsOf(ApiGroup, 'g').pick({ groupId: 'id', groupName: 'name' });
const ENVIRONMENT = columnsOf(Environment, 'e').pick({ envId: 'id', envName: 'name' });
const KEY = columnsOf(Sign, 's').pick({ signId: 'id', signName: 'name' });
const HALVES = columnsOf(Sign, 's').pick('signType', 'signAlgorithm', 'signKey', { sealedSecret: 'signSecret', version: 'secretVersion' });
const BINDING = columnsOf(SignBinding, 'b').pick('id', 'createdAt');
const THERE = columnsOf(SignBinding).pick('id', 'signId', 'publishId', 'createdAt');
const ENDS = columnsOf(SignBinding, 'b').pick('signId', 'publishId');
const NEW_BINDING = columnsOf(SignBinding).all();

/** A publication, with those columns of its API that views show. */
interface PublicationRow extends RowOf<typeof PUBLISHED>, RowOf<typeof API>, RowOf<typeof GROUP>, RowOf<typeof ENVIRONMENT> {
  /** A JSON array as text. From MariaDB, mysql2 returns it parsed. */
  tags: string | string[] | null;
}

interface SignPart extends RowOf<typeof KEY>, RowOf<typeof HALVES> {
  /** 1 if the gateway masks secrets. */
  masks: number;
}

interface BindingRow extends PublicationRow, SignPart, RowOf<typeof BINDING> {}

const PUBLICATION = `${PUBLISHED.select}, ${API.select}, ${GROUP.select}, ${ENVIRONMENT.select}, JSON_EXTRACT(a.definition, '$.tags') AS tags`;
const OF_PUBLICATION = `JOIN apis a ON a.id = p.api_id JOIN api_groups g ON g.id = a.group_id
  JOIN environments e ON e.instance_id = p.instance_id AND e.id = p.env_id`;
const SIGN = `${KEY.select}, ${HALVES.select}, ${MASKS}`;
const BOUND_API = `${BINDING.select}, ${KEY.select}, ${PUBLICATION}`;
const UNBOUND_API = `${PUBLICATION}, ${columnsOf(Sign, 's').pick({ signName: 'name' }).select}`;
const BOUND_SIGN = `${BINDING.select}, ${SIGN}, ${PUBLICATION}`;
const OF_SIGN = `JOIN instances i ON i.id = s.instance_id ${JOIN_MASKS}`;

/** Bindings, which assign a signature key to a publication (docs/contracts/apig.md §2). */
@Injectable()
export class BindingsService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly vault: VaultService,
  ) {}

  /**
   * Binds a key to all of the publications or to none. If a publication has another key, its record is replaced by one with a new id
   * (docs/contracts/apig.md §2.3). If it already has this key, its record stays.
   * @throws SignNotFound, SignUnreadable, PublicationNotFound, InstanceNotFound
   */
  async bind(scope: InstanceScope, input: BindInput, caller: Caller, surface: Surface = 'contract'): Promise<Committed<BindView>> {
    const bind = (box: ProjectCipher) => this.bindWith(box, scope, input, caller, surface);
    return this.vault.withCipher(scope.projectId, bind, () => new SignUnreadable(input.sign_id));
  }

  private bindWith(
    box: ProjectCipher,
    scope: InstanceScope,
    input: BindInput,
    caller: Caller,
    surface: Surface,
  ): Promise<Committed<BindView>> {
    const publishIds = [...new Set(input.publish_ids)];
    return this.changes.commit(inInstance(scope), async (write) => {
      const [sign] = await write.rows<SignPart>(
        `SELECT ${SIGN} FROM signs s ${OF_SIGN} WHERE s.id = ? AND s.instance_id = ? AND s.project_id = ? ${onSurface(surface)}`,
        [input.sign_id, scope.instanceId, scope.projectId],
      );
      if (!sign) throw new SignNotFound(input.sign_id);
      // Decrypts before any write, so that a damaged key is never bound.
      const halves = openSign(box, scope, sign);
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
      const same = { projectId: scope.projectId, instanceId: scope.instanceId, signId: sign.signId, createdAt: write.now };
      for (const part of chunks(fresh, 100)) {
        await write.run(
          NEW_BINDING.insert(part.length),
          part.flatMap(({ id, publishId }) => NEW_BINDING.values({ ...same, id, publishId })),
        );
      }
      if (fresh.length > 0) {
        // Lists the replaced keys instead of the records, because the column cannot hold the record ids of a full request.
        const detail = {
          publish_ids: fresh.map(({ publishId }) => publishId),
          replaced_sign_ids: [...new Set(replaced.map(({ signId }) => signId))],
        };
        const entry = {
          action: 'AssociateSignatureKey' as const,
          resourceType: 'SignatureBinding',
          resourceId: sign.signId,
          resourceName: sign.signName,
          detail,
        };
        await this.audit.record(write, caller, entry);
        for (const { publishId } of fresh) write.change('publication', publishId, 'updated');
      }
      const made = new Map(fresh.map(({ id, publishId }) => [publishId, { id, createdAt: write.now }]));
      const bindings = publishIds.map((publishId) => {
        const record = made.get(publishId) ?? there.get(publishId);
        const publication = publications.get(publishId);
        if (!record || !publication) throw new Error('a publication was bound without a record');
        const row = { ...publication, ...sign, id: record.id, createdAt: record.createdAt };
        return withHalves(row, halves, toNanoseconds(record.createdAt));
      });
      return { bindings };
    });
  }

  /**
   * Deletes one binding by the id of its record (docs/contracts/apig.md §2.1).
   * @throws BindingNotFound, also for a record that a later binding has replaced; ApiFault 400 for a malformed id
   */
  async unbind(scope: InstanceScope, bindingId: string, caller: Caller, surface: Surface = 'contract'): Promise<Committed<void>> {
    if (!ID_PATTERN.test(bindingId)) throw invalid('id', { where: 'path' });
    return this.changes.commit(inInstance(scope), async (write) => {
      const [binding] = await write.rows<RowOf<typeof ENDS>>(
        `SELECT ${ENDS.select} FROM sign_bindings b JOIN signs s ON s.id = b.sign_id ${onSurface(surface)}
         WHERE b.id = ? AND b.instance_id = ? AND b.project_id = ?`,
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

  /** Returns the publications of a key, newest first. A publication that is offline keeps its row (docs/contracts/apig.md §2.4). */
  async boundApis(scope: InstanceScope, query: ApisOfSignQuery, surface: Surface = 'contract'): Promise<BoundApisView> {
    await this.assertSign(scope, query.sign_id, surface);
    const { where, values, exact } = apiConditions(query);
    const from = `FROM sign_bindings b JOIN signs s ON s.id = b.sign_id JOIN publications p ON p.id = b.publish_id ${OF_PUBLICATION}
      WHERE b.sign_id = ? AND b.instance_id = ? AND b.project_id = ? ${where}`;
    const params = [query.sign_id, scope.instanceId, scope.projectId, ...values];
    const { total, rows } = await this.page<BindingRow>(BOUND_API, from, 'b.id', params, query, exact);
    return { total, size: rows.length, bindings: rows.map((row) => boundApi(row, toSeconds(row.createdAt))) };
  }

  /**
   * Returns all online publications without this key. Each row shows the key that the publication has instead
   * (docs/contracts/apig.md §2.2).
   */
  async unboundApis(scope: InstanceScope, query: ApisOfSignQuery): Promise<UnboundApisView> {
    await this.assertSign(scope, query.sign_id, 'contract');
    const { where, values, exact } = apiConditions(query);
    const from = `FROM publications p ${OF_PUBLICATION} LEFT JOIN sign_bindings b ON b.publish_id = p.id LEFT JOIN signs s ON s.id = b.sign_id ${onSurface('contract')}
      WHERE p.instance_id = ? AND p.project_id = ? AND p.online = 1 AND (b.sign_id IS NULL OR b.sign_id <> ?) ${where}`;
    const params = [scope.instanceId, scope.projectId, query.sign_id, ...values];
    const { total, rows } = await this.page<PublicationRow & { signName: string | null }>(UNBOUND_API, from, 'p.id', params, query, exact);
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

  /**
   * Returns the keys of an API, at most one per environment (docs/contracts/apig.md §2.1). Damaged keys are left out. @throws ApiNotFound,
   * InstanceNotFound
   */
  async boundSigns(scope: InstanceScope, query: SignsOfApiQuery): Promise<BoundSignsView> {
    await this.assertExists(scope, 'apis s', query.api_id, () => new ApiNotFound(query.api_id));
    const conditions: string[] = [];
    const values: string[] = [];
    const add = (sql: string, value: string) => {
      conditions.push(`AND ${sql}`);
      values.push(value);
    };
    if (query.sign_id !== undefined) add('b.sign_id = ?', query.sign_id);
    if (query.env_id !== undefined) add('p.env_id = ?', query.env_id);
    let exact: NameCondition['exactFirst'] | undefined;
    if (query.sign_name !== undefined) {
      const { sql, value, exactFirst } = nameCondition('s.name', query.sign_name, false);
      add(sql, value);
      exact = exactFirst;
    }
    const from = `FROM publications p JOIN sign_bindings b ON b.publish_id = p.id JOIN signs s ON s.id = b.sign_id ${onSurface('contract')} ${OF_SIGN} ${OF_PUBLICATION}
      WHERE p.api_id = ? AND p.instance_id = ? AND p.project_id = ? ${conditions.join(' ')}`;
    const params = [query.api_id, scope.instanceId, scope.projectId, ...values];
    const { total, rows } = await this.page<BindingRow>(BOUND_SIGN, from, 'b.id', params, query, exact);
    const open = (box: ProjectCipher, row: BindingRow) => withHalves(row, openSign(box, scope, row), toSeconds(row.createdAt));
    const opened = await this.vault.openEach(scope.projectId, rows, open, ({ sealedSecret }) => sealedSecret);
    const bindings = opened.filter((view) => view !== undefined);
    return { total, size: bindings.length, bindings };
  }

  /** Returns one page and the number of all matches. An exact match of a name comes first, then the newest rows. */
  private async page<T>(
    select: string,
    from: string,
    order: string,
    params: readonly Param[],
    { limit, offset }: { limit: number; offset: number },
    exact: NameCondition['exactFirst'] | undefined,
  ): Promise<{ total: number; rows: T[] }> {
    const sql = `SELECT ${select}, COUNT(*) OVER () AS total ${from} ORDER BY ${exact ? `${exact.sql}, ` : ''}${order} DESC LIMIT ? OFFSET ?`;
    const rows = await this.database.rows<T & { total: number }>(sql, [
      ...params,
      ...(exact ? [exact.value] : []),
      String(limit),
      String(offset),
    ]);
    const [row] = rows;
    if (row || offset === 0) return { total: row?.total ?? 0, rows };
    const [count] = await this.database.rows<{ total: number }>(`SELECT COUNT(*) AS total ${from}`, params);
    return { total: count?.total ?? 0, rows };
  }

  private assertSign(scope: InstanceScope, signId: string, surface: Surface): Promise<void> {
    return this.assertExists(scope, 'signs s', signId, () => new SignNotFound(signId), onSurface(surface));
  }

  /** Checks that the row exists, with one statement that distinguishes a missing row from a missing gateway. */
  private async assertExists(
    scope: InstanceScope,
    table: 'signs s' | 'apis s',
    id: string,
    notFound: () => Error,
    condition = '',
  ): Promise<void> {
    const sql = `SELECT s.id FROM instances i LEFT JOIN ${table} ON s.instance_id = i.id AND s.id = ? ${condition} WHERE i.id = ? AND i.project_id = ?`;
    const [row] = await this.database.rows<{ id: string | null }>(sql, [id, scope.instanceId, scope.projectId]);
    if (!row) throw new InstanceNotFound(scope.instanceId);
    if (row.id === null) throw notFound();
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

  private async bindingsOn(write: Write, publishIds: readonly string[]): Promise<Map<string, RowOf<typeof THERE>>> {
    const found = new Map<string, RowOf<typeof THERE>>();
    for (const part of chunks(publishIds)) {
      const rows = await write.rows<RowOf<typeof THERE>>(
        `SELECT ${THERE.select} FROM sign_bindings WHERE publish_id IN (${placeholders(part)})`,
        part,
      );
      for (const row of rows) found.set(row.publishId, row);
    }
    return found;
  }
}

function withHalves(row: BindingRow, { key, secret }: SignHalves, bindingTime: string): BindingView {
  const view = {
    ...boundApi(row, bindingTime),
    sign_type: row.signType,
    sign_key: key,
    sign_secret: secret,
    ...(row.signAlgorithm && { sign_algorithm: row.signAlgorithm }),
  };
  return row.masks === 1 ? maskedHalves(view) : view;
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

/** The filters that `binded-apis` and `unbinded-apis` have in common (docs/contracts/apig.md §2.1). */
function apiConditions(query: ApisOfSignQuery): { where: string; values: string[]; exact: NameCondition['exactFirst'] | undefined } {
  const conditions: string[] = [];
  const values: string[] = [];
  let exact: NameCondition['exactFirst'] | undefined;
  const add = (sql: string, ...bound: string[]) => {
    conditions.push(`AND ${sql}`);
    values.push(...bound);
  };
  if (query.env_id !== undefined) add('p.env_id = ?', query.env_id);
  if (query.api_id !== undefined) add('p.api_id = ?', query.api_id);
  if (query.group_id !== undefined) add('a.group_id = ?', query.group_id);
  if (query.api_name !== undefined) {
    const { sql, value, exactFirst } = nameCondition('a.name', query.api_name, false);
    add(sql, value);
    exact = exactFirst;
  }
  if (query.tags !== undefined) {
    // Tags are stored as a JSON array of strings. So each tag is matched together with its quotes.
    const tags = query.tags.split(',');
    const column = "COALESCE(JSON_EXTRACT(a.definition, '$.tags'), '[]')";
    const each = tags.map((tag) => (tag === NO_TAGS ? `${column} = '[]'` : `${column} LIKE ? ESCAPE '!'`));
    add(
      `(${each.join(' OR ')})`,
      ...tags.filter((tag) => tag !== NO_TAGS).map((tag) => nameCondition('', JSON.stringify(tag), false).value),
    );
  }
  return { where: conditions.join(' '), values, exact };
}
