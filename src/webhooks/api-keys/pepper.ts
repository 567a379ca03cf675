import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ApiFault } from '../../platform/common/api-error.js';
import { Database } from '../../platform/database/database.js';
import { columnsOf } from '../../platform/database/columns.js';
import { fromColumn, type EncryptionContext, toColumn } from '../../platform/vault/sealed.js';
import { type ProjectCipher, VaultService } from '../../platform/vault/vault.service.js';
import { ApiKeyPepper } from './api-key.entity.js';

/** Owner id of the pepper, which belongs to no project: this text is not a valid project id (platform/common/ids.ts). */
const PEPPER_PROJECT = 'api-keys';
const PEPPER_ID = 'primary';
const UNIQUE_PEPPER = { name: 'PRIMARY', columns: 'api_key_peppers.id' };
const PEPPER = columnsOf(ApiKeyPepper).pick('id', 'pepper');
const PEPPER_CONTEXT: EncryptionContext = {
  projectId: PEPPER_PROJECT,
  ownerId: '',
  field: 'api_key_peppers.pepper',
  rowId: PEPPER_ID,
  version: 1,
};

/** Hashes secrets by HMAC with an encrypted key, so that the hashes alone allow no offline guessing. */
@Injectable()
export class Pepper {
  #key: Promise<KeyObject> | undefined;

  constructor(
    private readonly database: Database,
    private readonly vault: VaultService,
  ) {}

  /** Returns the HMAC-SHA256 of a text in hex. @throws ApiFault `unavailable` when the pepper cannot be decrypted */
  async hash(text: string): Promise<string> {
    this.#key ??= this.read().catch((error: unknown) => {
      this.#key = undefined;
      throw error;
    });
    return createHmac('sha256', await this.#key)
      .update(text)
      .digest('hex');
  }

  /** Reads the pepper, or creates it. If several processes create it at the same time, one inserts the row, and all read that row. */
  private async read(): Promise<KeyObject> {
    const sql = 'SELECT pepper FROM api_key_peppers WHERE id = ?';
    const read = () => this.database.rows<{ pepper: string }>(sql, [PEPPER_ID]);
    let [row] = await read();
    if (!row) {
      const sealed = toColumn((await this.vault.cipher(PEPPER_PROJECT)).seal(PEPPER_CONTEXT, randomBytes(32).toString('base64')));
      const values = PEPPER.values({ id: PEPPER_ID, pepper: sealed });
      await this.database.insertOnce((tx) => tx.run(PEPPER.insert(), values), UNIQUE_PEPPER);
      [row] = await read();
    }
    if (!row) throw new Error('the row of api_key_peppers was inserted but cannot be found');
    const { pepper } = row;
    // The fault is `unavailable`, because without the pepper a valid key cannot be distinguished from an invalid one.
    const open = (box: ProjectCipher) => box.open(PEPPER_CONTEXT, fromColumn(pepper));
    return createSecretKey(Buffer.from(await this.vault.withCipher(PEPPER_PROJECT, open, () => new ApiFault('unavailable')), 'base64'));
  }
}
