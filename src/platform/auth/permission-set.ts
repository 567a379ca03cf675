import { dependenciesOf } from '../common/action-names.js';
import { type Effect, type NamedPolicy, names, patternOf } from './policy.js';

/** The deciding statement. */
export interface DecidedBy {
  policy: string;
  /** Position in the policy's `Statement`, from 0. */
  statement: number;
  effect: Effect;
}

interface CompiledStatement extends DecidedBy {
  patterns: readonly RegExp[];
}

/** Effective permissions of several policies: a Deny overrides, and what no policy allows is denied. */
export class PermissionSet {
  readonly #statements: readonly CompiledStatement[];
  /** Decision cache, bounded because all actions are declared in code. */
  readonly #decided = new Map<string, boolean>();

  constructor(readonly policies: readonly NamedPolicy[]) {
    this.#statements = policies.flatMap(({ name, document }) =>
      document.Statement.map(({ Effect: effect, Action: actions }, statement) => ({
        policy: name,
        statement,
        effect,
        patterns: actions.map(patternOf),
      })),
    );
  }

  /** Whether the action and all its dependencies are allowed. */
  allows(action: string): boolean {
    let answer = this.#decided.get(action);
    if (answer === undefined) {
      answer = [action, ...dependenciesOf(action)].every((each) => this.decidedBy(each)?.effect === 'Allow');
      this.#decided.set(action, answer);
    }
    return answer;
  }

  /**
   * Whether the holder may grant the pattern to others: all actions that it matches today are allowed, and so are future ones, which requires
   * an Allow pattern at least as wide.
   * @param known all actions
   */
  covers(pattern: string, known: readonly string[]): boolean {
    const given = patternOf(pattern);
    if (known.some((action) => names(given, action) && this.decidedBy(action)?.effect !== 'Allow')) return false;
    // A `*` in the pattern is matched literally, which only a `*` of the wider pattern can do.
    const wider = (own: RegExp) => own.test(pattern.toLowerCase());
    return !pattern.includes('*') || this.#statements.some(({ effect, patterns }) => effect === 'Allow' && patterns.some(wider));
  }

  /** The statement that decides about this action without its dependencies; undefined when none matches. */
  decidedBy(action: string): DecidedBy | undefined {
    const naming = this.#statements.filter(({ patterns }) => patterns.some((pattern) => names(pattern, action)));
    const found = naming.find(({ effect }) => effect === 'Deny') ?? naming[0];
    return found && { policy: found.policy, statement: found.statement, effect: found.effect };
  }
}
