import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { SIGN_ALGORITHMS, SIGN_TYPES, type SignAlgorithm, type SignType } from '#signing/algorithms.js';

export class RevealedSignView {
  @ApiProperty({ description: 'Signature key' }) id: string;
  @ApiProperty({ enum: SIGN_TYPES, description: 'How the key signs' }) sign_type: SignType;
  @ApiProperty({ description: 'Key, in clear' }) sign_key: string;
  @ApiProperty({ description: 'Secret, in clear' }) sign_secret: string;
  @ApiPropertyOptional({ enum: SIGN_ALGORITHMS, description: 'Cipher; present for aes keys only' }) sign_algorithm?: SignAlgorithm;
}
