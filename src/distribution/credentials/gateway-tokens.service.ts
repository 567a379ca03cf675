import { hash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AuditService } from '../../platform/audit/audit.service.js';
import { MachineIdentity } from '../../platform/auth/machine-identity.js';
import { MACHINES_FRESH_MS } from '../../platform/auth/freshness.js';
import { RevocableCache } from '../../platform/auth/revocable-cache.js';
import { ChangesService, type Write } from '../../platform/changes/changes.service.js';
import { ApiFault, invalid } from '../../platform/common/api-error.js';
import { Clock, toMicroseconds } from '../../platform/common/clock.js';
import { ID_PATTERN, newId } from '../../platform/common/ids.js';
import type { Caller, Machine } from '../../platform/common/principal.js';
import type { InstanceScope } from '../../platform/common/scope.js';
import { Committed } from '../../platform/common/committed.js';
import { Config } from '../../platform/config/config.js';
import { Database, type Rows, type Tx } from '../../platform/database/database.js';
import { placeholders } from '../../platform/database/tx.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { inInstance } from '../../apig/instances/instance-scope.js';
import { proof } from '../../platform/vault/mac-tables.js';
import { RowMacs } from '../../platform/vault/row-macs.js';
import type { GatewayTokenInput, GatewayTokenListView, GatewayTokenRenewalInput, NewGatewayTokenView } from './gateway-tokens.dto.js';
import { type GatewayTokenRow, toView } from './gateway-tokens.dto.js';
import { GatewayToken } from './gateway-token.entity.js';
import { inGatewayOrProject, rowsOf } from '../../apig/instances/instance-rows.js';

const TOKEN = columnsOf(GatewayToken, 't').pick('id', 'role', 'name', 'createdAt', 'expiresAt', 'certificateSha256', 'renewalOf');
const ALIVE = columnsOf(GatewayToken, 't').pick('id', 'expiresAt');
const MACHINE = columnsOf(GatewayToken, 't').pick({ tokenId: 'id' }, 'projectId', 'instanceId', 'role', 'expiresAt', 'certificateSha256');

const PREFIX = 'sgw_';
const TOKEN_BYTES = 32;
const CACHED_MAX = 10_000;
/** Maximum number of rows that one DELETE removes. */
const DELETE_BATCH_MAX = 500;
const OF_TOKEN = { t: 'gateway_tokens' } as const;

const hashOf = (token: string) => hash('sha256', token, 'hex');

/**
 * Creates, renews, lists, revokes and authenticates the credentials of gateway nodes and verifiers.
 *
 * Guarantees: A revoked credential is refused at once in the process that revoked it, and within `MACHINES_FRESH_MS` in every other.
 * Condition: Every change of a credential clears its entry after the commit.
 * Degrades: While the database fails, a credential without a fresh entry is answered with an error, never accepted.
 */
@Injectable()
export class GatewayTokens extends MachineIdentity {
  readonly #cache: RevocableCache<Machine, string>;

  constructor(
    private readonly database: Database,
    private readonly changes: ChangesService,
    private readonly audit: AuditService,
    private readonly macs: RowMacs,
    private readonly config: Config,
    private readonly clock: Clock,
  ) {
    super();
    this.#cache = new RevocableCache({
      max: CACHED_MAX,
      clock,
      freshMs: () => MACHINES_FRESH_MS,
      endsAt: ({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY,
      lookUp: (tokenHash) => this.lookUp(tokenHash),
    });
  }

  /**
   * Creates a credential. Only this response contains its token.
   * @throws InstanceNotFound; ApiFault 400 for an expiry in the past, and for a certificate if the server requests no client certificates
   */
  async create(scope: InstanceScope, input: GatewayTokenInput, caller: Caller): Promise<NewGatewayTokenView> {
    const { role = 'gateway', name = '' } = input;
    const certificateSha256 = this.certificate(input.client_certificate_sha256) ?? null;
    return this.changes.write(inInstance(scope), async (write) => {
      const expiresAt = endOf(input.expires_at, write.now) ?? null;
      const made = await this.insert(write, scope, { role, name, expiresAt, certificateSha256, renewalOf: null });
      const entry = { action: 'CreateGatewayToken' as const, resourceType: 'GatewayToken', resourceId: made.id, resourceName: name };
      await this.audit.record(write, caller, { ...entry, detail: detailOf(made) });
      write.change('gateway_token', made.id, 'created');
      return { ...toView(made, write.now, this.config.sessionsPerCredential), token: made.token };
    });
  }

