import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Fault } from '../common/api-error.js';
import { Clock } from '../common/clock.js';
import { Config } from '../config/config.js';
import { Database } from '../database/database.js';
import { Health } from '../observability/health.js';
import { readRing, type Ring } from './key-encryption-keys.js';
import {
  contextOf,
  decode,
  encode,
  fromColumn,
  openBytes,
  SealBroken,
  type Sealed,
  sealBytes,
  type SecretPlace,
  toColumn,
} from './sealed.js';

const CANARY = 'signet key check';
const PROJECTS_MAX = 10_000;
const UNIQUE_DATA_KEY = { name: 'PRIMARY', columns: 'data_keys.project_id, data_keys.id' };
const UNIQUE_CHECK = { name: 'PRIMARY', columns: 'kek_checks.root_id' };

/** Sealed with a data key that this process has not read, or that there is not. */
class DataKeyMissing extends SealBroken {
  constructor(dataKeyId: number) {
    super(`the project has no data key ${dataKeyId}`);
  }
}

/** A project's data keys, unwrapped: seals with the newest, opens with any. Synchronous, so that it works inside a transaction. */
export class Box {
  constructor(
    private readonly keys: ReadonlyMap<number, KeyObject>,
    private readonly newest: number,
  ) {}

  seal(place: SecretPlace, secret: string): Sealed {
    const key = this.keys.get(this.newest);
    if (!key) throw new Error('a box without keys');
    return encode(sealBytes(key, this.newest, contextOf(place), Buffer.from(secret, 'utf8')));
  }

  /** @throws SealBroken when the value does not belong to this place or was altered */
  open(place: SecretPlace, sealed: Sealed): string {
    const { record, dataKeyId } = decode(sealed);
    const key = this.keys.get(dataKeyId);
    if (!key) throw new DataKeyMissing(dataKeyId);
    return openBytes(key, contextOf(place), record).toString('utf8');
  }
}

/**
 * Envelope encryption: the ring of key-encryption keys wraps one data key a project, a data key seals each secret, bound to
 * its row (docs/adr/0007).
 */
@Injectable()
export class VaultService implements OnModuleInit {
  #ring: Ring;
  readonly #boxes = new LRUCache<string, Box>({ max: PROJECTS_MAX });

  constructor(
    private readonly config: Config,
    private readonly database: Database,
    private readonly clock: Clock,
    health: Health,
  ) {
    health.add('key', () => this.check());
  }

  /** @throws Error when there is no ring, or it is not the one this database was sealed with */
  async onModuleInit(): Promise<void> {
    this.#ring = readRing(this.config);
    await this.check();
  }

  /** The project's box; makes the project's first data key when it has none. Not to be called inside a transaction. */
  async box(projectId: string): Promise<Box> {
    return this.#boxes.get(projectId) ?? (await this.load(projectId)) ?? (await this.create(projectId));
  }

  /** Opens one secret. */
  async open(place: SecretPlace, column: string): Promise<string> {
    return this.withBox(place.projectId, (box) => box.open(place, fromColumn(column)));
  }

  /**
   * Opens what `body` opens, again when a secret was sealed with a data key that another process has made since.
   * @throws SealBroken
   */
  async withBox<T>(projectId: string, body: (box: Box) => T): Promise<T> {
    const box = await this.box(projectId);
    try {
      return body(box);
    } catch (error) {
      if (!(error instanceof DataKeyMissing)) throw error;
      return body((await this.load(projectId)) ?? box);
    }
  }

  /**
   * The canary of every key in the ring opens, and the database knows the primary.
   * @throws Error when the database was sealed with other keys
   */
  async check(): Promise<void> {
    const rows = await this.database.rows<{ rootId: string; sealed: string }>('SELECT root_id AS rootId, sealed FROM kek_checks');
    for (const { rootId, sealed } of rows) {
      const key = this.#ring.keys.get(rootId);
      if (!key) continue;
      try {
        openBytes(key, ['signet/1', 'kek-check', rootId], decode(fromColumn(sealed)).record);
      } catch (error) {
        throw new Error(`the key-encryption key ${rootId} is not the one this database was sealed with`, { cause: error });
      }
    }
    if (rows.length > 0 && !rows.some(({ rootId }) => this.#ring.keys.has(rootId))) {
      throw new Error(
        `this database was sealed with the key-encryption keys ${rows.map(({ rootId }) => rootId).join(', ')}, and the ring holds none of them`,
      );
    }
    const { primary } = this.#ring;
    if (rows.some(({ rootId }) => rootId === primary)) return;
    const canary = encode(sealBytes(this.rootKey(primary), 0, ['signet/1', 'kek-check', primary], Buffer.from(CANARY)));
    const sql = 'INSERT INTO kek_checks (root_id, sealed) VALUES (?, ?)';
    const inserted = await this.database.insertOnce((tx) => tx.run(sql, [primary, toColumn(canary)]), UNIQUE_CHECK);
    if (!inserted) await this.check();
  }

  private async load(projectId: string): Promise<Box | undefined> {
    const sql = 'SELECT id, root_id AS rootId, wrapped FROM data_keys WHERE project_id = ?';
    const rows = await this.database.rows<{ id: number; rootId: string; wrapped: string }>(sql, [projectId]);
    if (rows.length === 0) return undefined;
    const keys = new Map(
      rows.map(({ id, rootId, wrapped }) => {
        const bytes = openBytes(this.rootKey(rootId), wrapContext(projectId, id), decode(fromColumn(wrapped)).record);
        const key = createSecretKey(bytes);
        bytes.fill(0);
        return [id, key];
      }),
    );
    const box = new Box(keys, Math.max(...keys.keys()));
    this.#boxes.set(projectId, box);
    return box;
  }

  private async create(projectId: string): Promise<Box> {
    const id = 1;
    const bytes = randomBytes(32);
    const { primary } = this.#ring;
    const wrapped = encode(sealBytes(this.rootKey(primary), 0, wrapContext(projectId, id), bytes));
    bytes.fill(0);
    // Two processes may make a project's first key at once; whoever is second reads the first one's.
    const sql = 'INSERT INTO data_keys (project_id, id, root_id, wrapped, created_at) VALUES (?, ?, ?, ?, ?)';
    await this.database.insertOnce((tx) => tx.run(sql, [projectId, id, primary, toColumn(wrapped), this.clock.now()]), UNIQUE_DATA_KEY);
    const box = await this.load(projectId);
    if (!box) throw new Error('a data key vanished as soon as it was made');
    return box;
  }

  /** A key the ring does not hold (yet) is an outage of this process, not a broken secret. */
  private rootKey(id: string): KeyObject {
    const key = this.#ring.keys.get(id);
    if (!key) throw new Fault('unavailable', {}, { cause: new Error(`the ring does not hold the key-encryption key ${id}`) });
    return key;
  }
}

const wrapContext = (projectId: string, id: number) => ['signet/1', 'data-key', projectId, String(id)];
