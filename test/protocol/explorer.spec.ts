import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from '@jest/globals';
import { type Bounds, type Exploration, explore, type Model } from './explorer.js';
import { leavingOut } from './faults.js';
import { HaproxyModel } from './haproxy-model.js';
import { RestoreModel } from './restore-model.js';
import { type SessionsState, SessionsModel, TROUBLES } from './sessions-model.js';
import { BACKED_UP, HAPROXY, HOLDING, MAPS_GIVEN, MISSED, ONE, RESTORE, SIGNING, SWITCHES } from './switches.js';

/** The limit in continuous integration. `npm run explore -- --states 2000000` explores more states. */
const BOUNDS: Bounds = { states: Number(process.env.EXPLORE_STATES ?? 15_000), depth: Number(process.env.EXPLORE_DEPTH ?? 60) };
const WHOLE: Bounds = { states: 1_000_000, depth: 200 };
/** One process has its keys, and another one has requested them. */
const BOTH = [...HOLDING, '(b) starts', 'registers 2.1', '(b) asks', 'key 2 is deleted'];
/** Excludes nodes that report a false state. Digests detect such nodes where they can be compared. */
const AROUND = TROUBLES.filter((trouble) => trouble !== 'table wrong');
const lines: string[] = [];

function report({ model, states, transitions, depth, left, ms, violation }: Exploration): string {
  const rest = violation
    ? `violated after ${violation.trace.length} steps`
    : left === 0
      ? 'whole'
      : `complete up to ${depth} steps, ${left} states not followed further`;
  return `${model}: ${states} states, ${transitions} steps, ${Math.round(ms)} ms; ${rest}`;
}

function clean<S>(model: Model<S>, bounds: Bounds, visit?: (state: S) => string | undefined): Exploration {
  const found = explore(model, bounds, visit);
  lines.push(report(found));
  expect(found.violation).toBeUndefined();
  return found;
}

afterAll(() => void process.stdout.write(`${lines.join('\n')}\n`));

/** A fair run costs more than a state, so only one of this many states is followed to its end. */
const sampled = (every: number, model: SessionsModel) => {
  let count = 0;
  return (state: SessionsState) => (++count % every === 0 ? model.staysOpen(state) : undefined);
};

