import { dependenciesOf } from '../common/action-names.js';
import { type Effect, type NamedPolicy, names, patternOf } from './policy.js';

/** The statement that decided. */
export interface DecidedBy {
  policy: string;
  /** Position in the policy's `Statement`, from 0. */
  statement: number;
  effect: Effect;
}

interface CompiledStatement extends DecidedBy {
  patterns: readonly RegExp[];
}

/** The permissions that several policies give together: a Deny overrides every Allow, and an action that no policy allows is denied. */
export class PermissionSet {
  readonly #statements: readonly CompiledStatement[];
  /** Cached decisions. The cache is bounded because the code declares all actions. */
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
   * Whether the holder may grant the pattern to others. All actions that it matches today must be allowed, and future ones too, which
   * requires an Allow pattern at least as wide.
   * @param known all actions
   */
  covers(pattern: string, known: readonly string[]): boolean {
    const given = patternOf(pattern);
    if (known.some((action) => names(given, action) && this.decidedBy(action)?.effect !== 'Allow')) return false;
    // A `*` in the pattern is matched as a character: only a `*` of a wider pattern matches it.
    const wider = (own: RegExp) => own.test(pattern.toLowerCase());
    return !pattern.includes('*') || this.#statements.some(({ effect, patterns }) => effect === 'Allow' && patterns.some(wider));
  }

  /** The statement that decides on this action, without its dependencies; undefined when none matches. */
  decidedBy(action: string): DecidedBy | undefined {
    const naming = this.#statements.filter(({ patterns }) => patterns.some((pattern) => names(pattern, action)));
    const found = naming.find(({ effect }) => effect === 'Deny') ?? naming[0];
    return found && { policy: found.policy, statement: found.statement, effect: found.effect };
  }
}
