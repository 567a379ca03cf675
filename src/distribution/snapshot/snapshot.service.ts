import { Injectable } from '@nestjs/common';
import type { InstanceScope } from '../../platform/common/scope.js';
import type { Reads } from '../../platform/database/database.js';
import { placeholders } from '../../platform/database/tx.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import type { EncodedSlashes, GatewayPublication, GatewaySign, OpenConnections, Snapshot } from '../../lib/protocol/protocol.js';
import { revisionOf } from '../../apig/instances/instance-rows.js';
import { openSign, type SignHalves } from '../../apig/signs/sealed-sign.js';
import { Sign } from '../../apig/signs/sign.entity.js';
import type { ProjectCipher } from '../../platform/vault/project-cipher.js';
import { VaultService } from '../../platform/vault/vault.service.js';
import { Environment } from '../../apig/apis/environment.entity.js';
import { Publication } from '../../apig/apis/publication.entity.js';

/** The rows that a node asks for when it knows which ones have changed. */
export interface Wanted {
  publishIds: readonly string[];
  signIds: readonly string[];
}

const PUBLICATION = columnsOf(Publication, 'p').pick({ publishId: 'id' }, 'apiId', 'envId');
const ENVIRONMENT = columnsOf(Environment, 'e').pick({ envName: 'name' });
const SIGN = columnsOf(Sign, 's').pick({ signId: 'id' }, 'signType', 'signAlgorithm', 'signKey', {
  sealedSecret: 'signSecret',
  version: 'secretVersion',
});

type SignColumns = RowOf<typeof SIGN>;

type Row = RowOf<typeof PUBLICATION> &
  RowOf<typeof ENVIRONMENT> & {
    /** Method, path, match mode and group of the version in effect: a JSON array, which is parsed or text depending on the driver. */
    route: string | [string, string, GatewayPublication['match_mode'], string];
  } & ({ signId: null } | SignColumns);

/** A snapshot with encrypted secrets. */
export interface SealedSnapshot {
  revision: number;
  partial: boolean;
  encodedSlashes: EncodedSlashes;
  openConnections: OpenConnections;
  rows: readonly Row[];
}

// Uses one JSON_EXTRACT per path. For several paths, MariaDB returns the values in the order of the document instead of the order of the
// paths.
const SELECT = `SELECT ${PUBLICATION.select}, ${ENVIRONMENT.select}, ${SIGN.select},
  JSON_ARRAY(${['req_method', 'req_uri', 'match_mode', 'group_id'].map((field) => `JSON_EXTRACT(v.definition, '$.${field}')`).join(', ')}) AS route
  FROM publications p JOIN api_versions v ON v.id = p.version_id
  JOIN environments e ON e.instance_id = p.instance_id AND e.id = p.env_id
  LEFT JOIN sign_bindings b ON b.publish_id = p.id LEFT JOIN signs s ON s.id = b.sign_id
  WHERE p.instance_id = ? AND p.project_id = ? AND p.online = 1`;

/** Builds the table with which gateway nodes sign, at one revision. */
@Injectable()
export class SnapshotService {
  constructor(private readonly vault: VaultService) {}

  /** Reads the table in one snapshot. The secrets stay encrypted. @throws InstanceNotFound */
  async read(reads: Reads, scope: InstanceScope, wanted?: Wanted): Promise<SealedSnapshot> {
    return {
      revision: await revisionOf(reads, scope),
      partial: wanted !== undefined,
      ...(await settingsOf(reads, scope)),
      rows: wanted
        ? await someRows(reads, scope, wanted)
        : await reads.rows<Row>(`${SELECT} ORDER BY p.id`, [scope.instanceId, scope.projectId]),
    };
  }

  /** Decrypts the secrets of a snapshot. */
  async open(scope: InstanceScope, epoch: string, { revision, partial, rows, ...settings }: SealedSnapshot): Promise<Snapshot> {
    const signs = await this.unseal(scope, rows);
    const publications = rows.map((row) => toPublication(row, row.signId === null ? null : (signs.get(row.signId) ?? null)));
    const { encodedSlashes: encoded_slashes, openConnections: open_connections } = settings;
    return { instance_id: scope.instanceId, epoch, revision, partial, encoded_slashes, open_connections, publications };
  }

  /**
   * Returns the keys of these rows by id. A key whose secret cannot be decrypted is left out, and its publications appear to have no key.
   */
  private async unseal(scope: InstanceScope, rows: readonly Row[]): Promise<Map<string, GatewaySign>> {
    const sealed = new Map<string, SignColumns>();
    for (const row of rows) if (row.signId !== null) sealed.set(row.signId, row);
    const open = (box: ProjectCipher, row: SignColumns) => toSign(row, openSign(box, scope, row));
    const opened = await this.vault.openEach(scope.projectId, [...sealed.values()], open, ({ sealedSecret }) => sealedSecret);
    return new Map(opened.filter((sign) => sign !== undefined).map((sign) => [sign.sign_id, sign]));
  }
}

const toSign = (row: SignColumns, { key, secret }: SignHalves): GatewaySign => ({
  sign_id: row.signId,
  sign_type: row.signType,
  sign_algorithm: row.signAlgorithm,
  sign_key: key,
  sign_secret: secret,
  version: row.version,
});

async function settingsOf(
  reads: Reads,
  { instanceId }: InstanceScope,
): Promise<Pick<SealedSnapshot, 'encodedSlashes' | 'openConnections'>> {
  const sql = 'SELECT encoded_slashes AS encodedSlashes, open_connections AS openConnections FROM gateway_settings WHERE instance_id = ?';
  const [row] = await reads.rows<{ encodedSlashes: EncodedSlashes | null; openConnections: OpenConnections | null }>(sql, [instanceId]);
  return { encodedSlashes: row?.encodedSlashes ?? 'refuse', openConnections: row?.openConnections ?? 'keep' };
}

/** Returns the named publications and those that are bound to a named key, each only once. */
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
