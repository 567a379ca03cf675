import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import jwt from 'jsonwebtoken';
import { type JwsForm, readJwsHeader, readLifetime, verifyJws } from '../auth/compact-jws.js';
import { Fault } from '../common/api-error.js';
import { Clock } from '../common/clock.js';
import { TokenKeys } from './token-keys.js';

const ALGORITHM = 'ES256';
const PARTY = 'signet';
/** No token of ours lives longer: config.ts allows seven days. */
const LIFE_MAX_MS = 7 * 86_400_000;
/** No other is made, so no other is read. */
const FORM: JwsForm = { algorithms: [ALGORITHM], headers: new Set(['alg', 'typ', 'kid']), types: new Set(['jwt']) };
const ID = /^[A-Za-z0-9-]{1,64}$/;

/** What a token says. Times are milliseconds since the epoch. */
export interface Claims {
  userId: string;
  tokenId: string;
  methods: readonly string[];
  issuedAt: number;
  expiresAt: number;
  /** At most one of the two; neither when the token is unscoped. */
  projectId?: string;
  domainId?: string;
}

/** Makes and verifies tokens: JWTs signed with ES256 and nothing else. Whether their user still exists is another question. */
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
      // Milliseconds count: a token made right after a change of password lives, one made right before it does not.
      iat: claims.issuedAt / 1000,
      exp: claims.expiresAt / 1000,
      methods: claims.methods,
      ...(claims.projectId !== undefined && { project: claims.projectId }),
      ...(claims.domainId !== undefined && { domain: claims.domainId }),
    };
    return { token: jwt.sign(payload, privateKey, { algorithm: ALGORITHM, keyid: id }), claims };
  }

  /**
   * What the token says, if we signed it and its time has not run out.
   * @throws Fault `token_expired`, or `token_invalid` for everything else that is wrong with it
   */
  async verify(token: string): Promise<Claims> {
    const header = readJwsHeader(token, FORM);
    const key = await this.keys.find(header.kid ?? '');
    if (!key) throw new Fault('token_invalid');
    const now = this.clock.now();
    return claimsOf(verifyJws(token, key, header, now, { issuer: PARTY, audience: PARTY }), now);
  }
}

/** @throws Fault `token_invalid` for what the library lets pass */
function claimsOf(payload: Record<string, unknown>, now: number): Claims {
  const { sub, jti, methods, project, domain } = payload;
  const sound =
    isId(sub) &&
    isId(jti) &&
    Array.isArray(methods) &&
    methods.every((method) => typeof method === 'string') &&
    (project === undefined || isId(project)) &&
    (domain === undefined || isId(domain)) &&
    (project === undefined || domain === undefined);
  if (!sound) throw new Fault('token_invalid');
  return {
    userId: sub,
    tokenId: jti,
    methods,
    ...readLifetime(payload, now, LIFE_MAX_MS),
    ...(project !== undefined && { projectId: project }),
    ...(domain !== undefined && { domainId: domain }),
  };
}

const isId = (value: unknown): value is string => typeof value === 'string' && ID.test(value);
