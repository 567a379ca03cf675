import { Initial1764500000001 } from './1764500000001-initial.js';
import { LongerSignTypes1764600000001 } from './1764600000001-longer-sign-types.js';
import { LoginSessions1764800000001 } from './1764800000001-login-sessions.js';
import { Totp1764900000001 } from './1764900000001-totp.js';
import { PasswordExpiry1764700000001 } from './1764700000001-password-expiry.js';

/**
 * All migrations, oldest first. A released migration is never edited, moved or removed (test/architecture/migrations.spec.ts). Append a new
 * one for each change of the schema.
 */
export const migrations = [
  Initial1764500000001,
  LongerSignTypes1764600000001,
  PasswordExpiry1764700000001,
  LoginSessions1764800000001,
  Totp1764900000001,
];
