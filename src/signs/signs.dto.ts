import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsDefined, IsIn, IsOptional, IsString, Matches } from 'class-validator';
import { toNanoseconds, toSeconds } from '../common/clock.js';
import { EmptyIsAbsent, NamedPage } from '../common/pagination.js';
import { SIGN_ALGORITHMS, SIGN_TYPES, type SignAlgorithm, type SignType } from '../lib/signing/algorithms.js';

/** A letter or a Chinese character, then letters, digits, `_` or Chinese characters; 3 to 64 in all (apig §1.2). */
const NAME = /^[a-zA-Z\u4e00-\u9fa5][a-zA-Z0-9_\u4e00-\u9fa5]{2,63}$/;

/** Body of create and of modify (apig §1.2). What `sign_key` and `sign_secret` may be depends on the type: lib/signing/algorithms.ts. */
export class SignInput {
  @ApiProperty({ pattern: NAME.source, minLength: 3, maxLength: 64, description: 'Signature key name, unique within the gateway' })
  @IsDefined()
  @Matches(NAME)
  name: string;

  @ApiPropertyOptional({ enum: SIGN_TYPES, default: 'hmac', description: 'How the key signs. Omitted on update: as it was' })
  @EmptyIsAbsent()
  @IsIn(SIGN_TYPES)
  @IsOptional()
  sign_type?: SignType;

  @ApiPropertyOptional({
    maxLength: 512,
    description:
      'hmac: access id, 8 to 32 letters, digits, `_` and `-`; basic: user name, 4 to 32 of these; aes: cipher key, 16 or 32 letters, ' +
      'digits and `_-!@#$%+/=`, as its cipher needs; public_key: public key, 8 to 512 letters, digits and `_-+/=`. Omitted or empty on ' +
      'create: generated',
  })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  sign_key?: string;

  @ApiPropertyOptional({
    maxLength: 2048,
    description:
      'hmac: shared secret, 16 to 64 letters, digits and `_-!@#$%`; basic: password, 8 to 64 of these; aes: initial vector, 16 letters, ' +
      'digits and `_-!@#$%+/=`; public_key: private key, 16 to 2048 of these. Omitted or empty on create: generated',
  })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  sign_secret?: string;

  @ApiPropertyOptional({ enum: SIGN_ALGORITHMS, description: 'Cipher of an aes key, required for it; ignored for other types' })
  @EmptyIsAbsent()
  @IsIn(SIGN_ALGORITHMS)
  @IsOptional()
  sign_algorithm?: SignAlgorithm;
}

/** Query of the list (apig §1.7). */
export class SignQuery extends NamedPage {
  static readonly texts = ['id', 'name', 'precise_search'];

  @ApiPropertyOptional({ description: 'Exact id' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  id?: string;
}

/** Answer of create and modify (apig §1.6). */
export class SignView {
  @ApiProperty({ description: 'Signature key' }) id: string;
  @ApiProperty({ description: 'Signature key name' }) name: string;
  @ApiProperty({ enum: SIGN_TYPES, description: 'How the key signs' }) sign_type: SignType;
  @ApiProperty({ description: 'Key, in clear' }) sign_key: string;
  @ApiProperty({ description: 'Secret, in clear' }) sign_secret: string;
  @ApiPropertyOptional({ enum: SIGN_ALGORITHMS, description: 'Cipher; present for aes keys only' }) sign_algorithm?: SignAlgorithm;
  @ApiProperty({ format: 'date-time', description: 'When the key was created' }) create_time: string;
  @ApiProperty({ format: 'date-time', description: 'When the key was last modified' }) update_time: string;
}

/** A row of the list (apig §1.6). */
export class SignWithBindNumView extends SignView {
  @ApiProperty({ type: 'integer', description: 'Number of API publications the key is bound to' }) bind_num: number;
  @ApiProperty({ type: 'integer', description: 'Always 0' }) ldapi_bind_num: number;
}

export class SignListView {
  @ApiProperty({ type: 'integer', description: 'Matches before paging' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Rows in this page' }) size: number;
  @ApiProperty({ type: [SignWithBindNumView], description: 'Newest first' }) signs: SignWithBindNumView[];
}

/** A key with its secret open, on its way out. */
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

/** As create and modify answer: the instant just written with nine digits; one that was stored, in seconds. */
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