  /**
   * Creates a replacement for a credential, which ends after the overlap. A session moves to the replacement with the first report that it
   * sends with the new token.
   * @throws ApiFault `not_found`, `conflict` when the credential has already ended, 400 as {@link create}; InstanceNotFound
   */
  async renew(scope: InstanceScope, tokenId: string, input: GatewayTokenRenewalInput, caller: Caller): Promise<NewGatewayTokenView> {
    if (!ID_PATTERN.test(tokenId)) throw new ApiFault('not_found');
    const bound = this.certificate(input.client_certificate_sha256);
    const renewed = await this.changes.write(inInstance(scope), async (write) => {
      const [row] = await write.rows<GatewayTokenRow>(`${SELECT} WHERE t.id = ? AND t.instance_id = ? AND t.project_id = ?`, [
        tokenId,
        scope.instanceId,
        scope.projectId,
      ]);
      if (!row) throw new ApiFault('not_found');
      if (isOver(row, write.now)) throw new ApiFault('conflict', { detail: 'the credential has ended: create a new one' });
      const life = row.expiresAt === null ? null : write.now + (row.expiresAt - row.createdAt);
      const { role, name } = row;
      const certificateSha256 = bound ?? row.certificateSha256;
      const expiresAt = endOf(input.expires_at, write.now) ?? life;
      const renewalOf = row.renewalOf ?? tokenId;
      const made = await this.insert(write, scope, { role, name, expiresAt, certificateSha256, renewalOf });
      const ends = Math.min(row.expiresAt ?? Number.POSITIVE_INFINITY, write.now + input.overlap_seconds * 1000);
      if (!(await this.macs.update(write, 'gateway_tokens', { id: tokenId }, { expires_at: ends }))) throw new ApiFault('not_found');
      await this.audit.record(write, caller, {
        action: 'RenewGatewayToken',
        resourceType: 'GatewayToken',
        resourceId: tokenId,
        resourceName: name,
        detail: { ...detailOf(made), renewed_by: made.id, ends_at: toMicroseconds(ends) },
      });
      write.change('gateway_token', made.id, 'created');
      write.change('gateway_token', tokenId, 'updated');
      return { ...toView(made, write.now, this.config.sessionsPerCredential), token: made.token };
    });
    this.forget();
    return renewed;
  }

  /** Returns the credentials of a gateway, newest first, without their tokens. @throws InstanceNotFound */
  async list(scope: InstanceScope): Promise<GatewayTokenListView> {
    const sql = `${SELECT} WHERE t.instance_id = ? AND t.project_id = ? ORDER BY t.id DESC`;
    const rows = await rowsOf<GatewayTokenRow>(this.database, scope, sql, [scope.instanceId, scope.projectId]);
    const now = this.clock.now();
    const gateway_tokens = rows.map((row) => toView(row, now, this.config.sessionsPerCredential));
    return { total: rows.length, size: rows.length, gateway_tokens };
  }

