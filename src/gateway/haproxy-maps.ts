import type { KeyTable, Route } from './key-table.js';
import { isParameter, moreSpecificFirst, segmentsOf } from './path-matcher.js';

/** The content of the maps, by the name of their file. */
export type HaproxyMaps = Record<'keys.map' | 'exact.map' | 'patterns.map', string[]>;

/** What stands in a route map instead of a key's name. */
export const NO_KEY = { unbound: '!unbound', gone: '!gone', unsigned: '!unsigned', unsupported: '!unsupported' };

/**
 * A key table in HAProxy's terms: `ENVIRONMENT|METHOD|/path` → the name of a key, with the publication and the key's id under
 * which its signatures are counted, and that name → its secret in base64.
 * Literal paths are looked up, templates and prefixes are regular expressions in the order in which they win.
 */
export function haproxyMaps(table: KeyTable, unbound: 'refuse' | 'unsigned'): HaproxyMaps {
  const keys = new Map<string, string>();
  const shadowed = new Set(table.shadowed);
  const routes = table.routes.filter(({ publishId, pattern }) => !shadowed.has(publishId) && printable(pattern.template));
  const target = (route: Route): string => {
    if (!route.key) return route.keyGone ? NO_KEY.gone : unbound === 'unsigned' ? NO_KEY.unsigned : NO_KEY.unbound;
    const { sign_id, sign_type, sign_key, sign_secret } = route.key.sign;
    // HAProxy computes HMAC; what else there is would need more than its converters.
    if (sign_type !== 'hmac') return NO_KEY.unsupported;
    keys.set(sign_key, Buffer.from(sign_secret, 'utf8').toString('base64'));
    return `${sign_key}|${route.publishId}|${sign_id}`;
  };
  const isLiteral = ({ pattern }: Route) => pattern.mode === 'NORMAL' && !segmentsOf(pattern.template).some(isParameter);
  const exact = routes.filter(isLiteral).map((route) => `${prefixOf(route)}${route.pattern.template} ${target(route)}`);
  const patterns = routes
    .filter((route) => !isLiteral(route))
    .sort((a, b) => moreSpecificFirst(a.pattern, b.pattern) || (a.publishId < b.publishId ? -1 : 1))
    .map((route) => `${expression(route)} ${target(route)}`);
  return { 'keys.map': [...keys].map(([key, secret]) => `${key} ${secret}`), 'exact.map': exact, 'patterns.map': patterns };
}

const printable = (template: string) => /^[\x21-\x7e]+$/.test(template);
const prefixOf = ({ pattern }: Route) => `${pattern.environment}|${pattern.method}|`;

/** Backslashes would have to survive HAProxy's own reading of the line: a class of one character does without them. */
const quoted = (text: string) => text.replaceAll(/[.*+?$()|{}[]/g, '[$&]').replaceAll('^', '\\^');

function expression({ pattern: { environment, method, template, mode } }: Route): string {
  const path = segmentsOf(template, mode).map((segment) => `/${isParameter(segment) ? '[^/]+' : quoted(segment)}`);
  const end = mode === 'NORMAL' ? '$' : path.length === 0 ? '/' : '(/|$)';
  return `^${quoted(environment)}[|]${method === 'ANY' ? '[A-Z]+' : method}[|]${path.join('')}${end}`;
}
