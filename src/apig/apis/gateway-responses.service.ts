import { Injectable } from '@nestjs/common';
import type { AuditAction } from '../../platform/audit/actions.js';
import { AuditService } from '../../platform/audit/audit.service.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { newId } from '../../platform/common/ids.js';
import type { Page } from '../../platform/common/pagination.js';
import type { Caller } from '../../platform/common/principal.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import { Config } from '../../platform/config/config.js';
import type { RowOf } from '../../platform/database/columns.js';
import { Database } from '../../platform/database/database.js';
import { violates } from '../../platform/database/errors.js';
import { inInstance } from '../instances/instance-scope.js';
import { ResponseNameTaken, ResponseNotFound, ResponseProtected, ResponseNameProtected, ResponseQuotaExceeded } from './apis.errors.js';
import {
  type GatewayResponseInput,
  type GatewayResponseListView,
  type GatewayResponseView,
  isResponseType,
  NEW_RESPONSE,
  RESPONSE,
  RESPONSE_SUMMARY,
  type ResponseInput,
  type ResponsePath,
  type ResponseRow,
  type ResponsesView,
  type ResponseType,
  type ResponseTypePath,
  responsesOf,
  toResponseRowView,
  toResponses,
  toResponseView,
} from './gateway-responses.dto.js';
import { findGroup, readGroup } from './groups.service.js';
import { limitsOf } from './limits.js';
import { Filters, findIn, listOf, toJson } from './listing.js';

const UNIQUE_NAME = { name: 'uq_gateway_responses_group_name', columns: 'gateway_responses.group_id, gateway_responses.name' };
const SELECT = RESPONSE.select;
const FROM = 'gateway_responses r';

/** Custom responses of API groups. Signet stores them, but gateway nodes answer with their own responses (docs/contracts/apig.md §3.9). */
@Injectable()
export class GatewayResponsesService {
  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /** @throws GroupNotFound, ResponseQuotaExceeded, ResponseNameTaken, InstanceNotFound */
  create(scope: InstanceScope, groupId: string, input: GatewayResponseInput, caller: Caller): Promise<GatewayResponseView> {
    const id = newId();
    return this.changes.write(inInstance(scope), async (write) => {
      await findGroup(write, scope, groupId);
      const sql = 'SELECT COUNT(*) AS used FROM gateway_responses WHERE group_id = ? AND built_in = 0';
      const [quota] = await write.rows<{ used: number }>(sql, [groupId]);
      if ((quota?.used ?? 0) >= limitsOf(this.config)('RESPONSE_NUM_LIMIT')) throw new ResponseQuotaExceeded();
      const times = { createdAt: write.now, updatedAt: write.now };
      const row = { id, groupId, name: input.name, builtIn: 0 as const, responses: toJson(input.responses ?? {}), ...times };
      await write.run(NEW_RESPONSE.insert(), NEW_RESPONSE.values({ ...scope, ...row })).catch(nameTaken);
      await this.record(write, caller, 'CreateGatewayResponse', row);
      write.change('group', groupId, 'updated');
      return toResponseView(row, write.now);
    });
  }

  /** Replaces name and responses. @throws GroupNotFound, ResponseNotFound, ResponseNameProtected, ResponseNameTaken, InstanceNotFound */
  update(scope: InstanceScope, path: ResponsePath, input: GatewayResponseInput, caller: Caller): Promise<GatewayResponseView> {
    return this.edit(scope, path, caller, (before) => {
      if (before.builtIn === 1 && input.name !== before.name) throw new ResponseNameProtected();
      return { name: input.name, responses: toJson(input.responses ?? {}) };
    });
  }

  /** Sets the response for one error type. @throws GroupNotFound, ResponseNotFound, InstanceNotFound */
  async setType(scope: InstanceScope, path: ResponseTypePath, input: ResponseInput, caller: Caller): Promise<ResponsesView> {
    const { responses } = await this.edit(scope, path, caller, (before) => withType(before, path.response_type, input));
    const type = assertType(path.response_type);
    return { [type]: responses[type] };
  }

  /** Resets the response for one error type to the default. @throws GroupNotFound, ResponseNotFound, InstanceNotFound */
  async resetType(scope: InstanceScope, path: ResponseTypePath, caller: Caller): Promise<void> {
    await this.edit(scope, path, caller, (before) => withType(before, path.response_type, undefined));
  }

