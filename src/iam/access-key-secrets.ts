import { randomInt } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { fromColumn, SealBroken, type SecretPlace, toColumn } from '../vault/sealed.js';
import { VaultService } from '../vault/vault.service.js';

/** Access keys belong to users and not to a project; no project can have this id (common/ids.ts). */
const BOX = 'iam';
const UPPER_AND_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const ALPHANUMERIC = `${UPPER_AND_DIGITS}abcdefghijklmnopqrstuvwxyz`;
const draw = (alphabet: string, length: number) => Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');

/** The form of an AK, as Huawei Cloud's have it: anything else is unknown without a look-up. */
export const ACCESS_KEY = /^[A-Z0-9]{20}$/;

/** What the security token of a temporary key holds, sealed: nothing of it is in the database. Times are milliseconds since the epoch. */
export interface TemporaryKey {
  secret: string;
  userId: string;
  /** The token that it was made with; revoking that one ends the key. */
  tokenId: string;
  issuedAt: number;
  expiresAt: number;
}

/** Makes access keys and keeps their secrets sealed. */
@Injectable()
export class AccessKeySecrets {
  constructor(private readonly vault: VaultService) {}

  /** A new pair: some 100 random bits in the id, 238 in the secret. */
  generate(): { accessKey: string; secret: string } {
    return { accessKey: draw(UPPER_AND_DIGITS, 20), secret: draw(ALPHANUMERIC, 40) };
  }

  async seal(accessKey: string, secret: string): Promise<string> {
    return toColumn((await this.vault.box(BOX)).seal(ofRow(accessKey), secret));
  }

  /** @throws SealBroken */
  open(accessKey: string, column: string): Promise<string> {
    return this.vault.open(ofRow(accessKey), column);
  }

  async sealTemporary(accessKey: string, key: TemporaryKey): Promise<string> {
    return toColumn((await this.vault.box(BOX)).seal(ofSecurityToken(accessKey), JSON.stringify(key)));
  }

  /** What a security token holds; undefined for one that we did not make for this key. */
  async openTemporary(accessKey: string, securityToken: string): Promise<TemporaryKey | undefined> {
    try {
      const text = await this.vault.withBox(BOX, (box) => box.open(ofSecurityToken(accessKey), fromColumn(securityToken)));
      return JSON.parse(text) as TemporaryKey;
    } catch (error) {
      if (error instanceof SealBroken) return undefined;
      throw error;
    }
  }
}

const ofRow = (accessKey: string): SecretPlace => ({ projectId: BOX, field: 'access_keys.secret_key', rowId: accessKey, version: 1 });
const ofSecurityToken = (accessKey: string): SecretPlace => ({ projectId: BOX, field: 'security_token', rowId: accessKey, version: 1 });
