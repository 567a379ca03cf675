import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isParameter, moreSpecificFirst, PathMatcher, type Pattern, segmentsOf } from './path-matcher.js';

const pattern = (template: string, overrides: Partial<Pattern> = {}): Pattern => ({
  environment: 'RELEASE',
  method: 'GET',
  template,
  mode: 'NORMAL',
  ...overrides,
});
const matcher = (patterns: Record<string, Pattern>) => new PathMatcher(Object.entries(patterns));

describe('the path matcher', () => {
  it('matches a NORMAL template as a whole, and a SWA template as a prefix of segments', () => {
    const paths = matcher({ exact: pattern('/orders/{id}'), prefix: pattern('/files/', { mode: 'SWA' }) });
    const found = ['/orders/7', '/orders/7/', '/orders/', '/orders', '/files', '/files/', '/files/a/b', '/filesystem'].map((path) =>
      paths.match('RELEASE', 'GET', path),
    );
    expect(found).toEqual(['exact', undefined, undefined, undefined, 'prefix', 'prefix', 'prefix', undefined]);
  });

  it('prefers an exact match to a prefix, a literal to a parameter, a longer prefix to a shorter one, and the method itself to ANY', () => {
    const paths = matcher({
      root: pattern('/', { mode: 'SWA', method: 'ANY' }),
      a: pattern('/a', { mode: 'SWA' }),
      ab: pattern('/a/b', { mode: 'SWA' }),
      parameter: pattern('/a/{x}'),
      literal: pattern('/a/c'),
      any: pattern('/a/c', { method: 'ANY' }),
    });
    const get = (path: string) => paths.match('RELEASE', 'GET', path);
    expect(['/a/c', '/a/d', '/a/b', '/a/b/c', '/a/x/y', '/z'].map(get)).toEqual(['literal', 'parameter', 'parameter', 'ab', 'a', 'root']);
    expect(paths.match('RELEASE', 'POST', '/a/c')).toBe('any');
    expect(paths.match('RELEASE', 'POST', '/a/d')).toBe('root');
  });

  it('separates environments, decodes segments, and keeps // and dots', () => {
    const paths = matcher({ release: pattern('/a b/{x}'), test: pattern('/a b/{x}', { environment: 'TEST' }), cjk: pattern('/订单') });
    expect(paths.match('TEST', 'GET', '/a%20b/1')).toBe('test');
    expect(paths.match('RELEASE', 'GET', '/%61%20b/1%2F2')).toBe('release');
    expect(paths.match('RELEASE', 'GET', '/%E8%AE%A2%E5%8D%95')).toBe('cjk');
    for (const path of ['//a%20b/1', '/./a%20b/1', '/a%20b//', 'a%20b/1', '*', ''])
      expect(paths.match('RELEASE', 'GET', path)).toBeUndefined();
    expect(paths.match('OTHER', 'GET', '/a%20b/1')).toBeUndefined();
  });

  it('reports which of two APIs with the same pattern is unreachable', () => {
    const paths = matcher({ b: pattern('/x'), a: pattern('/x') });
    expect([paths.match('RELEASE', 'GET', '/x'), paths.unreachable]).toEqual(['a', ['b']]);
  });

  const segment = fc.constantFrom('a', 'b', 'c', '');
  const templateSegment = fc.constantFrom('a', 'b', 'c', '{x}', '{y}');
  const patterns = fc.array(
    fc.record({
      environment: fc.constant('RELEASE'),
      method: fc.constantFrom('GET', 'ANY'),
      template: fc.array(templateSegment, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`),
      mode: fc.constantFrom('NORMAL' as const, 'SWA' as const),
    }),
    { maxLength: 12 },
  );

  it('finds the same API as a search through all patterns in order of precedence', () => {
    const fits = ({ method, template, mode }: Pattern, asked: string, path: string) => {
      const [wanted, given] = [segmentsOf(template, mode), segmentsOf(path)];
      const long = mode === 'NORMAL' ? given.length === wanted.length : given.length >= wanted.length;
      return (
        (method === 'ANY' || method === asked) &&
        long &&
        wanted.every((each, i) => (isParameter(each) ? given[i] !== '' : each === given[i]))
      );
    };
    fc.assert(
      fc.property(patterns, fc.constantFrom('GET', 'POST'), fc.array(segment, { maxLength: 5 }), (all, method, segments) => {
        const path = `/${segments.join('/')}`;
        const named = all.map((each, i) => [`p${String(i).padStart(2, '0')}`, each] as const);
        const [best] = named
          .filter(([, each]) => fits(each, method, path))
          .sort(([a, x], [b, y]) => moreSpecificFirst(x, y) || (a < b ? -1 : 1));
        expect(new PathMatcher(named).match('RELEASE', method, path)).toBe(best?.[0]);
      }),
      { numRuns: 3000 },
    );
  });
});
