import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { SIGN_ALGORITHMS, SIGN_TYPES, type SignAlgorithm, type SignType } from '#signing/algorithms.js';

export class RevealedSignView {
  @ApiProperty({ description: 'Signature key' }) id: string;
  @ApiProperty({ enum: SIGN_TYPES, description: 'Type of the key' }) sign_type: SignType;
  @ApiProperty({ description: 'Key in plain text' }) sign_key: string;
  @ApiProperty({ description: 'Secret in plain text' }) sign_secret: string;
  @ApiPropertyOptional({ enum: SIGN_ALGORITHMS, description: 'Cipher; only present for aes keys' }) sign_algorithm?: SignAlgorithm;
}