describe('the model of sessions, leases, acknowledgements and completion', () => {
  const seen = new Set<string>();
  const pairs = new Set<string>();
  const note = (found: Exploration) => {
    for (const what of found.seen.keys()) seen.add(what);
    return found;
  };

  it('holds for one process and two control planes in any order, in the whole model', () => {
    const model = new SessionsModel({ ...ONE, name: 'one process, two control planes', controlPlanes: 2, prefix: [] });
    expect(note(clean(model, WHOLE, sampled(200, model))).left).toBe(0);
  });

  it('holds while requests are in flight, in the whole model', () => {
    const model = new SessionsModel({ ...ONE, name: 'one process, requests under way', requests: true });
    expect(note(clean(model, WHOLE, sampled(200, model))).left).toBe(0);
  });

  it('holds with any two failures around one process and one control plane, in the whole model', () => {
    const scope = { name: 'one process, one control plane, any two troubles', troubles: 2, kinds: AROUND, prefix: HOLDING };
    const model = new SessionsModel({ ...ONE, ...scope });
    expect(note(clean(model, WHOLE)).left).toBe(0);
    for (const pair of model.pairs) pairs.add(pair);
  });

  it('holds with any two failures around one process', () => {
    const model = new SessionsModel({
      ...ONE,
      name: 'one process, any two troubles',
      controlPlanes: 2,
      deletions: 2,
      troubles: 2,
      kinds: AROUND,
      messages: 2,
      sessions: 2,
      prefix: HOLDING,
    });
    note(clean(model, BOUNDS, sampled(200, model)));
    for (const pair of model.pairs) pairs.add(pair);
  });

  it('holds for three processes of two names, two control planes and two deletions, with any two failures', () => {
    const scope = { controlPlanes: 2, deletions: 2, troubles: 2, kinds: AROUND, messages: 2, jobs: 2, sessions: 2, requests: true };
    const model = new SessionsModel({
      ...ONE,
      ...scope,
      name: 'three processes, any two troubles',
      running: ['a', 'b'],
      later: ['a'],
      prefix: [
        ...SIGNING,
        'process 2 (b) registers',
        'process 2 (b) asks',
        'snapshot for 2.1 is read',
        'snapshot for 2.1 is answered',
        'snapshot of 2.1 arrives',
      ],
    });
    note(clean(model, BOUNDS, sampled(400, model)));
    for (const pair of model.pairs) pairs.add(pair);
  });

  it('holds with every pair of failures, of which separate models cover those beyond these bounds', () => {
    const wanted = AROUND.flatMap((one, i) => AROUND.slice(i).map((other) => [one, other] as const));
    const missing = wanted.filter((pair) => !pairs.has([...pair].sort().join(' + ')));
    for (const kinds of missing) {
      const scope = { deletions: 2, troubles: 2, kinds, messages: 2, sessions: 2, later: ['b'], prefix: BOTH };
      const model = new SessionsModel({ ...ONE, ...scope, name: kinds.join(' and ') });
      const found = explore(model, { states: BOUNDS.states / 5, depth: BOUNDS.depth });
      expect(found.violation).toBeUndefined();
      for (const pair of model.pairs) pairs.add(pair);
    }
    const never = wanted.map((pair) => [...pair].sort().join(' + ')).filter((pair) => !pairs.has(pair));
    lines.push(
      `pairs of troubles: ${pairs.size} of ${wanted.length}, ${missing.length} in models of their own; not within the bounds: ${never.join(', ') || 'none'}`,
    );
    // These pairs are outside the bounds: the lease can be shortened only once, two deletions are too few to skip one twice, and two stale
    // reads need more steps.
    expect(
      never.filter(
        (pair) => !['lease shortened + lease shortened', 'stream skips + stream skips', 'replica lags + replica lags'].includes(pair),
      ),
    ).toEqual([]);
  });

  it('detects a node whose table differs from its report, while nothing newer is written', () => {
    note(clean(new SessionsModel({ ...ONE, name: 'a wrong table', troubles: 1, kinds: ['table wrong'] }), WHOLE));
  });

  it('holds for a process that replaces another with the same name and folder', () => {
    const scope = { later: ['a'], troubles: 1, kinds: ['crash with its folder'] as const, prefix: SIGNING };
    note(clean(new SessionsModel({ ...ONE, ...scope, name: 'a successor' }), BOUNDS));
  });

  it('holds without leases, where only an operator ends the session of a dead process', () => {
    const model = new SessionsModel({
      ...ONE,
      name: 'no lease',
      leaseSeconds: null,
      troubles: 2,
      kinds: ['crash without its folder', 'vouched for'],
      sessions: 2,
    });
    note(clean(model, WHOLE));
  });

  it('lets sessions end in each of the named ways', () => {
    expect([...seen]).toEqual(
      expect.arrayContaining(
        ['left', 'lease_over', 'vouched', 'succeeded']
          .map((how) => `a session ends: ${how}`)
          .concat('a word that was wrong is known', 'a receipt is complete'),
      ),
    );
  });

  it('completes receipts while control planes restart repeatedly, which needs stored silence', () => {
    const scope = { ...ONE, controlPlanes: 2, troubles: 1, kinds: ['crash without its folder'] as const, prefix: [...SIGNING, 'crashes'] };
    const model = new SessionsModel({ ...scope, name: 'silence stored' });
    expect(explore(model, WHOLE, (state) => model.staysOpen(state)).violation).toBeUndefined();
    const broken = new SessionsModel({ ...scope, name: 'silenceNotStored' }, leavingOut('silenceNotStored'));
    expect(explore(broken, WHOLE, (state) => broken.staysOpen(state)).violation?.what).toContain('stays open');
  });
});

