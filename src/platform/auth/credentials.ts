import type { FastifyRequest } from 'fastify';
import { ApiFault } from '../common/api-error.js';

const TOKEN_MAX_CHARS = 16_384;
const SIGNED = /^ *SDK-HMAC-SHA256(?: |$)/i;

/** An unverified credential. */
export type Credential = { kind: 'token'; token: string } | { kind: 'signature' };

/**
 * Returns the only credential of a user's request. For machines, see {@link bearerOf}.
 * @throws ApiFault `token_missing`, or `token_invalid` for a malformed credential or more than one
 */
export function credentialOf(request: FastifyRequest): Credential {
  const token = request.headers['x-auth-token'];
  const signed = isSigned(request);
  if (token === undefined || token === '') {
    if (signed) return { kind: 'signature' };
    throw new ApiFault('token_missing');
  }
  if (signed || typeof token !== 'string' || token.length > TOKEN_MAX_CHARS) throw new ApiFault('token_invalid');
  return { kind: 'token', token };
}

/** Whether the request is signed with an access key (docs/contracts/apig.md §6.2, §6.3). */
const isSigned = ({ headers: { authorization } }: FastifyRequest): boolean => authorization !== undefined && SIGNED.test(authorization);

const BEARER = /^Bearer +([\x21-\x7e]{1,512})$/i;

/** Whether the request has `Authorization: Bearer`. */
export const hasBearer = ({ headers: { authorization } }: FastifyRequest): boolean => /^Bearer(?: |$)/i.test(authorization ?? '');

/** Returns the bearer token of a machine, or an API key. @throws ApiFault `token_missing`, or `token_invalid` for another header format */
export function bearerOf({ headers: { authorization } }: FastifyRequest): string {
  if (!authorization) throw new ApiFault('token_missing');
  const [, token] = BEARER.exec(authorization) ?? [];
  if (token === undefined) throw new ApiFault('token_invalid');
  return token;
}
