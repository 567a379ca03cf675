import { randomBytes } from 'node:crypto';
import { Injectable, Optional } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { Fault } from '../common/api-error.js';
import { Clock } from '../common/clock.js';
import type { Principal } from '../common/principal.js';
import type { Claim, SchemeFinder } from '../lib/signing/claim.js';
import { DERIVED_HMAC } from '../lib/signing/derived.js';
import { HMAC } from '../lib/signing/hmac.js';
import type { ReadyKey } from '../lib/signing/schemes.js';
import { admissible, type ClaimRules, judge } from '../lib/signing/verify.js';
import { type AccessKey, AccessKeyIdentity } from './access-key-identity.js';

/** More consecutive bad signatures than these lock a key … */
const FAILURES_MAX = 5;
/** … for this long (apig §5.6). */
const LOCK_MS = 5 * 60_000;
const COUNTED_MAX = 10_000;
const SECURITY_TOKEN_MAX_CHARS = 4096;
/** ±15 minutes; the body may be left unsigned by saying so (apig §6.4). */
const RULES: ClaimRules = { skewSeconds: 900, allowUnsignedPayload: true };

const schemeOf: SchemeFinder = (name, credentials) => {
  if (name.toUpperCase() !== HMAC.name) return undefined;
  return credentials.startsWith('Credential=') ? DERIVED_HMAC : HMAC;
};

/** A secret in each form of signature (apig §6.2, §6.3). */
export const keysOf = (id: string, secret: string): ReadyKey[] =>
  [HMAC, DERIVED_HMAC].map((scheme) => ({ ...scheme.load({ signType: 'hmac', signKey: id, signSecret: secret }), scheme, keyId: id }));

/** What an unknown key is tried with, so that it takes as long to refuse as a known one. */
const DECOYS = keysOf('', randomBytes(30).toString('base64'));

/** Requests signed with an access key: the checklist of apig §6.4. */
@Injectable()
export class SignedRequests {
  /** Consecutive bad signatures of keys that exist. In this process alone: nothing is written for a bad request until it locks the key. */
  readonly #failures = new LRUCache<string, number>({ max: COUNTED_MAX });
  /** Keys that were locked here, until when. */
  readonly #locks = new LRUCache<string, number>({ max: COUNTED_MAX });

  constructor(
    private readonly clock: Clock,
    @Optional() private readonly accessKeys?: AccessKeyIdentity,
  ) {}

  /**
   * The signer at once when it is known, else a promise of it.
   * @param projectId the project in the path, if the path names one
   * @param strict `X-Project-Id` counts only if it is signed; where it decides nothing but what is shown, it may be unsigned
   * @throws Fault `token_invalid` in one wording for an unknown, a disabled and a locked key and for a bad signature;
   *   `forbidden` for a project that is not the signer's; `unavailable`
   */
  authenticate(request: FastifyRequest, projectId: string | undefined, strict: boolean): Principal | Promise<Principal> {
    if (!this.accessKeys) throw new Fault('token_invalid');
    const { method, url = '' } = request.raw;
    const { headers, rawBody } = request;
    // A body that was parsed and not kept cannot be shown to be the signed one.
    if (request.body !== undefined && rawBody === undefined) throw new Fault('token_invalid');
    const claim = admissible({ method: method ?? '', url, headers, body: rawBody ?? null }, RULES, this.clock.now(), schemeOf);
    if (!claim.ok) throw new Fault('token_invalid', { detail: claim.hint });
    const securityToken = headers['x-security-token'];
    if (securityToken !== undefined && (typeof securityToken !== 'string' || securityToken.length > SECURITY_TOKEN_MAX_CHARS))
      throw new Fault('token_invalid');
    const found = this.accessKeys.find(claim.accessId, securityToken === '' ? undefined : securityToken);
    const identity = this.accessKeys;
    const admit = (key: AccessKey | undefined) => {
      this.check(claim, key, identity);
      return this.principalOf(request, claim, key, identity, projectId, strict);
    };
    return found instanceof Promise ? found.then(admit) : admit(found);
  }

  /** @throws Fault `token_invalid` unless the key is known, not locked, and made this signature */
  private check(claim: Claim, key: AccessKey | undefined, identity: AccessKeyIdentity): asserts key is AccessKey {
    const verdict = judge(claim, key?.keys ?? DECOYS.map((decoy) => ({ ...decoy, accessId: claim.accessId })));
    const now = this.clock.now();
    if (key === undefined || now < key.lockedUntil || now < (this.#locks.get(key.id) ?? 0)) throw new Fault('token_invalid');
    const failures = this.#failures.get(key.id) ?? 0;
    if (verdict.ok) {
      if (failures > 0) this.#failures.delete(key.id);
      return;
    }
    this.#failures.set(key.id, failures + 1);
    if (failures + 1 > FAILURES_MAX) {
      this.#failures.delete(key.id);
      this.#locks.set(key.id, now + LOCK_MS);
      identity.lock(key, now + LOCK_MS);
    }
    throw new Fault('token_invalid');
  }

  private principalOf(
    request: FastifyRequest,
    claim: Claim,
    key: AccessKey,
    identity: AccessKeyIdentity,
    projectId: string | undefined,
    strict: boolean,
  ): Principal | Promise<Principal> {
    const { 'x-project-id': project, 'x-domain-id': domain } = request.headers;
    if (projectId !== undefined && project !== undefined && project !== projectId) return this.refuse(request, key, identity);
    const hint = typeof project === 'string' && (!strict || signs(claim, 'x-project-id')) ? project : undefined;
    const agreed = (principal: Principal) =>
      domain === undefined || domain === principal.domainId ? principal : this.refuse(request, key, identity);
    const principal = identity.principal(key, projectId ?? hint);
    if (!(principal instanceof Promise)) return agreed(principal);
    return principal.then(agreed, (error: unknown) => {
      if (error instanceof Fault && error.kind === 'forbidden') return this.refuse(request, key, identity);
      throw error;
    });
  }

  /** Who signed is known, whatever they asked for: the refusal names them. */
  private async refuse(request: FastifyRequest, key: AccessKey, identity: AccessKeyIdentity): Promise<never> {
    request.principal = await identity.principal(key, undefined);
    throw new Fault('forbidden');
  }
}

const signs = ({ signedHeaders }: Claim, name: string) => signedHeaders.toLowerCase().split(';').includes(name);
