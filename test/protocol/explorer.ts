/** A small model of a system, with every step that is possible in each state. */
export interface Model<S> {
  readonly name: string;
  readonly initial: readonly S[];
  /** Emits every possible step. States are immutable. */
  successors(state: S, emit: (action: string, next: S) => void): void;
  /** A text that is equal for equivalent states, such as symmetric states and states with the same time differences. */
  key(state: S): string;
  /** Why this state must never occur; undefined: the state is allowed. */
  violation(state: S, before: S): string | undefined;
  /** Names of situations that the state shows. The explorer counts which of them it has seen. */
  shows?(state: S, see: (what: string) => void): void;
}

export interface Bounds {
  /** The steps from the initial state. */
  readonly depth: number;
  readonly states: number;
}

export interface Exploration {
  readonly model: string;
  readonly states: number;
  readonly transitions: number;
  /** All states up to this number of steps were explored. */
  readonly depth: number;
  /** The number of states whose successors were not explored because of the bounds; 0: the whole model was explored. */
  readonly left: number;
  readonly seen: ReadonlyMap<string, number>;
  readonly violation: { readonly what: string; readonly trace: readonly string[] } | undefined;
  readonly ms: number;
}

/**
 * Breadth first, so that the first violation has a shortest trace. States are remembered by a 53-bit hash of their key: with a
 * million states the probability of a hash collision is about 1 in 20,000.
 */
export function explore<S>(model: Model<S>, bounds: Bounds, visit?: (state: S) => string | undefined): Exploration {
  const began = performance.now();
  const known = new Set<number>();
  const parents: number[] = [];
  const actions: string[] = [];
  const seen = new Map<string, number>();
  const see = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
  let level: { state: S; index: number }[] = [];
  let next: { state: S; index: number }[] = [];
  let transitions = 0;
  let depth = 0;
  let violation: Exploration['violation'];

  const traceOf = (index: number): string[] => {
    const trace: string[] = [];
    for (let at = index; at >= 0; at = parents[at] ?? -1) {
      const action = actions[at];
      if (action) trace.unshift(action);
    }
    return trace;
  };
  const take = (state: S, before: S, parent: number, action: string, into: { state: S; index: number }[]) => {
    const hash = hashOf(model.key(state));
    if (known.has(hash)) return;
    known.add(hash);
    const index = parents.push(parent) - 1;
    actions.push(action);
    model.shows?.(state, see);
    const what = model.violation(state, before) ?? visit?.(state);
    if (what !== undefined) violation = { what, trace: traceOf(index) };
    else into.push({ state, index });
  };

  for (const state of model.initial) take(state, state, -1, '', level);
  while (!violation && level.length > 0 && depth < bounds.depth && known.size < bounds.states) {
    let at = 0;
    for (; at < level.length && !violation && known.size < bounds.states; at++) {
      const { state, index } = level[at] as { state: S; index: number };
      model.successors(state, (action, after) => {
        transitions++;
        if (!violation) take(after, state, index, action, next);
      });
    }
    if (at < level.length) {
      next = [...level.slice(at), ...next];
      level = next;
      break;
    }
    level = next;
    next = [];
    depth++;
  }
  return {
    model: model.name,
    states: known.size,
    transitions,
    depth,
    left: violation ? Number.NaN : level.length,
    seen,
    violation,
    ms: performance.now() - began,
  };
}

// A local alias, because look-ups of globals are slow under Jest.
const { imul } = Math;

/** The hash function cyrb53: it mixes two 32-bit halves, of which 53 bits are used. */
function hashOf(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = imul(a ^ code, 2654435761);
    b = imul(b ^ code, 1597334677);
  }
  a = imul(a ^ (a >>> 16), 2246822507) ^ imul(b ^ (b >>> 13), 3266489909);
  b = imul(b ^ (b >>> 16), 2246822507) ^ imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}

/** The state after these steps. For each text, takes the first possible step whose name contains it. */
export function after<S>(model: Pick<Model<S>, 'successors'>, initial: S, steps: readonly string[]): S {
  return steps.reduce((state, wanted) => {
    let found: S | undefined;
    model.successors(state, (action, next) => {
      if (found === undefined && action.includes(wanted)) found = next;
    });
    if (found === undefined) throw new Error(`there is no step: ${wanted}`);
    return found;
  }, initial);
}
