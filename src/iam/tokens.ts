import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import jwt from 'jsonwebtoken';
import { Fault } from '../common/api-error.js';
import { Clock } from '../common/clock.js';
import { TokenKeys } from './token-keys.js';

const ALGORITHM = 'ES256';
const PARTY = 'signet';
const TOKEN_MAX_CHARS = 16_384;
const SIGNATURE_BYTES = 64;
/** Other processes' clocks may be ahead of ours by this much. */
const SKEW_MS = 60_000;
/** No token of ours lives longer: config.ts allows seven days. */
const LIFE_MAX_MS = 7 * 86_400_000;
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const HEADERS = new Set(['alg', 'typ', 'kid']);
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
    const key = await this.keys.find(keyIdOf(token));
    if (!key) throw new Fault('token_invalid');
    const now = this.clock.now();
    let payload: unknown;
    try {
      payload = jwt.verify(token, key, { algorithms: [ALGORITHM], issuer: PARTY, audience: PARTY, clockTimestamp: now / 1000 });
    } catch (error) {
      // The library's message is not passed on: it can quote the token.
      throw new Fault(error instanceof jwt.TokenExpiredError ? 'token_expired' : 'token_invalid');
    }
    return claimsOf(payload, now);
  }
}

/** The key id of something that looks like a token of ours, down to its headers: no other is made, so no other is read. */
function keyIdOf(token: string): string {
  if (token.length > TOKEN_MAX_CHARS || !COMPACT.test(token)) throw new Fault('token_invalid');
  const [head = '', , signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  if (bytes.length !== SIGNATURE_BYTES || bytes.toString('base64url') !== signature) throw new Fault('token_invalid');
  let header: unknown;
  try {
    header = JSON.parse(Buffer.from(head, 'base64url').toString('utf8'));
  } catch {
    throw new Fault('token_invalid');
  }
  if (!isRecord(header) || !Object.keys(header).every((name) => HEADERS.has(name))) throw new Fault('token_invalid');
  const { alg, typ, kid } = header;
  if (alg !== ALGORITHM || (typ !== undefined && typ !== 'JWT') || typeof kid !== 'string') throw new Fault('token_invalid');
  return kid;
}

/** The library lets a token without `exp`, with a future `iat` and with any other claim pass. */
function claimsOf(payload: unknown, now: number): Claims {
  if (!isRecord(payload)) throw new Fault('token_invalid');
  const { sub, jti, iat, exp, methods, project, domain } = payload;
  const sound =
    isId(sub) &&
    isId(jti) &&
    Number.isFinite(iat) &&
    Number.isFinite(exp) &&
    Array.isArray(methods) &&
    methods.every((method) => typeof method === 'string') &&
    (project === undefined || isId(project)) &&
    (domain === undefined || isId(domain)) &&
    (project === undefined || domain === undefined);
  if (!sound) throw new Fault('token_invalid');
  const issuedAt = Math.round((iat as number) * 1000);
  const expiresAt = Math.round((exp as number) * 1000);
  if (issuedAt > now + SKEW_MS || expiresAt <= issuedAt || expiresAt - issuedAt > LIFE_MAX_MS) throw new Fault('token_invalid');
  return {
    userId: sub,
    tokenId: jti,
    methods,
    issuedAt,
    expiresAt,
    ...(project !== undefined && { projectId: project }),
    ...(domain !== undefined && { domainId: domain }),
  };
}

const isId = (value: unknown): value is string => typeof value === 'string' && ID.test(value);
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
