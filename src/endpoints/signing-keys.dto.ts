import { ApiProperty } from '@nestjs/swagger';
import { toMilliseconds } from '../common/clock.js';
import type { SigningKeyRow } from './signing-key-rows.js';

export class SigningKeyView {
  @ApiProperty({ pattern: '^sk_[a-f0-9]{32}$', description: 'Signing key' }) id: string;
  @ApiProperty({ minLength: 4, maxLength: 4, description: 'Last four characters of its secret' }) key_hint: string;
  @ApiProperty({ format: 'date-time', description: 'When it was created' }) created_at: string;
}

export class NewSigningKeyView extends SigningKeyView {
  @ApiProperty({ description: 'The secret; it is not shown again' }) signing_secret: string;
}

export const toView = ({ id, keyHint, createdAt }: Pick<SigningKeyRow, 'id' | 'keyHint' | 'createdAt'>): SigningKeyView => ({
  id,
  key_hint: keyHint,
  created_at: toMilliseconds(createdAt),
});
