import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { Database } from '../database/database.js';
import { violates } from '../database/errors.js';
import { type SecretPlace, toColumn } from '../vault/sealed.js';
import { VaultService } from '../vault/vault.service.js';

/** The first key's id: every process that starts on an empty database tries to insert this one row. */
const FIRST_ID = 'primary';
/** The keys belong to no project; no project can have this id (common/ids.ts). */
const BOX = 'iam';
const UNIQUE_ID = { name: 'PRIMARY', columns: 'token_keys.id' };
const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/;
/** A token with an unknown key id makes us look for new keys, but not more often than this. */
const LOOK_AGAIN_MS = 10_000;

interface KeyPair {
  id: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

const place = (id: string): SecretPlace => ({ projectId: BOX, field: 'token_keys.private_key', rowId: id, version: 1 });

/** The key pairs that sign tokens (ES256): the newest signs, any of them verifies by its id. Parsed once. */
@Injectable()
export class TokenKeys {
  #pairs = new Map<string, KeyPair>();
  #newest: KeyPair | undefined;
  #loadedAt = 0;

  constructor(
    private readonly database: Database,
    private readonly vault: VaultService,
    private readonly clock: Clock,
  ) {}

  /** The pair that signs. */
  get signing(): KeyPair {
    if (!this.#newest) throw new Error('there is no token key yet');
    return this.#newest;
  }

  /** The public key of this id, or undefined. */
  async find(id: string): Promise<KeyObject | undefined> {
    if (!KEY_ID.test(id)) return undefined;
    if (!this.#pairs.has(id) && this.clock.now() - this.#loadedAt > LOOK_AGAIN_MS) await this.load();
    return this.#pairs.get(id)?.publicKey;
  }

  /** Loads the keys and makes the first one. Several processes may do so at once: one row goes in, all read it. */
  async prepare(): Promise<void> {
    if (await this.load()) return;
    await this.insert(FIRST_ID);
    if (!(await this.load())) throw new Error('the token key vanished as soon as it was made');
  }

  /** Makes a new pair that signs from now on; tokens of the older ones live on until they expire. */
  async rotate(): Promise<void> {
    await this.insert(newId());
    await this.load();
  }

  private async load(): Promise<boolean> {
    this.#loadedAt = this.clock.now();
    const sql = 'SELECT id, private_key AS privateKey, public_key AS publicKey FROM token_keys ORDER BY created_at, id';
    const rows = await this.database.rows<{ id: string; privateKey: string; publicKey: string }>(sql);
    const pairs: KeyPair[] = [];
    for (const row of rows) pairs.push(await this.open(row));
    this.#pairs = new Map(pairs.map((pair) => [pair.id, pair]));
    this.#newest = pairs.at(-1);
    return pairs.length > 0;
  }

  private async open(row: { id: string; privateKey: string; publicKey: string }): Promise<KeyPair> {
    const der = Buffer.from(await this.vault.open(place(row.id), row.privateKey), 'base64');
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    der.fill(0);
    // Made from the sealed half: whoever can write the table cannot put a public key of their own in its place.
    const publicKey = createPublicKey(privateKey);
    if (spki(publicKey) !== row.publicKey) throw new Error(`the token key ${row.id} has the public half of another key`);
    return { id: row.id, privateKey, publicKey };
  }

  private async insert(id: string): Promise<void> {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const secret = privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');
    const sealed = (await this.vault.box(BOX)).seal(place(id), secret);
    const row = [id, toColumn(sealed), spki(publicKey), this.clock.now()];
    await this.database.transaction((tx) =>
      tx.run('INSERT INTO token_keys (id, private_key, public_key, created_at) VALUES (?, ?, ?, ?)', row).catch((error: unknown) => {
        // Another process was faster; both read what is there.
        if (!violates(error, UNIQUE_ID)) throw error;
      }),
    );
  }
}

const spki = (key: KeyObject): string => key.export({ format: 'der', type: 'spki' }).toString('base64');
