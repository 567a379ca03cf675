import { Injectable, Logger, Optional } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { networkOf } from '../common/address.js';
import { ApiFault } from '../common/api-error.js';
import { Clock } from '../common/clock.js';
import type { Principal } from '../common/principal.js';
import type { SchemeFinder } from '#signing/parsed-authorization.js';
import type { ParsedAuthorization } from '#signing/received.js';
import { DERIVED_HMAC } from '#signing/derived.js';
import { HMAC } from '#signing/hmac.js';
import type { ReadyKey } from '#signing/schemes.js';
import { validate, candidates, type ClaimRules, outOfTime, verify } from '#signing/verify.js';
import { type AccessKey, AccessKeyIdentity } from './access-key-identity.js';

/** Number of consecutive invalid signatures after which a key is locked for the address that sent them. */
const FAILURES_MAX = 5;
/** Duration of the lock (docs/contracts/apig.md §5.6). */
const LOCK_MS = 5 * 60_000;
const COUNTED_MAX = 10_000;
const DIAGNOSE_MS = 60_000;
const SECURITY_TOKEN_MAX_CHARS = 4096;
/** A request may declare its body as unsigned (docs/contracts/apig.md §6.4). The permitted clock skew is the same as for backends. */
const RULES: ClaimRules = { allowUnsignedPayload: true };

const schemeOf: SchemeFinder = (name, credentials) => {
  if (name.toUpperCase() !== HMAC.name) return undefined;
  return credentials.startsWith('Credential=') ? DERIVED_HMAC : HMAC;
};

/** Prepares a secret as a key for each signature format (docs/contracts/apig.md §6.2, §6.3). */
export const keysOf = (id: string, secret: string): ReadyKey[] =>
  [HMAC, DERIVED_HMAC].map((scheme) => ({ ...scheme.load({ signKey: id, signSecret: secret }), scheme, keyId: id }));

/** A signed request with valid headers and a known key. The signature is verified when the body has arrived. */
export interface Begun {
  authorization: ParsedAuthorization;
  key: AccessKey;
  identity: AccessKeyIdentity;
}

/** Authenticates requests that are signed with access keys, by the checklist of docs/contracts/apig.md §6.4. */
@Injectable()
export class SignedRequests {
  readonly #logger = new Logger(SignedRequests.name);
  /**
   * Consecutive invalid signatures by key and address. Key ids are public, so an attacker at another address must not be able to lock out
   * the owner. The count is in memory and per process: a secret of forty characters cannot be guessed.
   */
  readonly #failures = new LRUCache<string, number>({ max: COUNTED_MAX });
  /** End of each lock, by key and address. */
  readonly #locks = new LRUCache<string, number>({ max: COUNTED_MAX });
  /** Time by key and address before which no further invalid signature is diagnosed. */
  readonly #diagnosed = new LRUCache<string, number>({ max: COUNTED_MAX });

  constructor(
    private readonly clock: Clock,
    @Optional() private readonly accessKeys?: AccessKeyIdentity,
  ) {}

  /**
   * Checks the headers: a well-formed signature with a known key. Returns synchronously if the key is cached. For an unknown key, neither
   * the body nor the target is processed.
   * @throws ApiFault `token_invalid` with the same text for unknown, disabled and locked keys; `unavailable`
   */
  begin(request: FastifyRequest): Begun | Promise<Begun> {
    const identity = this.accessKeys;
    if (!identity) throw new ApiFault('token_invalid');
    const { method = '', url = '' } = request.raw;
    const { headers } = request;
    const authorization = validate({ method, url, headers }, RULES, this.clock.now(), schemeOf);
    if (!authorization.ok) throw new ApiFault('token_invalid', { detail: authorization.hint });
    const securityToken = headers['x-security-token'];
    if (securityToken !== undefined && (typeof securityToken !== 'string' || securityToken.length > SECURITY_TOKEN_MAX_CHARS))
      throw new ApiFault('token_invalid');
    const found = identity.find(authorization.accessId, securityToken === '' ? undefined : securityToken);
    const known = (key: AccessKey | undefined): Begun => {
      if (key === undefined || candidates(authorization, key.keys).length === 0 || this.isLocked(request, key))
        throw new ApiFault('token_invalid');
      return { authorization, key, identity };
    };
    return found instanceof Promise ? found.then(known) : known(found);
  }

  /**
   * Verifies the signature and returns the signer, synchronously if it is cached.
   * @param body the bytes as received; null: no body
   * @param projectId the project in the path, if any
   * @param strict whether the signature must cover `X-Project-Id`; not required where the header only affects what is shown
   * @throws ApiFault `token_invalid` for an invalid signature, with the text for unknown keys; `forbidden` for a project that is not the
   * signer's; `unavailable`
   */
  finish(
    request: FastifyRequest,
    begun: Begun,
    body: Uint8Array | null,
    projectId: string | undefined,
    strict: boolean,
  ): Principal | Promise<Principal> {
    const { authorization, key, identity } = begun;
    this.check(request, begun, body);
    return this.principalOf(request, authorization, key, identity, projectId, strict);
  }