  /**
   * Revokes a credential. In this process, it and its open streams end at once. In other processes they end when the change reaches the
   * streams, after five seconds at the latest. Its sessions cannot acknowledge anything any more, so the receipt is complete when their
   * leases have ended. Also works for a deleted gateway.
   * @throws ApiFault `not_found`, InstanceNotFound
   */
  async revoke(scope: InstanceScope, tokenId: string, caller: Caller): Promise<Committed<void>> {
    if (!ID_PATTERN.test(tokenId)) throw new ApiFault('not_found');
    const { lock, gateway } = await inGatewayOrProject(this.database, scope);
    const written = await this.changes.commit(lock, async (write) => {
      const where = 'WHERE id = ? AND instance_id = ? AND project_id = ?';
      const [token] = await write.rows<{ name: string; role: string }>(`SELECT name, role FROM gateway_tokens ${where}`, [
        tokenId,
        scope.instanceId,
        scope.projectId,
      ]);
      if (!token) throw new ApiFault('not_found');
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
    this.forget();
    // The deletion of the gateway has already ended everything, so the receipt is that of its revision.
    return gateway.deleted ? new Committed(undefined, inInstance(scope).scope, gateway.revision, gateway.epoch) : written;
  }

  /** Deletes the credentials of deleted gateways that have neither an open session nor a verifier. */
  async removeOrphaned(): Promise<void> {
    const rows = await this.database.rows<{ id: string }>(
      `SELECT t.id FROM gateway_tokens t LEFT JOIN instances i ON i.id = t.instance_id WHERE i.id IS NULL
         AND NOT EXISTS (SELECT 1 FROM signing_sessions s WHERE s.scope_kind = 'instance' AND s.scope_id = t.instance_id AND s.ending IS NULL)
         AND NOT EXISTS (SELECT 1 FROM verifiers v WHERE v.token_id = t.id AND v.ending IS NULL) LIMIT ${DELETE_BATCH_MAX}`,
    );
    if (rows.length === 0) return;
    const ids = rows.map(({ id }) => id);
    await this.database.transaction((tx) => tx.run(`DELETE FROM gateway_tokens WHERE id IN (${placeholders(ids)})`, ids));
    this.forget();
  }

  /** Clears the cache of authenticated credentials, because one was revoked. */
  forget(): void {
    this.#cache.forgetAll();
  }

  authenticate(token: string): Machine | Promise<Machine> {
    if (!token.startsWith(PREFIX)) throw new ApiFault('token_invalid');
    const tokenHash = hashOf(token);
    return this.#cache.get(tokenHash, tokenHash);
  }

  /**
   * Checks the credential in the database instead of the cache. @throws ApiFault `token_invalid` when the credential was revoked or has
   * expired
   */
  async assertLive({ tokenId }: Machine): Promise<void> {
    if ((await this.findLive(this.database, [tokenId])).has(tokenId)) return;
    this.forget();
    throw new ApiFault('token_invalid');
  }

  /**
   * Returns those of these credentials that are neither revoked nor expired. Reads the database instead of the cache, which may be seconds
   * old.
   * @param rows the transaction that acts on the result
   */
  findLive(rows: Rows, tokenIds: readonly string[]): Promise<ReadonlySet<string>> {
    return this.read(rows, tokenIds, '');
  }

  /** As {@link findLive}, and locks the rows until the transaction ends. */
  lockLive(tx: Tx, tokenIds: readonly string[]): Promise<ReadonlySet<string>> {
    return this.read(tx, tokenIds, tx.engine === 'mariadb' ? 'FOR UPDATE' : '');
  }

  private async read(reads: Rows, tokenIds: readonly string[], suffix: string): Promise<ReadonlySet<string>> {
    const sql = `SELECT ${ALIVE.select}, ${proof('gateway_tokens', 't')} FROM gateway_tokens t
      WHERE t.id IN (${placeholders(tokenIds)}) ${suffix}`;
    const rows = await reads.rows<RowOf<typeof ALIVE>>(sql, tokenIds);
    const believed = await this.macs.verified(reads, rows, OF_TOKEN);
    const now = this.clock.now();
    return new Set(believed.filter((row) => !isOver(row, now)).map(({ id }) => id));
  }

  private async lookUp(tokenHash: string): Promise<Machine> {
    const sql = `SELECT ${MACHINE.select}, COALESCE(t.renewal_of, t.id) AS lineageId, ${proof('gateway_tokens', 't')} FROM gateway_tokens t WHERE t.token_hash = ?`;
    const machine = await this.macs.one(this.database, await this.database.rows<Machine>(sql, [tokenHash]), OF_TOKEN);
    if (!machine || isOver(machine, this.clock.now())) throw new ApiFault('token_invalid');
    return machine;
  }

  private async insert(
    write: Write,
    { projectId, instanceId }: InstanceScope,
    made: NewToken,
  ): Promise<GatewayTokenRow & { token: string }> {
    const token = PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
    const row = { id: newId(), ...made, createdAt: write.now, sessions: 0 };
    await this.macs.insert(write, 'gateway_tokens', {
      id: row.id,
      project_id: projectId,
      instance_id: instanceId,
      role: made.role,
      name: made.name,
      token_hash: hashOf(token),
      expires_at: made.expiresAt,
      certificate_sha256: made.certificateSha256,
      renewal_of: made.renewalOf,
      created_at: write.now,
    });
    return { ...row, token };
  }

  /** @returns the hash in lower case, without colons @throws ApiFault 400 if the server requests no client certificates */
  private certificate(given: string | undefined): string | undefined {
    if (given === undefined) return undefined;
    if (this.config.edge.tls?.clientCaFile === undefined)
      throw invalid('client_certificate_sha256', {
        detail: 'this server requests no client certificates, because SIGNET_TLS contains no client-ca',
      });
    return given.replaceAll(':', '').toLowerCase();
  }
}

type NewToken = Pick<GatewayTokenRow, 'role' | 'name' | 'expiresAt' | 'certificateSha256' | 'renewalOf'>;

const SELECT = `SELECT ${TOKEN.select}, (SELECT COUNT(*) FROM signing_sessions s WHERE s.credential_id = t.id AND s.ending IS NULL) AS sessions FROM gateway_tokens t`;

const isOver = ({ expiresAt }: { expiresAt: number | null }, now: number): boolean => expiresAt !== null && expiresAt <= now;

const detailOf = ({ role, expiresAt, certificateSha256 }: NewToken) => ({
  role,
  ...(expiresAt !== null && { expires_at: toMicroseconds(expiresAt) }),
  ...(certificateSha256 !== null && { client_certificate_sha256: certificateSha256 }),
});

/** @throws ApiFault 400 for a time in the past */
function endOf(given: string | undefined, now: number): number | undefined {
  if (given === undefined) return undefined;
  const end = Date.parse(given);
  if (!(end > now)) throw invalid('expires_at', { detail: 'the time must be in the future' });
  return end;
}
