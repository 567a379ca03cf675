import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import jwt from 'jsonwebtoken';
import { type JwsForm, readJwsHeader, readLifetime, verifyJws } from '../../platform/auth/compact-jws.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { Clock, DAY_MS } from '../../platform/common/clock.js';
import { TokenKeys } from './token-keys.js';

const ALGORITHM = 'ES256';
const PARTY = 'signet';
/** Maximum lifetime of a token: config.ts allows seven days. */
const LIFE_MAX_MS = 7 * DAY_MS;
/** The only format in which tokens are issued, and so the only one that is accepted. */
const FORM: JwsForm = { algorithms: [ALGORITHM], headers: new Set(['alg', 'typ', 'kid']), types: new Set(['jwt']) };
const ID = /^[A-Za-z0-9-]{1,64}$/;

/** The claims of a token. Times are Unix times in milliseconds. */
export interface Claims {
  userId: string;
  tokenId: string;
  /** The login session of the token; absent in tokens of earlier versions. */
  sessionId?: string;
  methods: readonly string[];
  issuedAt: number;
  expiresAt: number;
  /** A token has at most one of the two. An unscoped token has neither. */
  projectId?: string;
  domainId?: string;
}

/** Issues and verifies tokens, which are JWTs signed with ES256. Does not check whether the user still exists. */
@Injectable()
export class Tokens {
  constructor(
    private readonly keys: TokenKeys,
    private readonly clock: Clock,
  ) {}

  sign(about: Omit<Claims, 'tokenId'>): { token: string; claims: Claims } {
    const { id, privateKey } = this.keys.signing;
    const claims: Claims = { ...about, tokenId: randomUUID() };
    const payload = {
      sub: claims.userId,
      jti: claims.tokenId,
      iss: PARTY,
      aud: PARTY,
      // Contains milliseconds, so that a token that is issued just after a change of the password is valid, and one issued just before is
      // not.
      iat: claims.issuedAt / 1000,
      exp: claims.expiresAt / 1000,
      methods: claims.methods,
      ...(claims.sessionId !== undefined && { sid: claims.sessionId }),
      ...(claims.projectId !== undefined && { project: claims.projectId }),
      ...(claims.domainId !== undefined && { domain: claims.domainId }),
    };
    return { token: jwt.sign(payload, privateKey, { algorithm: ALGORITHM, keyid: id }), claims };
  }

  /**
   * Returns the claims of a token that this service has signed and that has not expired.
   * @throws ApiFault `token_expired`, or `token_invalid` for any other reason
   */
  async verify(token: string): Promise<Claims> {
    const header = readJwsHeader(token, FORM);
    const key = await this.keys.find(header.kid ?? '');
    if (!key) throw new ApiFault('token_invalid');
    const now = this.clock.now();
    return claimsOf(verifyJws(token, key, header, now, { issuer: PARTY, audience: PARTY }), now);
  }
}

/** @throws ApiFault `token_invalid` for claims that the library accepts but that this service never issues */
function claimsOf(payload: Record<string, unknown>, now: number): Claims {
  const { sub, jti, sid, methods, project, domain } = payload;
  const sound =
    isId(sub) &&
    isId(jti) &&
    (sid === undefined || isId(sid)) &&
    Array.isArray(methods) &&
    methods.every((method) => typeof method === 'string') &&
    (project === undefined || isId(project)) &&
    (domain === undefined || isId(domain)) &&
    (project === undefined || domain === undefined);
  if (!sound) throw new ApiFault('token_invalid');
  return {
    userId: sub,
    tokenId: jti,
    methods,
    ...readLifetime(payload, now, LIFE_MAX_MS),
    ...(sid !== undefined && { sessionId: sid }),
    ...(project !== undefined && { projectId: project }),
    ...(domain !== undefined && { domainId: domain }),
  };
}

const isId = (value: unknown): value is string => typeof value === 'string' && ID.test(value);
