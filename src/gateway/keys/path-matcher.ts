import { percentDecode } from '#signing/percent.js';

/** The pattern of a published API, with which requests are matched (docs/contracts/apig.md §3.5). */
export interface Pattern {
  environment: string;
  /** `GET` … or `ANY` */
  method: string;
  /** A segment `{name}` matches any single non-empty segment. */
  template: string;
  mode: 'NORMAL' | 'SWA';
}

interface Node {
  literals: Map<string, Node>;
  parameter: Node | undefined;
  /** Ids of the publications whose template ends here, by method. */
  exact: Map<string, string>;
  /** Ids of the publications whose template ends here and also matches longer paths, by method. */
  prefix: Map<string, string>;
}
type Kind = 'exact' | 'prefix';

const ANY = 'ANY';
const PARAMETER = /^\{[^{}]+\}$/;
const node = (): Node => ({ literals: new Map(), parameter: undefined, exact: new Map(), prefix: new Map() });

export const isParameter = (segment: string): boolean => PARAMETER.test(segment);

/** Splits a path or a template into segments. The slash at the end of a prefix is ignored. */
export function segmentsOf(path: string, mode: Pattern['mode'] = 'NORMAL'): string[] {
  const segments = path.slice(1).split('/');
  if (mode === 'SWA' && segments.at(-1) === '') segments.pop();
  return segments;
}

const literal = (segment: string) => percentDecode(segment);

/**
 * Finds the publication of a request, in a trie of path segments for each environment. An exact template takes precedence over a prefix.
 * Then, segment by segment from the left, a literal takes precedence over a parameter; then a longer prefix over a shorter one; then the
 * method itself over `ANY`. If two publications have the same pattern, the smaller id takes precedence, which is that of the older
 * publication.
 */
export class PathMatcher {
  readonly #environments = new Map<string, Node>();
  /** Ids of publications that no request can reach, because an older publication has the same pattern. */
  readonly unreachable: string[] = [];

  constructor(patterns: Iterable<readonly [publishId: string, pattern: Pattern]>) {
    for (const [publishId, pattern] of [...patterns].sort(([a], [b]) => (a < b ? -1 : 1))) this.#add(publishId, pattern);
  }

  #add(publishId: string, { environment, method, template, mode }: Pattern): void {
    let at = this.#environments.get(environment) ?? node();
    this.#environments.set(environment, at);
    for (const segment of segmentsOf(template, mode)) {
      let next = isParameter(segment) ? at.parameter : at.literals.get(literal(segment));
      if (!next) {
        next = node();
        if (isParameter(segment)) at.parameter = next;
        else at.literals.set(literal(segment), next);
      }
      at = next;
    }
    const methods = mode === 'SWA' ? at.prefix : at.exact;
    if (methods.has(method)) this.unreachable.push(publishId);
    else methods.set(method, publishId);
  }

  /** @param path the path of the request, encoded as it was sent, without the query */
  match(environment: string, method: string, path: string): string | undefined {
    const root = this.#environments.get(environment);
    if (!root || !path.startsWith('/')) return undefined;
    const segments = segmentsOf(path).map(literal);
    return find(root, segments, 0, method, 'exact') ?? find(root, segments, 0, method, 'prefix');
  }
}

/** Visits each node of the trie at most once, so that no set of templates causes exponential backtracking. */
function find(at: Node, segments: readonly string[], depth: number, method: string, kind: Kind): string | undefined {
  const segment = segments[depth];
  if (segment !== undefined) {
    const next = at.literals.get(segment);
    const found =
      (next && find(next, segments, depth + 1, method, kind)) ??
      (segment !== '' && at.parameter ? find(at.parameter, segments, depth + 1, method, kind) : undefined);
    if (found !== undefined || kind === 'exact') return found;
  }
  return at[kind].get(method) ?? at[kind].get(ANY);
}

/**
 * Compares two patterns by the precedence of {@link PathMatcher}, for gateways that try patterns in sequence. The most specific one comes
 * first.
 */
export function moreSpecificFirst(a: Pattern, b: Pattern): number {
  if (a.mode !== b.mode) return a.mode === 'NORMAL' ? -1 : 1;
  const [left, right] = [segmentsOf(a.template, a.mode), segmentsOf(b.template, b.mode)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [x, y] = [isParameter(left[i] ?? ''), isParameter(right[i] ?? '')];
    if (x !== y) return x ? 1 : -1;
  }
  return right.length - left.length || Number(a.method === ANY) - Number(b.method === ANY);
}
