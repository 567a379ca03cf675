import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsDefined, IsIn, IsOptional, IsString, Matches } from 'class-validator';
import { toNanoseconds, toSeconds } from '../../platform/common/clock.js';
import { EmptyIsAbsent, NamedPage } from '../../platform/common/pagination.js';
import {
  CONTRACT_SIGN_ALGORITHMS,
  CONTRACT_SIGN_TYPES,
  DEFAULT_SIGN_TYPE,
  SIGN_ALGORITHMS,
  SIGN_TYPES,
  type SignAlgorithm,
  type SignType,
} from '#signing/algorithms.js';

/**
 * Format of a name: a letter or a Chinese character, then letters, digits, `_` or Chinese characters; 3 to 64 characters in total
 * (docs/contracts/apig.md §1.2).
 */
const NAME = /^[a-zA-Z\u4e00-\u9fa5][a-zA-Z0-9_\u4e00-\u9fa5]{2,63}$/;

/**
 * The fields that create and modify have on both surfaces. The type of the key determines the rules for its two halves
 * (packages/signing/src/algorithms.ts).
 */
class NamedHalves {
  @ApiProperty({ pattern: NAME.source, minLength: 3, maxLength: 64, description: 'Signature key name, unique within the gateway' })
  @IsDefined()
  @Matches(NAME)
  name: string;

  @ApiPropertyOptional({
    maxLength: 512,
    description:
      'hmac: access id, 8 to 32 letters, digits, `_` and `-`; basic: user name, 4 to 32 of these characters; aes: cipher key, 16 or 32 letters, ' +
      'digits and `_-!@#$%+/=`, depending on the cipher; public_key: public key, 8 to 512 letters, digits and `_-+/=`. On `/signet/v1` also ' +
      'http-message-signatures: Ed25519 public key (SPKI, base64 DER), or a key id with the format of an hmac access id. Omitted or empty on create: generated',
  })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  sign_key?: string;

  @ApiPropertyOptional({
    maxLength: 2048,
    description:
      'hmac: shared secret, 16 to 64 letters, digits and `_-!@#$%`; basic: password, 8 to 64 of these characters; aes: initialization vector, 16 letters, ' +
      'digits and `_-!@#$%+/=`; public_key: private key, 16 to 2048 of these characters. On `/signet/v1` also http-message-signatures: Ed25519 private ' +
      'key (PKCS#8, base64 DER), or 32 to 64 bytes in base64. Omitted or empty on create: generated',
  })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  sign_secret?: string;
}

/** Body of create and of modify (docs/contracts/apig.md §1.2). */
export class SignInput extends NamedHalves {
  @ApiPropertyOptional({
    enum: CONTRACT_SIGN_TYPES,
    default: DEFAULT_SIGN_TYPE,
    description: 'Type of the key. Unchanged if an update omits it',
  })
  @EmptyIsAbsent()
  @IsIn(CONTRACT_SIGN_TYPES)
  @IsOptional()
  sign_type?: SignType;

  @ApiPropertyOptional({ enum: CONTRACT_SIGN_ALGORITHMS, description: 'Cipher of an aes key; required for aes, ignored for other types' })
  @EmptyIsAbsent()
  @IsIn(CONTRACT_SIGN_ALGORITHMS)
  @IsOptional()
  sign_algorithm?: SignAlgorithm;
}

/** Body of create and of modify on `/signet/v1`, which has all types of keys. */
export class OwnSignInput extends NamedHalves {
  @ApiPropertyOptional({ enum: SIGN_TYPES, default: DEFAULT_SIGN_TYPE, description: 'Type of the key. Unchanged if an update omits it' })
  @EmptyIsAbsent()
  @IsIn(SIGN_TYPES)
  @IsOptional()
  sign_type?: SignType;

  @ApiPropertyOptional({
    enum: SIGN_ALGORITHMS,
    description: 'Cipher of an aes key, or algorithm of an http-message-signatures key; required for these types, ignored for others',
  })
  @EmptyIsAbsent()
  @IsIn(SIGN_ALGORITHMS)
  @IsOptional()
  sign_algorithm?: SignAlgorithm;
}

