import { hash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { AuditService } from '../audit/audit.service.js';
import { MachineIdentity } from '../auth/machine-identity.js';
import { ChangesService } from '../changes/changes.service.js';
import { Fault } from '../common/api-error.js';
import { Clock } from '../common/clock.js';
import { ID_PATTERN, newId } from '../common/ids.js';
import type { Caller, Machine } from '../common/principal.js';
import type { InstanceScope } from '../common/scope.js';
import { Database } from '../database/database.js';
import { inInstance } from '../instances/instance-scope.js';
import type { GatewayTokenInput, GatewayTokenListView, NewGatewayTokenView } from './gateway-tokens.dto.js';
import { toView } from './gateway-tokens.dto.js';
import type { GatewayToken } from './gateway-token.entity.js';
import { rowsOf } from './instance-rows.js';

const PREFIX = 'sgw_';
const TOKEN_BYTES = 32;
const KNOWN_MAX = 10_000;
/** A credential revoked in another process stops working here within this time. */
const FRESH_MS = 5_000;
const COLUMNS = 'id, project_id, instance_id, role, name, token_hash, created_at';

interface Known {
  machine: Machine;
  until: number;
}

const hashOf = (token: string) => hash('sha256', token, 'hex');

/** Credentials of machines: made, listed, revoked, recognised. */
@Injectable()
export class GatewayTokens extends MachineIdentity {
  readonly #known = new LRUCache<string, Known>({ max: KNOWN_MAX });
  readonly #underway = new Map<string, Promise<Machine>>();
  /** Counts revocations, so that a look-up begun before one does not outlive it in memory. */
  #revocations = 0;

  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly clock: Clock,
  ) {
    super();
  }

  /** Makes a credential; its token is in this answer and nowhere else. @throws InstanceNotFound */
  async create(scope: InstanceScope, input: GatewayTokenInput, caller: Caller): Promise<NewGatewayTokenView> {
    const token = PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
    const id = newId();
    const { role = 'gateway', name = '' } = input;
    return this.changes.write(inInstance(scope), async (write) => {
      const values = [id, scope.projectId, scope.instanceId, role, name, hashOf(token), write.now];
      await write.run(`INSERT INTO gateway_tokens (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)`, values);
      const entry = { action: 'CreateGatewayToken', resourceType: 'GatewayToken', resourceId: id, resourceName: name, detail: { role } };
      await this.audit.record(write, caller, entry);
      write.change('gateway_token', id, 'created');
      return { ...toView({ id, role, name, createdAt: write.now }), token };
    });
  }

  /** Credentials of a gateway, newest first, without their tokens. @throws InstanceNotFound */
  async list(scope: InstanceScope): Promise<GatewayTokenListView> {
    const sql = `SELECT id, role, name, created_at AS createdAt FROM gateway_tokens WHERE instance_id = ? AND project_id = ?
      ORDER BY id DESC`;
    const rows = await rowsOf<GatewayToken>(this.database, scope, sql, [scope.instanceId, scope.projectId]);
    return { total: rows.length, size: rows.length, gateway_tokens: rows.map(toView) };
  }

  /**
   * Revokes a credential: at once here, with the streams that it has open; elsewhere as soon as the change is noticed by a
   * process that serves its streams, and in any case within five seconds.
   * @throws Fault `not_found`, InstanceNotFound
   */
  async revoke(scope: InstanceScope, tokenId: string, caller: Caller): Promise<void> {
    if (!ID_PATTERN.test(tokenId)) throw new Fault('not_found');
    await this.changes.write(inInstance(scope), async (write) => {
      const where = 'WHERE id = ? AND instance_id = ? AND project_id = ?';
      const [token] = await write.rows<{ name: string; role: string }>(`SELECT name, role FROM gateway_tokens ${where}`, [
        tokenId,
        scope.instanceId,
        scope.projectId,
      ]);
      if (!token) throw new Fault('not_found');
      await write.run('DELETE FROM gateway_tokens WHERE id = ?', [tokenId]);
      await this.audit.record(write, caller, {
        action: 'DeleteGatewayToken',
        resourceType: 'GatewayToken',
        resourceId: tokenId,
        resourceName: token.name,
        detail: { role: token.role },
      });
      write.change('gateway_token', tokenId, 'deleted');
    });
    this.forget(tokenId);
  }

  /** Forgets a credential that was revoked. */
  forget(tokenId: string): void {
    this.#revocations++;
    for (const [key, { machine }] of this.#known) if (machine.tokenId === tokenId) this.#known.delete(key);
  }

  authenticate(token: string): Machine | Promise<Machine> {
    if (!token.startsWith(PREFIX)) throw new Fault('token_invalid');
    const key = hashOf(token);
    const known = this.#known.get(key);
    if (known && this.clock.now() < known.until) return known.machine;
    return this.#underway.get(key) ?? this.verify(key);
  }

  private verify(key: string): Promise<Machine> {
    const revocations = this.#revocations;
    const verified = this.lookUp(key)
      .then((machine) => {
        if (revocations === this.#revocations) this.#known.set(key, { machine, until: this.clock.now() + FRESH_MS });
        return machine;
      })
      .finally(() => this.#underway.delete(key));
    this.#underway.set(key, verified);
    return verified;
  }

  private async lookUp(key: string): Promise<Machine> {
    const sql = `SELECT id AS tokenId, project_id AS projectId, instance_id AS instanceId, role FROM gateway_tokens WHERE token_hash = ?`;
    const [machine] = await this.database.rows<Machine>(sql, [key]);
    if (!machine) throw new Fault('token_invalid');
    return machine;
  }
}
