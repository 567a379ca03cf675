import { randomInt } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { fromColumn, DecryptionFailed, type EncryptionContext, toColumn } from '../../platform/vault/sealed.js';
import { VaultService } from '../../platform/vault/vault.service.js';

/**
 * Owner id of the secrets of access keys. They belong to users instead of projects, and no project can have this id
 * (platform/common/ids.ts).
 */
const BOX = 'iam';
const UPPER_AND_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const ALPHANUMERIC = `${UPPER_AND_DIGITS}abcdefghijklmnopqrstuvwxyz`;
const draw = (alphabet: string, length: number) => Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');

/** Format of Huawei Cloud's AKs. Any other text is refused without a look-up. */
export const ACCESS_KEY = /^[A-Z0-9]{20}$/;

/**
 * The encrypted content of the security token of a temporary key. The database contains nothing of it. Times are Unix times in
 * milliseconds.
 */
export interface TemporaryKey {
  secret: string;
  userId: string;
  /** Id of the token with which the key was created. When that token is revoked, the key ends. */
  tokenId: string;
  /** The login session of that token. */
  sessionId?: string;
  issuedAt: number;
  expiresAt: number;
}

/** Generates access keys, and encrypts their secrets. */
@Injectable()
export class AccessKeySecrets {
  constructor(private readonly vault: VaultService) {}

  /** Generates a pair. The id contains about 100 random bits, the secret 238. */
  generate(): { accessKey: string; secret: string } {
    return { accessKey: draw(UPPER_AND_DIGITS, 20), secret: draw(ALPHANUMERIC, 40) };
  }

  async seal(accessKey: string, userId: string, secret: string): Promise<string> {
    return toColumn((await this.vault.cipher(BOX)).seal(ofRow(accessKey, userId), secret));
  }

  /** @throws DecryptionFailed */
  open(accessKey: string, userId: string, column: string): Promise<string> {
    return this.vault.open(ofRow(accessKey, userId), column);
  }

  async sealTemporary(accessKey: string, key: TemporaryKey): Promise<string> {
    return toColumn((await this.vault.cipher(BOX)).seal(ofSecurityToken(accessKey), JSON.stringify(key)));
  }

  /** Decrypts a security token; undefined for a token that was not issued for this key. */
  async openTemporary(accessKey: string, securityToken: string): Promise<TemporaryKey | undefined> {
    try {
      const text = await this.vault.withCipher(BOX, (box) => box.open(ofSecurityToken(accessKey), fromColumn(securityToken)));
      return JSON.parse(text) as TemporaryKey;
    } catch (error) {
      if (error instanceof DecryptionFailed) return undefined;
      throw error;
    }
  }
}

const ofRow = (accessKey: string, userId: string): EncryptionContext => ({
  projectId: BOX,
  ownerId: userId,
  field: 'access_keys.secret_key',
  rowId: accessKey,
  version: 1,
});
const ofSecurityToken = (accessKey: string): EncryptionContext => ({
  projectId: BOX,
  ownerId: '',
  field: 'security_token',
  rowId: accessKey,
  version: 1,
});
