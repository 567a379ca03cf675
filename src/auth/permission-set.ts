import { dependenciesOf } from '../common/actions.js';
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

/** What several policies together allow: a Deny of any of them wins, and what none allows is denied. */
export class PermissionSet {
  readonly #statements: readonly CompiledStatement[];
  /** Actions come from the code, so they are few. */
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

  /** Whether the action may be taken: it and everything that it depends on. */
  allows(action: string): boolean {
    let answer = this.#decided.get(action);
    if (answer === undefined) {
      answer = [action, ...dependenciesOf(action)].every((each) => this.decidedBy(each)?.effect === 'Allow');
      this.#decided.set(action, answer);
    }
    return answer;
  }

  /**
   * Whether whoever holds this set may give the pattern away: everything that it names today is allowed here, and so is whatever
   * it will name, which only a pattern that is at least as wide can say.
   * @param known every action there is
   */
  covers(pattern: string, known: readonly string[]): boolean {
    const given = patternOf(pattern);
    if (known.some((action) => names(given, action) && this.decidedBy(action)?.effect !== 'Allow')) return false;
    // A star in the pattern is a character like any other to the wider one, and only a star of it can match it.
    const wider = (own: RegExp) => own.test(pattern.toLowerCase());
    return !pattern.includes('*') || this.#statements.some(({ effect, patterns }) => effect === 'Allow' && patterns.some(wider));
  }

  /** The statement that allows or denies this one action, its dependencies aside; undefined when none names it. */
  decidedBy(action: string): DecidedBy | undefined {
    const naming = this.#statements.filter(({ patterns }) => patterns.some((pattern) => names(pattern, action)));
    const found = naming.find(({ effect }) => effect === 'Deny') ?? naming[0];
    return found && { policy: found.policy, statement: found.statement, effect: found.effect };
  }
}