/** Query of the list (docs/contracts/apig.md §1.7). */
export class SignQuery extends NamedPage {
  static readonly texts = ['id', 'name', 'precise_search'];

  @ApiPropertyOptional({ description: 'Exact id' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  id?: string;
}

/** Response of create and modify (docs/contracts/apig.md §1.6). */
export class SignView {
  @ApiProperty({ description: 'Signature key' }) id: string;
  @ApiProperty({ description: 'Signature key name' }) name: string;
  @ApiProperty({ enum: CONTRACT_SIGN_TYPES, description: 'Type of the key' }) sign_type: SignType;
  @ApiProperty({ description: 'Key in plain text' }) sign_key: string;
  @ApiProperty({ description: 'Secret in plain text' }) sign_secret: string;
  @ApiPropertyOptional({ enum: CONTRACT_SIGN_ALGORITHMS, description: 'Cipher; only present for aes keys' }) sign_algorithm?: SignAlgorithm;
  @ApiProperty({ format: 'date-time', description: 'When the key was created' }) create_time: string;
  @ApiProperty({ format: 'date-time', description: 'When the key was last modified' }) update_time: string;
}

/** A row of the list (docs/contracts/apig.md §1.6). */
export class SignWithBindNumView extends SignView {
  @ApiProperty({ type: 'integer', description: 'Number of publications to which the key is bound' }) bind_num: number;
  @ApiProperty({ type: 'integer', description: 'Always 0' }) ldapi_bind_num: number;
}

export class SignListView {
  @ApiProperty({ type: 'integer', description: 'Number of matches on all pages' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Number of rows on this page' }) size: number;
  @ApiProperty({ type: [SignWithBindNumView], description: 'Newest first' }) signs: SignWithBindNumView[];
}

/** Response of create and modify on `/signet/v1`. */
export class OwnSignView extends SignView {
  @ApiProperty({ enum: SIGN_TYPES, description: 'Type of the key' }) declare sign_type: SignType;
  @ApiPropertyOptional({ enum: SIGN_ALGORITHMS, description: 'Algorithm; only present for types that have algorithms' })
  declare sign_algorithm?: SignAlgorithm;
}

/** A row of the list on `/signet/v1`. */
export class OwnSignWithBindNumView extends SignWithBindNumView {
  @ApiProperty({ enum: SIGN_TYPES, description: 'Type of the key' }) declare sign_type: SignType;
  @ApiPropertyOptional({ enum: SIGN_ALGORITHMS, description: 'Algorithm; only present for types that have algorithms' })
  declare sign_algorithm?: SignAlgorithm;
}

export class OwnSignListView extends SignListView {
  @ApiProperty({ type: [OwnSignWithBindNumView], description: 'Newest first' }) declare signs: OwnSignWithBindNumView[];
}

/** A key with its decrypted secret, for a response. */
export interface OpenSign {
  id: string;
  name: string;
  signType: SignType;
  signAlgorithm: SignAlgorithm | null;
  signKey: string;
  signSecret: string;
  createdAt: number;
  updatedAt: number;
}

const view = (sign: OpenSign) => ({
  id: sign.id,
  name: sign.name,
  sign_type: sign.signType,
  sign_key: sign.signKey,
  sign_secret: sign.signSecret,
  ...(sign.signAlgorithm && { sign_algorithm: sign.signAlgorithm }),
});

/**
 * Converts a key to the response of create and modify. The time of this write has nine fractional digits; a stored time has whole seconds.
 */
export const toView = (sign: OpenSign): SignView => ({
  ...view(sign),
  create_time: sign.createdAt === sign.updatedAt ? toNanoseconds(sign.createdAt) : toSeconds(sign.createdAt),
  update_time: toNanoseconds(sign.updatedAt),
});

export function toListView(sign: OpenSign, bindNum: number): SignWithBindNumView {
  const created = toSeconds(sign.createdAt);
  const updated = sign.updatedAt === sign.createdAt ? created : toSeconds(sign.updatedAt);
  return { ...view(sign), create_time: created, update_time: updated, bind_num: bindNum, ldapi_bind_num: 0 };
}
