import type { EncodedSlashes, GatewayPublication, GatewaySign, OpenConnections, Snapshot } from '../../lib/protocol/protocol.js';
import type { KeyMaterial } from '#signing/scheme.js';
import { PathMatcher, type Pattern } from './path-matcher.js';

/** A key in this node. While the key is unchanged, its object is reused, so that the key is parsed only once. */
export interface StoredKey {
  sign: Readonly<GatewaySign>;
  material: KeyMaterial;
}

/** A published API in one environment. */
export interface Route {
  publishId: string;
  apiId: string;
  pattern: Pattern;
  key: StoredKey | undefined;
  /** Whether the key was deleted while this node had it, and the API has not changed since. */
  keyDeleted: boolean;
}

/**
 * The publications of a gateway and their keys. The table is immutable: a change creates another table, and the node switches to it by one
 * assignment, so that no request uses a mix of two states.
 */
export class KeyTable {
  // Uses `this`, because the compiler assigns its alias of the class only after the static initialisers.
  static readonly EMPTY: KeyTable = new this(new Map(), new PathMatcher([]));

  private constructor(
    private readonly byId: ReadonlyMap<string, Route>,
    private readonly matcher: PathMatcher,
    /** Setting of the gateway: whether a path may contain `%2F`. */
    readonly encodedSlashes: EncodedSlashes = 'refuse',
    /** Setting of the gateway: whether open connections are closed when their key ends. */
    readonly openConnections: OpenConnections = 'keep',
  ) {}

  /** Builds a table from a full snapshot. `keyDeleted` is kept until the API has another key or a change of its own. */
  static from(snapshot: Snapshot, previous = KeyTable.EMPTY): KeyTable {
    const stored = keysBySignId(previous.byId.values());
    const routes = new Map<string, Route>();
    for (const publication of snapshot.publications) {
      const gone = previous.byId.get(publication.publish_id)?.keyDeleted === true;
      routes.set(publication.publish_id, routeOf(publication, stored, gone));
    }
    return previous.#with(routes, snapshot.encoded_slashes, snapshot.open_connections);
  }

  /**
   * Applies a partial snapshot. Everything that was requested and is missing in it was deleted. If the key of an API was requested and the
   * API is not signed with it any more, the API has no key until its own change arrives.
   */
  withPart(part: Snapshot, asked: { publishIds: Iterable<string>; signIds: Iterable<string> }): KeyTable {
    const stored = keysBySignId(this.byId.values());
    const signIds = new Set(asked.signIds);
    const routes = new Map(this.byId);
    for (const route of this.byId.values()) {
      if (route.key && signIds.has(route.key.sign.sign_id)) routes.set(route.publishId, { ...route, key: undefined, keyDeleted: true });
    }
    for (const publishId of asked.publishIds) routes.delete(publishId);
    for (const publication of part.publications) routes.set(publication.publish_id, routeOf(publication, stored, false));
    return this.#with(routes);
  }

  withoutKeys(signIds: ReadonlySet<string>): KeyTable {
    if (![...this.byId.values()].some(({ key }) => key && signIds.has(key.sign.sign_id))) return this;
    const routes = new Map(this.byId);
    for (const route of this.byId.values()) {
      if (route.key && signIds.has(route.key.sign.sign_id)) routes.set(route.publishId, { ...route, key: undefined, keyDeleted: true });
    }
    return new KeyTable(routes, this.matcher, this.encodedSlashes, this.openConnections);
  }

  withoutPublications(publishIds: ReadonlySet<string>): KeyTable {
    if (![...publishIds].some((publishId) => this.byId.has(publishId))) return this;
    return this.#with(new Map([...this.byId].filter(([publishId]) => !publishIds.has(publishId))));
  }

  /** Returns the route of a request in an environment, or undefined. */
  match(environment: string, method: string, path: string): Route | undefined {
    const publishId = this.matcher.match(environment, method, path);
    return publishId === undefined ? undefined : this.byId.get(publishId);
  }

  /** Returns the route of a publication, or undefined. */
  route(publishId: string): Route | undefined {
    return this.byId.get(publishId);
  }

  hasKey(signId: string): boolean {
    return [...this.byId.values()].some(({ key }) => key?.sign.sign_id === signId);
  }

  get routes(): readonly Route[] {
    return [...this.byId.values()];
  }

  /** Ids of publications that no request can reach, because an older publication has the same pattern. */
  get unreachable(): readonly string[] {
    return this.matcher.unreachable;
  }

  /** Returns a table with these routes. Reuses the path matcher if no pattern has changed. */
  #with(routes: ReadonlyMap<string, Route>, encodedSlashes = this.encodedSlashes, openConnections = this.openConnections): KeyTable {
    const same =
      routes.size === this.byId.size &&
      [...routes.values()].every(({ publishId, pattern }) => samePattern(pattern, this.byId.get(publishId)?.pattern));
    return new KeyTable(
      routes,
      same ? this.matcher : new PathMatcher([...routes.values()].map((r) => [r.publishId, r.pattern] as const)),
      encodedSlashes,
      openConnections,
    );
  }
}

const samePattern = (a: Pattern, b: Pattern | undefined) =>
  b !== undefined && a.environment === b.environment && a.method === b.method && a.template === b.template && a.mode === b.mode;

function keysBySignId(routes: Iterable<Route>): Map<string, StoredKey> {
  const stored = new Map<string, StoredKey>();
  for (const { key } of routes) if (key) stored.set(key.sign.sign_id, key);
  return stored;
}

function routeOf(publication: GatewayPublication, stored: Map<string, StoredKey>, gone: boolean): Route {
  const { publish_id, api_id, env_name, req_method, req_uri, match_mode, sign } = publication;
  return {
    publishId: publish_id,
    apiId: api_id,
    pattern: { environment: env_name, method: req_method, template: req_uri, mode: match_mode },
    key: sign ? storedKey(sign, stored) : undefined,
    keyDeleted: sign === null && gone,
  };
}

function storedKey(sign: GatewaySign, stored: Map<string, StoredKey>): StoredKey {
  const known = stored.get(sign.sign_id);
  if (known && sameSign(known.sign, sign)) return known;
  const key: StoredKey = {
    sign,
    material: {
      id: sign.sign_id,
      signType: sign.sign_type,
      signAlgorithm: sign.sign_algorithm,
      signKey: sign.sign_key,
      signSecret: sign.sign_secret,
    },
  };
  stored.set(sign.sign_id, key);
  return key;
}

const sameSign = (a: GatewaySign, b: GatewaySign) =>
  a.version === b.version &&
  a.sign_secret === b.sign_secret &&
  a.sign_key === b.sign_key &&
  a.sign_type === b.sign_type &&
  a.sign_algorithm === b.sign_algorithm;
