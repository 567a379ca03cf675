import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PermissionSet } from './permission-set.js';
import type { Effect, NamedPolicy } from './policy.js';
import { SYSTEM_POLICIES } from './system-policies.js';

const policy = (name: string, ...statements: [Effect, ...string[]][]): NamedPolicy => ({
  name,
  document: { Version: '1.1', Statement: statements.map(([effect, ...actions]) => ({ Effect: effect, Action: actions })) },
});
const system = (name: string) => SYSTEM_POLICIES.find((each) => each.name === `APIG ${name}`)!;

describe('a set of policies', () => {
  it('denies actions that no policy names', () => {
    expect(new PermissionSet([]).allows('apig:instances:get')).toBe(false);
    expect(new PermissionSet([]).decidedBy('apig:instances:get')).toBeUndefined();
  });

  it('lets a Deny of any policy win, in any order and in either spelling', () => {
    const deny = policy('no deletion', ['Deny', 'apig:signatureKey:delete']);
    for (const policies of [
      [system('FullAccess'), deny],
      [deny, system('FullAccess')],
    ]) {
      const set = new PermissionSet(policies);
      expect([set.allows('apig:signs:delete'), set.allows('apig:signs:create')]).toEqual([false, true]);
      expect(set.decidedBy('apig:signs:delete')).toEqual({ policy: 'no deletion', statement: 0, effect: 'Deny' });
    }
  });

  it('names the statement that decided', () => {
    const set = new PermissionSet([policy('two', ['Allow', 'apig:*:list*'], ['Allow', 'apig:signs:*'])]);
    expect(set.decidedBy('apig:signs:create')).toEqual({ policy: 'two', statement: 1, effect: 'Allow' });
    expect(set.decidedBy('apig:signs:list')).toEqual({ policy: 'two', statement: 0, effect: 'Allow' });
  });

  it('allows an action only together with all actions that it depends on', () => {
    const [create, bind] = ['apig:signs:create', 'apig:apis:bindSigns'];
    expect(new PermissionSet([policy('p', ['Allow', create])]).allows(create)).toBe(false);
    expect(new PermissionSet([policy('p', ['Allow', create, 'apig:instances:get'])]).allows(create)).toBe(true);
    const needed = [bind, 'apig:instance:get', 'apig:apis:get', 'apig:signatureKey:list'];
    expect(new PermissionSet([policy('p', ['Allow', ...needed])]).allows(bind)).toBe(true);
    for (const left of needed) {
      const without = new PermissionSet([policy('p', ['Allow', ...needed.filter((each) => each !== left)])]);
      expect([left, without.allows(bind)]).toEqual([left, false]);
    }
    expect(new PermissionSet([system('FullAccess'), policy('d', ['Deny', 'apig:instances:get'])]).allows(create)).toBe(false);
  });

  it('allows readers to get and list, but not to write or reveal', () => {
    const reader = new PermissionSet([system('ReadOnlyAccess')]);
    const may = ['apig:signs:list', 'apig:signs:listBindedApis', 'apig:apis:get', 'signet:audit:list', 'signet:signs:getImpact'];
    const mayNot = ['apig:signs:create', 'apig:apis:bindSigns', 'signet:signs:reveal', 'iam:groups:listGroups', 'apig:apis:publish'];
    expect([...may, ...mayNot].filter((action) => reader.allows(action))).toEqual(may);
  });

  it('never allows more after a further Deny, or less after a further Allow', () => {
    const actions = ['signet:a:x', 'signet:a:y', 'signet:b:x', 'iam:a:x'];
    const statement = fc.tuple(fc.constantFrom<Effect>('Allow', 'Deny'), fc.constantFrom(...actions, 'signet:*:*', '*:a:*'));
    const policies = fc.array(fc.array(statement, { minLength: 1, maxLength: 3 }), { maxLength: 4 });
    fc.assert(
      fc.property(policies, statement, (before, [effect, action]) => {
        const named = before.map((statements, i) => policy(`p${i}`, ...statements));
        const [less, more] = [named, [...named, policy('another', [effect, action])]].map((each) => new PermissionSet(each));
        for (const each of actions) {
          const [was, is] = [less!.decidedBy(each)?.effect === 'Allow', more!.decidedBy(each)?.effect === 'Allow'];
          expect(effect === 'Allow' ? was && !is : is && !was).toBe(false);
        }
      }),
    );
  });
});
