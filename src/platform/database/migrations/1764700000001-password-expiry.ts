import type { MigrationInterface, QueryRunner } from 'typeorm';
import { addColumn, dropColumn } from './table.js';

/** From when on a user must change the password before it gives a token. Null for every user that is there already. */
export class PasswordExpiry1764700000001 implements MigrationInterface {
  readonly name = 'PasswordExpiry1764700000001';

  async up(q: QueryRunner): Promise<void> {
    await addColumn(q, 'users', 'password_expires_at', 'bigint');
  }

  async down(q: QueryRunner): Promise<void> {
    await dropColumn(q, 'users', 'password_expires_at');
  }
}
