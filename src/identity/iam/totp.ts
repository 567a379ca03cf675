import { hash, randomInt } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';

const SECRET_BYTES = 20;
const PERIOD_SECONDS = 30;
/** Codes of the step before and of the step after are accepted: clocks differ, and typing takes time. */
const WINDOW_STEPS = 1;
/** Without letters and digits that look alike. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';
const RECOVERY_CODES = 10;
const CODE_CHARS = 16;
const GROUP = /.{4}(?=.)/g;

/** RFC 6238 with what every authenticator app knows: SHA-1, six digits, 30 seconds. */
const totp = (secret: string, names: { issuer?: string; label?: string } = {}) =>
  new TOTP({ ...names, secret: Secret.fromBase32(secret), algorithm: 'SHA1', digits: 6, period: PERIOD_SECONDS });

/** A new secret in base32. */
export const newTotpSecret = (): string => new Secret({ size: SECRET_BYTES }).base32;

/** What an authenticator app reads from a QR code. */
export const totpUri = (secret: string, issuer: string, label: string): string => totp(secret, { issuer, label }).toString();

/**
 * The step of the time that a code belongs to, compared in constant time; undefined when it is not right.
 * @param now Unix time in milliseconds
 */
export function stepOf(secret: string, code: string, now: number): number | undefined {
  const delta = totp(secret).validate({ token: code, timestamp: now, window: WINDOW_STEPS });
  return delta === null ? undefined : Math.floor(now / 1000 / PERIOD_SECONDS) + delta;
}

/** Whether a text has the form of a code of the app; anything else can only be a recovery code. */
export const isTotpCode = (text: string): boolean => /^\d{6}$/.test(text);

/** Codes of some 79 random bits each, in groups of four. */
export const newRecoveryCodes = (): string[] =>
  Array.from({ length: RECOVERY_CODES }, () =>
    Array.from({ length: CODE_CHARS }, () => ALPHABET[randomInt(ALPHABET.length)])
      .join('')
      .replace(GROUP, '$&-'),
  );

/** What is stored of a recovery code, however it is typed. Its random bits need no slow hash. */
export const recoveryCodeHash = (userId: string, code: string): string =>
  hash('sha256', `${userId} ${code.toLowerCase().replace(/[\s-]/g, '')}`, 'base64url');
