import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aliasesOf } from '../common/action-names.js';
import { names, patternOf, readPolicy } from './policy.js';

const KNOWN = ['apig:signs:create', 'apig:signs:list', 'apig:apis:bindSigns', 'apig:instances:get', 'signet:audit:list'];
const policy = (...statements: unknown[]) => ({ Version: '1.1', Statement: statements });
const allow = (...actions: unknown[]) => ({ Effect: 'Allow', Action: actions });
const read = (value: unknown) => readPolicy(value, KNOWN);

describe('a policy', () => {
  it('is stored unchanged', () => {
    const sent = policy(allow('apig:*:list*', 'APIG:SIGNS:create'.replace('APIG', 'apig')), { Effect: 'Deny', Action: ['*:*:*'] });
    expect(read(sent)).toEqual(sent);
  });

  it.each([
    ['a value that is not an object', [], 'must be an object'],
    ['nothing', null, 'must be an object'],
    ['no version', { Statement: [allow('apig:signs:list')] }, 'Version must be "1.1"'],
    ['another version', { Version: '1.0', Statement: [allow('apig:signs:list')] }, 'Version must be "1.1"'],
    ['no statement', { Version: '1.1' }, 'Statement must be a list of 1 to 8'],
    ['an empty list of statements', policy(), 'Statement must be a list of 1 to 8'],
    ['nine statements', policy(...Array.from({ length: 9 }, () => allow('apig:signs:list'))), 'Statement must be a list of 1 to 8'],
    [
      'a field of another type of policy',
      { ...policy(allow('apig:signs:list')), Depends: [] },
      'Depends is not evaluated here: a policy has Version and Statement only',
    ],
    [
      'a resource',
      policy({ ...allow('apig:signs:list'), Resource: ['*'] }),
      'Statement[0].Resource is not evaluated here: a statement has Effect and Action only',
    ],
    [
      'a condition',
      policy({ ...allow('apig:signs:list'), Condition: {} }),
      'Statement[0].Condition is not evaluated here: a statement has Effect and Action only',
    ],
    [
      'NotAction',
      policy({ Effect: 'Allow', NotAction: ['apig:signs:list'] }),
      'Statement[0].NotAction is not evaluated here: a statement has Effect and Action only',
    ],
    ['an effect in another case', policy({ Effect: 'deny', Action: ['apig:signs:list'] }), 'Statement[0].Effect must be "Allow" or "Deny"'],
    [
      'an action that is not a list',
      policy({ Effect: 'Allow', Action: 'apig:signs:list' }),
      'Statement[0].Action must be a list of 1 to 100',
    ],
    [
      'an action that is not a string',
      policy(allow(7)),
      'Statement[0].Action[0] must be service:resource:operation, e.g. "apig:signs:create" or "apig:*:get*"',
    ],
    [
      'two parts',
      policy(allow('apig:signs:list', 'apig:*')),
      'Statement[0].Action[1] must be service:resource:operation, e.g. "apig:signs:create" or "apig:*:get*"',
    ],
    [
      'a wildcard in the service',
      policy(allow('api*:signs:list')),
      'Statement[0].Action[0] must be service:resource:operation, e.g. "apig:signs:create" or "apig:*:get*"',
    ],
    [
      'a regular expression',
      policy(allow('apig:signs:(list)')),
      'Statement[0].Action[0] must be service:resource:operation, e.g. "apig:signs:create" or "apig:*:get*"',
    ],
    ['two adjacent stars', policy(allow('apig:signs:**')), 'Statement[0].Action[0] must have at most 2 separate "*" in a part'],
    ['three stars', policy(allow('apig:signs:*l*t*')), 'Statement[0].Action[0] must have at most 2 separate "*" in a part'],
    [
      'a misspelled action',
      policy({ Effect: 'Deny', Action: ['apig:sings:create'] }),
      'Statement[0].Action[0] names no action of this service',
    ],
    ['another service', policy(allow('vpc:*:get*')), 'Statement[0].Action[0] names no action of this service'],
    ['100 kB', policy(allow(...Array.from({ length: 100 }, () => 'a'.repeat(1000)))), 'must be at most 6144 characters of JSON'],
  ])('is refused for %s, with the location of the error', (_, value, words) => {
    expect(() => read(value)).toThrow(new Error(words));
  });

  it('is refused without repeating the name of an unknown field', () => {
    expect(() => read({ '<script>': 1 })).toThrow(/^\? is not evaluated here/);
  });
});

describe('a pattern', () => {
  it('matches an action in either spelling and in any case, and its wildcard stops at a colon', () => {
    for (const pattern of [
      'apig:signs:create',
      'apig:signatureKey:create',
      'apig:SIGNATUREKEY:Create',
      'apig:*:create',
      '*:*:*',
      'apig:s*s:c*e',
    ])
      expect([pattern, names(patternOf(pattern), 'apig:signs:create')]).toEqual([pattern, true]);
    for (const pattern of ['apig:signs:creat', 'apig:signs:created', 'signet:*:*', 'apig:sign:create', '*:create:*'])
      expect([pattern, names(patternOf(pattern), 'apig:signs:create')]).toEqual([pattern, false]);
    expect(names(patternOf('apig:api:bindSignatureKey'), 'apig:apis:bindSigns')).toBe(true);
    expect(names(patternOf('apig:signatureKey:listBoundApi'), 'apig:signs:listBindedApis')).toBe(true);
  });

  it('matches like a simple reference implementation, for any pattern and action', () => {
    const walk = (pattern: string, text: string): boolean =>
      pattern === ''
        ? text === ''
        : pattern[0] === '*'
          ? walk(pattern.slice(1), text) || (text !== '' && text[0] !== ':' && walk(pattern, text.slice(1)))
          : pattern[0] === text[0] && walk(pattern.slice(1), text.slice(1));
    const part = fc.stringMatching(/^[ab*]{1,5}$/);
    const action = fc.tuple(fc.stringMatching(/^[ab]{1,5}$/), fc.stringMatching(/^[ab]{1,5}$/)).map((parts) => `x:${parts.join(':')}`);
    fc.assert(
      fc.property(part, part, action, (resource, operation, text) => {
        const pattern = `x:${resource}:${operation}`;
        expect(names(patternOf(pattern), text)).toBe(walk(pattern, text));
      }),
    );
  });

  it('has tests with the action names of the contract’s documents', () => {
    expect(aliasesOf('apig:envs:create')).toEqual(['apig:envs:create', 'apig:environment:create']);
    expect(aliasesOf('apig:signs:listUnbindedApis')).toEqual(['apig:signs:listUnbindedApis', 'apig:signatureKey:listUnboundApi']);
    expect(aliasesOf('signet:signs:getImpact')).toEqual(['signet:signs:getImpact']);
  });
});