  /** @throws GroupNotFound, ResponseNotFound, ResponseProtected, InstanceNotFound */
  async delete(scope: InstanceScope, path: ResponsePath, caller: Caller): Promise<void> {
    await this.changes.write(inInstance(scope), async (write) => {
      const response = await this.find(write, scope, path);
      if (response.builtIn === 1) throw new ResponseProtected();
      await write.run('DELETE FROM gateway_responses WHERE id = ?', [response.id]);
      await this.record(write, caller, 'DeleteGatewayResponse', response);
      write.change('group', path.group_id, 'updated');
    });
  }

  /** @throws GroupNotFound, ResponseNotFound, InstanceNotFound */
  async get(scope: InstanceScope, path: ResponsePath): Promise<GatewayResponseView> {
    return toResponseView(await this.read(scope, path));
  }

  /** Returns the response for one error type. @throws GroupNotFound, ResponseNotFound, InstanceNotFound */
  async getType(scope: InstanceScope, path: ResponseTypePath): Promise<ResponsesView> {
    const row = await this.read(scope, path);
    return toResponses(responsesOf(row), [assertType(path.response_type)]);
  }

  /**
   * Returns the responses of a group, newest first. The one that was created together with the group is the last. @throws GroupNotFound,
   * InstanceNotFound
   */
  async list(scope: InstanceScope, groupId: string, page: Page): Promise<GatewayResponseListView> {
    await readGroup(this.database, scope, groupId);
    const filters = new Filters().equal('r.group_id', groupId);
    const { total, rows } = await listOf<RowOf<typeof RESPONSE_SUMMARY>>(
      this.database,
      scope,
      { select: RESPONSE_SUMMARY.select, from: FROM, filters },
      page,
    );
    return { total, size: rows.length, responses: rows.map((row) => toResponseRowView(row)) };
  }

  private edit(
    scope: InstanceScope,
    path: ResponsePath,
    caller: Caller,
    next: (before: ResponseRow) => { name: string; responses: string },
  ): Promise<GatewayResponseView> {
    return this.changes.write(inInstance(scope), async (write) => {
      const before = await this.find(write, scope, path);
      const after = { ...before, ...next(before), updatedAt: write.now };
      await write
        .run('UPDATE gateway_responses SET name = ?, responses = ?, updated_at = ? WHERE id = ?', [
          after.name,
          after.responses,
          write.now,
          after.id,
        ])
        .catch(nameTaken);
      await this.record(write, caller, 'UpdateGatewayResponse', after);
      write.change('group', path.group_id, 'updated');
      return toResponseView(after, write.now);
    });
  }

  private async find(
    write: Write,
    scope: InstanceScope,
    { group_id: groupId, response_id: responseId }: ResponsePath,
  ): Promise<ResponseRow> {
    await findGroup(write, scope, groupId);
    const [response] = await write.rows<ResponseRow>(`SELECT ${SELECT} FROM ${FROM} WHERE r.id = ? AND r.group_id = ?`, [
      responseId,
      groupId,
    ]);
    if (!response) throw new ResponseNotFound();
    return response;
  }

  private async read(scope: InstanceScope, { group_id: groupId, response_id: responseId }: ResponsePath): Promise<ResponseRow> {
    await readGroup(this.database, scope, groupId);
    const missing = () => new ResponseNotFound();
    const response = await findIn<ResponseRow>(this.database, scope, { select: SELECT, from: FROM }, responseId, missing);
    if (response.groupId !== groupId) throw missing();
    return response;
  }

  private record(write: Write, caller: Caller, action: AuditAction, response: Pick<ResponseRow, 'id' | 'name' | 'groupId'>): Promise<void> {
    return this.audit.record(write, caller, {
      action,
      resourceType: 'GatewayResponse',
      resourceId: response.id,
      resourceName: response.name,
      detail: { group_id: response.groupId },
    });
  }
}

/** @throws ResponseNotFound */
function assertType(type: string): ResponseType {
  if (!isResponseType(type)) throw new ResponseNotFound();
  return type;
}

/** @throws ResponseNotFound */
const withType = (before: ResponseRow, type: string, input: ResponseInput | undefined) => ({
  name: before.name,
  responses: toJson({ ...responsesOf(before), [assertType(type)]: input }),
});

function nameTaken(error: unknown): never {
  throw violates(error, UNIQUE_NAME) ? new ResponseNameTaken() : error;
}
