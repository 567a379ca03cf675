import { SignetError } from './errors.js';

const EXPIRED = /^The password is expired and needs to be changed for user: ([^.\s]+)\.$/;

/** Whether `POST /v3/auth/tokens` was refused because it also needs the method `totp` with a passcode; the password was right. */
export const isPasscodeRequired = (error: unknown): boolean =>
  error instanceof SignetError && error.status === 401 && error.message === 'Additional authentications steps required.';

/**
 * The id of the user who must change the password before it gives a token, if that is why `POST /v3/auth/tokens` was refused; the password was
 * right. Keystone says it in the message alone.
 */
export function userOfExpiredPassword(error: unknown): string | undefined {
  return error instanceof SignetError && error.status === 401 ? EXPIRED.exec(error.message)?.[1] : undefined;
}
