import { Injectable } from '@nestjs/common';
import { InstanceNotFound } from '../common/api-error.js';
import type { InstanceScope } from '../common/scope.js';
import { Database, type Reads } from '../database/database.js';
import { placeholders } from '../database/tx.js';
import type { GatewayPublication, GatewaySign, Snapshot } from '../lib/protocol/protocol.js';
import type { SignAlgorithm, SignType } from '../lib/signing/algorithms.js';
import { secretPlace } from '../signs/signs.service.js';
import { VaultService } from '../vault/vault.service.js';

/** What a node asks for when it knows what changed. */
export interface Wanted {
  publishIds: readonly string[];
  signIds: readonly string[];
}

interface SignColumns {
  signId: string;
  signType: SignType;
  signAlgorithm: SignAlgorithm | null;
  signKey: string;
  sealedSecret: string;
  secretVersion: number;
}

type Row = {
  publishId: string;
  apiId: string;
  envId: string;
  envName: string;
  /** Method, path, match mode and group of the version in effect, as a JSON array; parsed or not, as the driver likes. */
  route: string | [string, string, GatewayPublication['match_mode'], string];
} & ({ signId: null } | SignColumns);

// One JSON_EXTRACT with several paths answers in the order of the document on MariaDB.
const SELECT = `SELECT p.id AS publishId, p.api_id AS apiId, p.env_id AS envId, e.name AS envName,
  JSON_ARRAY(${['req_method', 'req_uri', 'match_mode', 'group_id'].map((field) => `JSON_EXTRACT(v.definition, '$.${field}')`).join(', ')}) AS route,
  s.id AS signId, s.sign_type AS signType, s.sign_algorithm AS signAlgorithm, s.sign_key AS signKey, s.sign_secret AS sealedSecret,
  s.secret_version AS secretVersion
  FROM publications p JOIN api_versions v ON v.id = p.version_id
  JOIN environments e ON e.instance_id = p.instance_id AND e.id = p.env_id
  LEFT JOIN sign_bindings b ON b.publish_id = p.id LEFT JOIN signs s ON s.id = b.sign_id
  WHERE p.instance_id = ? AND p.project_id = ? AND p.online = 1`;

/** What gateways sign with, as of one revision. */
@Injectable()
export class SnapshotService {
  constructor(
    private readonly database: Database,
    private readonly vault: VaultService,
  ) {}

  /** @throws InstanceNotFound */
  async take(scope: InstanceScope, wanted?: Wanted): Promise<Snapshot> {
    const { revision, rows } = await this.database.snapshot(async (reads) => ({
      revision: await revisionOf(reads, scope),
      rows: wanted
        ? await someRows(reads, scope, wanted)
        : await reads.rows<Row>(`${SELECT} ORDER BY p.id`, [scope.instanceId, scope.projectId]),
    }));
    const signs = new Map<string, GatewaySign>();
    for (const row of rows) if (row.signId !== null && !signs.has(row.signId)) signs.set(row.signId, await this.open(scope, row));
    const publications = rows.map((row) => toPublication(row, row.signId === null ? null : (signs.get(row.signId) ?? null)));
    return { instance_id: scope.instanceId, revision, partial: wanted !== undefined, publications };
  }

  private async open(scope: InstanceScope, row: SignColumns): Promise<GatewaySign> {
    return {
      sign_id: row.signId,
      sign_type: row.signType,
      sign_algorithm: row.signAlgorithm,
      sign_key: row.signKey,
      sign_secret: await this.vault.open(secretPlace(scope.projectId, row.signId, row.secretVersion), row.sealedSecret),
      version: row.secretVersion,
    };
  }
}

/** The revision that belongs to what else is read. @throws InstanceNotFound */
export async function revisionOf(reads: Reads, { projectId, instanceId }: InstanceScope): Promise<number> {
  const sql = `SELECT c.revision FROM instances i JOIN change_counters c ON c.scope_id = i.id WHERE i.id = ? AND i.project_id = ?`;
  const [counter] = await reads.rows<{ revision: number }>(sql, [instanceId, projectId]);
  if (!counter) throw new InstanceNotFound(instanceId);
  return counter.revision;
}

/** Publications that were named, and those that carry a key that was; each once. */
async function someRows(reads: Reads, scope: InstanceScope, { publishIds, signIds }: Wanted): Promise<Row[]> {
  const found = new Map<string, Row>();
  for (const [column, ids] of [
    ['p.id', publishIds],
    ['b.sign_id', signIds],
  ] as const) {
    if (ids.length === 0) continue;
    const sql = `${SELECT} AND ${column} IN (${placeholders(ids)}) ORDER BY p.id`;
    for (const row of await reads.rows<Row>(sql, [scope.instanceId, scope.projectId, ...ids])) found.set(row.publishId, row);
  }
  return [...found.values()];
}

function toPublication(row: Row, sign: GatewaySign | null): GatewayPublication {
  const [req_method, req_uri, match_mode, group_id] =
    typeof row.route === 'string' ? (JSON.parse(row.route) as Exclude<Row['route'], string>) : row.route;
  return {
    publish_id: row.publishId,
    api_id: row.apiId,
    group_id,
    env_id: row.envId,
    env_name: row.envName,
    req_method,
    req_uri,
    match_mode,
    sign,
  };
}