describe('the model of HAProxy and its agent', () => {
  it('holds during a reload, in the whole model', () => {
    const found = clean(new HaproxyModel({ ...HAPROXY, name: 'HAProxy: an agent that crashes', reloads: 0, agentCrashes: 1 }), WHOLE);
    expect(found.left).toBe(0);
    expect([...found.seen.keys()]).toEqual(
      expect.arrayContaining(['a worker signs', 'a receipt is complete', 'a session ends: lease_over']),
    );
  });

  it.each([
    { name: 'HAProxy: two reloads', reloads: 2 },
    { name: 'HAProxy: a reload, a crash of the agent, a socket that fails', agentCrashes: 1, socketFailures: 1 },
    { name: 'HAProxy: two reloads, a crash, a failure, a master socket', reloads: 2, agentCrashes: 1, socketFailures: 1, master: true },
  ])('holds: $name', (scope) => {
    clean(new HaproxyModel({ ...HAPROXY, ...scope, prefix: MAPS_GIVEN }), BOUNDS);
  });
});

describe('the model of a restored database', () => {
  it.each([
    { name: 'restore: one node, no trouble' },
    { name: 'restore: a node that signs, one that starts, any two troubles', later: 1, troubles: 2 },
    { name: 'restore: a control plane that starts without a file', later: 1, starter: true, troubles: 1, prefix: BACKED_UP },
  ])('holds: $name', (scope) => {
    const found = clean(new RestoreModel({ ...RESTORE, ...scope }), BOUNDS);
    expect([...found.seen.keys()]).toEqual(expect.arrayContaining(['held after a restore', 'recovered', 'a receipt is complete']));
  });

  it('holds for two restores if one control plane misses the first', () => {
    const scope = { name: 'restore: two restores, one control plane misses the first', restores: 2, stops: 1, prefix: MISSED };
    const found = clean(new RestoreModel({ ...RESTORE, ...scope }), BOUNDS);
    expect([...found.seen.keys()]).toEqual(expect.arrayContaining(['a second restore is noticed', 'recovered']));
  });
});

const steps = new Map<string, number>();

describe('without one rule, the explorer finds a violation, and with the rule none:', () => {
  it.each(SWITCHES)('$fault', ({ fault, model }) => {
    const found = explore(model(true), { states: 60_000, depth: 40 });
    const { what, trace } = found.violation ?? { what: 'nothing was found', trace: [] };
    lines.push(`${fault}: ${trace.length} steps, ${found.states} states: ${what}`);
    steps.set(fault, trace.length);
    expect(trace.length).toBeGreaterThan(0);
    const control = explore(model(false), { states: Math.max(60_000, found.states), depth: trace.length });
    lines.push(`  with the rule: 0 violations in ${control.states} states`);
    expect(control.violation).toBeUndefined();
    expect(control.states).toBeGreaterThan(0);
  });

  it('every rule that can be left out is checked', () => {
    const source = readFileSync(`${import.meta.dirname}/../../src/lib/receipts/faults.ts`, 'utf8');
    const names = [...source.matchAll(/^ {2}\| '(\w+)'/gm)].map(([, name]) => name);
    expect(names.length).toBeGreaterThanOrEqual(20);
    // Without this rule no receipt is wrong: see the test of control planes that restart.
    expect(names.filter((name) => name !== 'silenceNotStored').sort()).toEqual(SWITCHES.map(({ fault }) => fault).sort());
  });

  it('docs/track-record.md has the number of steps of each rule', () => {
    const page = readFileSync(`${import.meta.dirname}/../../docs/track-record.md`, 'utf8');
    const wanted = SWITCHES.filter(({ fault }) => !page.includes(`| \`${fault}\` | ${steps.get(fault) ?? '?'} |`));
    expect(wanted.map(({ fault }) => `${fault} ${steps.get(fault)}`)).toEqual([]);
  });
});

const without = SWITCHES.filter(({ fault }) => fault === process.env.EXPLORE_WITHOUT);
(without.length > 0 ? describe : describe.skip)('a rule is left out', () => {
  it.each(without)('and nothing goes wrong', ({ model }) => {
    const { violation } = explore(model(true), WHOLE);
    if (violation) lines.push(`${violation.trace.join('\n')}\n=> ${violation.what}`);
    expect(violation).toBeUndefined();
  });
});
