import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/common/clock.js';
import { newId } from '../../platform/common/ids.js';
import { Database } from '../../platform/database/database.js';
import { violates } from '../../platform/database/errors.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { fromColumn, DecryptionFailed, type EncryptionContext, toColumn } from '../../platform/vault/sealed.js';
import { type ProjectCipher, VaultService } from '../../platform/vault/vault.service.js';
import { TokenKey } from './user.entity.js';

const PAIR = columnsOf(TokenKey).pick('id', 'privateKey', 'publicKey');
const NEW_PAIR = columnsOf(TokenKey).pick('id', 'privateKey', 'publicKey', 'createdAt');

/** The id of the first key. It is fixed, so that only one of several processes that start on an empty database can insert the key. */
const FIRST_ID = 'primary';
/** Owner id of the keys. They belong to no project, and no project can have this id (platform/common/ids.ts). */
const BOX = 'iam';
const UNIQUE_ID = { name: 'PRIMARY', columns: 'token_keys.id' };
const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/;
/** Minimum time between reloads that unknown key ids cause. */
const LOOK_AGAIN_MS = 10_000;

interface KeyPair {
  id: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

const place = (id: string): EncryptionContext => ({ projectId: BOX, ownerId: '', field: 'token_keys.private_key', rowId: id, version: 1 });

/** The key pairs of tokens (ES256). The newest pair signs; each verifies the tokens that name its id. The keys are parsed once. */
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
    if (!this.#newest) throw new Error('the token keys are not loaded yet');
    return this.#newest;
  }

  /** Returns the public key with this id, or undefined. */
  async find(id: string): Promise<KeyObject | undefined> {
    if (!KEY_ID.test(id)) return undefined;
    if (!this.#pairs.has(id) && this.clock.now() - this.#loadedAt > LOOK_AGAIN_MS) await this.load();
    return this.#pairs.get(id)?.publicKey;
  }

  /** Loads the keys, and creates the first one. If several processes do it at the same time, one inserts the key, and all read that one. */
  async prepare(): Promise<void> {
    if (await this.load()) return;
    await this.insert(FIRST_ID);
    if (!(await this.load())) throw new Error('the token key was inserted but cannot be found');
  }

  /** Creates a new pair, which signs from now on. Tokens of older pairs stay valid until they expire. */
  async rotate(): Promise<void> {
    await this.insert(newId());
    await this.load();
  }

  private async load(): Promise<boolean> {
    this.#loadedAt = this.clock.now();
    const sql = `SELECT ${PAIR.select} FROM token_keys ORDER BY created_at, id`;
    const rows = await this.database.rows<RowOf<typeof PAIR>>(sql);
    // A damaged key is left out: tokens that it has signed are refused. All other keys sign and verify.
    const opened = await this.vault.openEach(BOX, rows, openPair, ({ privateKey }) => privateKey);
    const pairs = opened.filter((pair) => pair !== undefined);
    if (rows.length > 0 && pairs.length === 0) throw new Error('every row of token_keys is damaged: delete the damaged rows');
    this.#pairs = new Map(pairs.map((pair) => [pair.id, pair]));
    this.#newest = pairs.at(-1);
    return pairs.length > 0;
  }

  private async insert(id: string): Promise<void> {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const secret = privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64');
    const sealed = (await this.vault.cipher(BOX)).seal(place(id), secret);
    const row = NEW_PAIR.values({ id, privateKey: toColumn(sealed), publicKey: spki(publicKey), createdAt: this.clock.now() });
    await this.database.transaction((tx) =>
      tx.run(NEW_PAIR.insert(), row).catch((error: unknown) => {
        // Another process was faster, so both read its key.
        if (!violates(error, UNIQUE_ID)) throw error;
      }),
    );
  }
}

/** @throws DecryptionFailed */
function openPair(box: ProjectCipher, row: { id: string; privateKey: string; publicKey: string }): KeyPair {
  const der = Buffer.from(box.open(place(row.id), fromColumn(row.privateKey)), 'base64');
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  // Derived from the encrypted private key. So somebody who can write to the table cannot insert a public key of their own.
  const publicKey = createPublicKey(privateKey);
  if (spki(publicKey) !== row.publicKey) throw new DecryptionFailed('its public key belongs to another private key', place(row.id));
  return { id: row.id, privateKey, publicKey };
}

const spki = (key: KeyObject): string => key.export({ format: 'der', type: 'spki' }).toString('base64');
