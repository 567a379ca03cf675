import type { GatewayPublication, GatewaySign, Snapshot } from '../lib/protocol/protocol.js';
import type { KeyMaterial } from '../lib/signing/scheme.js';
import { PathMatcher, type Pattern } from './path-matcher.js';

/** A key as this node holds it. One object as long as the key stays the same, so that it is parsed once. */
export interface HeldKey {
  sign: Readonly<GatewaySign>;
  material: KeyMaterial;
}

/** A published API in one environment. */
export interface Route {
  publishId: string;
  apiId: string;
  pattern: Pattern;
  key: HeldKey | undefined;
  /** The key was deleted while this node held it, and the control plane has said nothing about the API since. */
  keyGone: boolean;
}

/**
 * Which key signs what, as of one moment. Never changed: a change makes another table, and the node switches to it in one
 * assignment, so that a request is matched against one state or the next and nothing between.
 */
export class KeyTable {
  // `this`: the compiler would put an alias of the class here that it sets only after the class.
  static readonly EMPTY: KeyTable = new this(new Map(), new PathMatcher([]));

  private constructor(
    private readonly byId: ReadonlyMap<string, Route>,
    private readonly matcher: PathMatcher,
  ) {}

  /** A whole snapshot. Keys that were deleted here stay noted as such until their APIs have another or a change of their own. */
  static from(snapshot: Snapshot, previous = KeyTable.EMPTY): KeyTable {
    const held = heldBy(previous.byId.values());
    const routes = new Map<string, Route>();
    for (const publication of snapshot.publications) {
      const gone = previous.byId.get(publication.publish_id)?.keyGone === true;
      routes.set(publication.publish_id, routeOf(publication, held, gone));
    }
    return previous.#with(routes);
  }

  /**
   * A part of a snapshot: what was asked for and is not in it is gone. An API whose key was asked for and that does not
   * carry it any more has no key until its own change is here.
   */
  withPart(part: Snapshot, asked: { publishIds: Iterable<string>; signIds: Iterable<string> }): KeyTable {
    const held = heldBy(this.byId.values());
    const signIds = new Set(asked.signIds);
    const routes = new Map(this.byId);
    for (const route of this.byId.values()) {
      if (route.key && signIds.has(route.key.sign.sign_id)) routes.set(route.publishId, { ...route, key: undefined, keyGone: true });
    }
    for (const publishId of asked.publishIds) routes.delete(publishId);
    for (const publication of part.publications) routes.set(publication.publish_id, routeOf(publication, held, false));
    return this.#with(routes);
  }

  withoutKeys(signIds: ReadonlySet<string>): KeyTable {
    if (![...this.byId.values()].some(({ key }) => key && signIds.has(key.sign.sign_id))) return this;
    const routes = new Map(this.byId);
    for (const route of this.byId.values()) {
      if (route.key && signIds.has(route.key.sign.sign_id)) routes.set(route.publishId, { ...route, key: undefined, keyGone: true });
    }
    return new KeyTable(routes, this.matcher);
  }

  withoutPublications(publishIds: ReadonlySet<string>): KeyTable {
    if (![...publishIds].some((publishId) => this.byId.has(publishId))) return this;
    return this.#with(new Map([...this.byId].filter(([publishId]) => !publishIds.has(publishId))));
  }

  /** Where `X-Stage` says `environment`, a request's publication, or undefined. */
  match(environment: string, method: string, path: string): Route | undefined {
    const publishId = this.matcher.match(environment, method, path);
    return publishId === undefined ? undefined : this.byId.get(publishId);
  }

  holds(signId: string): boolean {
    return [...this.byId.values()].some(({ key }) => key?.sign.sign_id === signId);
  }

  get routes(): readonly Route[] {
    return [...this.byId.values()];
  }

  /** Publications that no request can reach, because an older one has the same pattern. */
  get shadowed(): readonly string[] {
    return this.matcher.shadowed;
  }

  /** The tries are kept when no pattern changed. */
  #with(routes: ReadonlyMap<string, Route>): KeyTable {
    const same =
      routes.size === this.byId.size &&
      [...routes.values()].every(({ publishId, pattern }) => samePattern(pattern, this.byId.get(publishId)?.pattern));
    return new KeyTable(routes, same ? this.matcher : new PathMatcher([...routes.values()].map((r) => [r.publishId, r.pattern] as const)));
  }
}

const samePattern = (a: Pattern, b: Pattern | undefined) =>
  b !== undefined && a.environment === b.environment && a.method === b.method && a.template === b.template && a.mode === b.mode;

function heldBy(routes: Iterable<Route>): Map<string, HeldKey> {
  const held = new Map<string, HeldKey>();
  for (const { key } of routes) if (key) held.set(key.sign.sign_id, key);
  return held;
}

function routeOf(publication: GatewayPublication, held: Map<string, HeldKey>, gone: boolean): Route {
  const { publish_id, api_id, env_name, req_method, req_uri, match_mode, sign } = publication;
  return {
    publishId: publish_id,
    apiId: api_id,
    pattern: { environment: env_name, method: req_method, template: req_uri, mode: match_mode },
    key: sign ? heldKey(sign, held) : undefined,
    keyGone: sign === null && gone,
  };
}

function heldKey(sign: GatewaySign, held: Map<string, HeldKey>): HeldKey {
  const known = held.get(sign.sign_id);
  if (known && sameSign(known.sign, sign)) return known;
  const key: HeldKey = {
    sign,
    material: {
      id: sign.sign_id,
      signType: sign.sign_type,
      signAlgorithm: sign.sign_algorithm,
      signKey: sign.sign_key,
      signSecret: sign.sign_secret,
    },
  };
  held.set(sign.sign_id, key);
  return key;
}

const sameSign = (a: GatewaySign, b: GatewaySign) =>
  a.version === b.version &&
  a.sign_secret === b.sign_secret &&
  a.sign_key === b.sign_key &&
  a.sign_type === b.sign_type &&
  a.sign_algorithm === b.sign_algorithm;
