import { traitsOf } from '#signing/algorithms.js';
import { canonicalSegment } from '#signing/canonical-request.js';
import { ENVIRONMENT_NAME } from '../http/admission.js';
import type { KeyTable, Route } from '../keys/key-table.js';
import type { UsedKey } from '../../lib/receipts/node.js';
import { isParameter, moreSpecificFirst, segmentsOf } from '../keys/path-matcher.js';

/** The lines of each map file. */
export type HaproxyMaps = Record<'keys.map' | 'exact.map' | 'patterns.map' | 'settings.map', string[]>;

/** The values in a route map for routes without a usable key. */
export const NO_KEY = { unbound: '!unbound', gone: '!gone', unsigned: '!unsigned', unsupported: '!unsupported' };

/** The operator's settings, which apply to all requests. */
export interface HaproxyPolicy {
  /** The only environment that this HAProxy serves; undefined: `X-Stage` selects the environment. */
  environment: string | undefined;
  unbound: 'refuse' | 'unsigned';
}

/** Access ids that fit into an Authorization header, and into a line of a map after the secret. */
const ACCESS_ID = /^[\x21-\x2b\x2d-\x7b\x7d\x7e]+$/;

/**
 * Converts a key table to HAProxy maps. `ENVIRONMENT|METHOD|/path` maps to `key id|publication id`, and the key id to `secret in
 * base64|access id`. Paths are canonical, as in a signature, so a look-up key contains only the unreserved characters, `%XX` and `/` of the
 * request, but never the separator. Literal paths are exact look-ups; templates and prefixes are regular expressions, in order of
 * precedence.
 * @param hasEnded whether a tombstone forbids the use of this key, even if a restored database contains the key
 */
export function haproxyMaps(
  table: KeyTable,
  { environment, unbound }: HaproxyPolicy,
  hasEnded: (key: UsedKey) => boolean = () => false,
): HaproxyMaps {
  const keys = new Map<string, string>();
  const shadowed = new Set(table.unreachable);
  const routes = table.routes.filter(
    ({ publishId, pattern }) =>
      !shadowed.has(publishId) &&
      ENVIRONMENT_NAME.test(pattern.environment) &&
      (environment === undefined || pattern.environment === environment),
  );
  const target = (route: Route): string => {
    if (!route.key) return route.keyDeleted ? NO_KEY.gone : unbound === 'unsigned' ? NO_KEY.unsigned : NO_KEY.unbound;
    const { sign_id, sign_type, sign_key, sign_secret, version } = route.key.sign;
    if (hasEnded({ signId: sign_id, version, publishId: route.publishId })) return NO_KEY.gone;
    // HAProxy's converters cannot sign with any other type.
    if (!traitsOf(sign_type).haproxySigns || !ACCESS_ID.test(sign_key)) return NO_KEY.unsupported;
    keys.set(sign_id, `${Buffer.from(sign_secret, 'utf8').toString('base64')}|${sign_key}`);
    return `${sign_id}|${route.publishId}`;
  };
  const isLiteral = ({ pattern }: Route) => pattern.mode === 'NORMAL' && !segmentsOf(pattern.template).some(isParameter);
  const exact = routes.filter(isLiteral).map((route) => `${literal(route)} ${target(route)}`);
  const patterns = routes
    .filter((route) => !isLiteral(route))
    .sort((a, b) => moreSpecificFirst(a.pattern, b.pattern) || (a.publishId < b.publishId ? -1 : 1))
    .map((route) => `${expression(route)} ${target(route)}`);
  return {
    'keys.map': [...keys].map(([id, value]) => `${id} ${value}`),
    'exact.map': exact,
    'patterns.map': patterns,
    'settings.map': [`encoded_slashes ${table.encodedSlashes}`],
  };
}

const literal = ({ pattern: { environment, method, template } }: Route) =>
  `${environment}|${method}|${segmentsOf(template)
    .map((segment) => `/${canonicalSegment(segment)}`)
    .join('')}`;

/**
 * Escapes a segment. The dot is the only regular expression operator in a canonical path. A character class is used, because it needs no
 * backslash.
 */
const quoted = (segment: string) => canonicalSegment(segment).replaceAll('.', '[.]');

/**
 * Returns the regular expression of a pattern. A parameter matches neither a slash nor the separator. A prefix ends at the boundary of a
 * segment.
 */
function expression({ pattern: { environment, method, template, mode } }: Route): string {
  const path = segmentsOf(template, mode).map((segment) => `/${isParameter(segment) ? '[^/|]+' : quoted(segment)}`);
  const end = mode === 'NORMAL' ? '$' : '(/.*)?$';
  return `^${environment}[|]${method === 'ANY' ? '[A-Z]+' : method}[|]${path.join('')}${end}`;
}
