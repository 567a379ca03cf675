import type { FastifyRequest } from 'fastify';
import { Fault } from '../common/api-error.js';

const TOKEN_MAX_CHARS = 16_384;
const SIGNED = /^ *SDK-HMAC-SHA256(?: |$)/i;

/** What a request proves itself with, found but not verified. */
export type Credential = { kind: 'token'; token: string } | { kind: 'signature' };

/**
 * The one credential of a request for people and their programs; machines have their own ({@link bearerOf}).
 * @throws Fault `token_missing`, or `token_invalid` for something that cannot be a credential, and for two of them
 */
export function credentialOf(request: FastifyRequest): Credential {
  const token = request.headers['x-auth-token'];
  const signed = isSigned(request);
  if (token === undefined || token === '') {
    if (signed) return { kind: 'signature' };
    throw new Fault('token_missing');
  }
  if (signed || typeof token !== 'string' || token.length > TOKEN_MAX_CHARS) throw new Fault('token_invalid');
  return { kind: 'token', token };
}

/** Whether the request claims to be signed with an access key (apig §6.2, §6.3). */
export const isSigned = ({ headers: { authorization } }: FastifyRequest): boolean =>
  authorization !== undefined && SIGNED.test(authorization);

const BEARER = /^Bearer +([\x21-\x7e]{1,512})$/i;

/** Whether the request comes with `Authorization: Bearer`, whatever follows. */
export const hasBearer = ({ headers: { authorization } }: FastifyRequest): boolean => /^Bearer(?: |$)/i.test(authorization ?? '');

/** What follows `Bearer`: a machine's token, an API key. @throws Fault `token_missing`, or `token_invalid` for a header of another form */
export function bearerOf({ headers: { authorization } }: FastifyRequest): string {
  if (!authorization) throw new Fault('token_missing');
  const [, token] = BEARER.exec(authorization) ?? [];
  if (token === undefined) throw new Fault('token_invalid');
  return token;
}