  private isLocked(request: FastifyRequest, { id }: AccessKey): boolean {
    return this.clock.now() < (this.#locks.get(placeOf(request, id)) ?? 0);
  }

  /**
   * @throws ApiFault `token_invalid` for an invalid signature, for a body that arrived too late, and for a key that was locked for this
   * address after its look-up
   */
  private check(request: FastifyRequest, { authorization, key }: Begun, body: Uint8Array | null): void {
    if (this.isLocked(request, key)) throw new ApiFault('token_invalid');
    const place = placeOf(request, key.id);
    if (verify(authorization, { body }, key.keys).ok) {
      this.#failures.delete(place);
      // Checks the date again, because a client can delay the body until long after the first check.
      if (outOfTime(authorization, RULES, this.clock.now()) !== undefined) throw new ApiFault('token_invalid');
      return;
    }
    // A valid signature for another Host shows that the caller has the secret, so it does not count as a guess.
    if (this.isOfAnotherHost(request, key, body)) throw new ApiFault('token_invalid');
    const failures = (this.#failures.get(place) ?? 0) + 1;
    this.#failures.set(place, failures);
    if (failures > FAILURES_MAX) {
      this.#failures.delete(place);
      this.#locks.set(place, this.clock.now() + LOCK_MS);
      this.#logger.warn(`the access key ${key.id} is locked for ${networkOf(request.ip)} for five minutes after too many bad signatures`);
    }
    throw new ApiFault('token_invalid');
  }

  /**
   * Whether the signature is valid for the Host that the request had before a proxy changed it. The result is only logged, so that the
   * operator can fix the proxy. It is computed once a minute per key and address, because every try computes a signature.
   */
  private isOfAnotherHost(request: FastifyRequest, key: AccessKey, body: Uint8Array | null): boolean {
    const now = this.clock.now();
    const place = placeOf(request, key.id);
    if (now < (this.#diagnosed.get(place) ?? 0)) return false;
    this.#diagnosed.set(place, now + DIAGNOSE_MS);
    const { method = '', url = '' } = request.raw;
    const host = hostsOf(request).find((each) => {
      const authorization = validate({ method, url, headers: { ...request.headers, host: each } }, RULES, now, schemeOf);
      return authorization.ok && verify(authorization, { body }, key.keys).ok;
    });
    if (host === undefined) return false;
    this.#logger.warn(
      { signedHost: host, receivedHost: request.headers.host },
      `refused a request of the access key ${key.id}: it was signed for another Host than it arrived with. Configure the proxy to forward Host unchanged`,
    );
    return true;
  }

  private principalOf(
    request: FastifyRequest,
    authorization: ParsedAuthorization,
    key: AccessKey,
    identity: AccessKeyIdentity,
    projectId: string | undefined,
    strict: boolean,
  ): Principal | Promise<Principal> {
    const { 'x-project-id': project, 'x-domain-id': domain } = request.headers;
    if (projectId !== undefined && project !== undefined && project !== projectId) return this.refuse(request, key, identity);
    const hint = typeof project === 'string' && (!strict || signs(authorization, 'x-project-id')) ? project : undefined;
    const agreed = (principal: Principal) =>
      domain === undefined || domain === principal.domainId ? principal : this.refuse(request, key, identity);
    const principal = identity.principal(key, projectId ?? hint);
    if (!(principal instanceof Promise)) return agreed(principal);
    return principal.then(agreed, (error: unknown) => {
      if (error instanceof ApiFault && error.kind === 'forbidden') return this.refuse(request, key, identity);
      throw error;
    });
  }

  /** Refuses the request. The signer is known, so the audit row of the denied request names it. */
  private async refuse(request: FastifyRequest, key: AccessKey, identity: AccessKeyIdentity): Promise<never> {
    request.principal = await identity.principal(key, undefined);
    throw new ApiFault('forbidden');
  }
}

const signs = ({ signedHeaders }: ParsedAuthorization, name: string) => signedHeaders.toLowerCase().split(';').includes(name);

/** Identifies a key and an address from which it is used. */
const placeOf = ({ ip }: FastifyRequest, keyId: string) => `${keyId} ${networkOf(ip)}`;

/** The values that `Host` may have had when the request was signed: as a proxy forwarded it, and with or without the default port. */
function hostsOf({ headers: { host = '', 'x-forwarded-host': forwarded } }: FastifyRequest): string[] {
  const named = [host, ...(typeof forwarded === 'string' ? [forwarded.split(',', 1)[0]?.trim() ?? ''] : [])].filter((each) => each !== '');
  const all = named.flatMap((each) => {
    const bare = each.replace(/:\d+$/, '');
    return [each, bare, `${bare}:443`, `${bare}:80`];
  });
  return [...new Set(all)].filter((each) => each !== host);
}
