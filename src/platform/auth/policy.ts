import { aliasesOf } from '../common/action-names.js';

export const EFFECTS = ['Allow', 'Deny'] as const;
export type Effect = (typeof EFFECTS)[number];

interface PolicyStatement {
  Effect: Effect;
  /** `service:resource:operation`. A `*` in the last two parts matches any text. */
  Action: string[];
}

/** A policy in Huawei's format, limited to the supported fields (docs/contracts/apig.md §7.3). */
export interface PolicyDocument {
  Version: '1.1';
  Statement: PolicyStatement[];
}

export interface NamedPolicy {
  name: string;
  document: PolicyDocument;
}

/** Limits of Huawei's identity service. */
export const STATEMENTS_MAX = 8;
export const ACTIONS_MAX = 100;
const POLICY_MAX_CHARS = 6144;
const PATTERN_MAX_CHARS = 128;
/** Maximum number of `*` in a part: bounds the time of matching. Action names need no more. */
const STARS_MAX = 2;

const PATTERN = /^(?<service>[a-z][a-z0-9-]*|\*):(?<resource>[A-Za-z0-9*-]+):(?<operation>[A-Za-z0-9*-]+)$/;

/** The fault of a policy and its location, such as `Statement[0].Effect`. */
export class PolicyFault extends Error {
  constructor(
    readonly path: string,
    readonly words: string,
  ) {
    super(path === '' ? words : `${path} ${words}`);
  }
}

/** Compiles an action name or pattern. Matching ignores case, but the service must be in lower case (Huawei's rule). */
export function patternOf(action: string): RegExp {
  return new RegExp(`^${action.toLowerCase().replaceAll('*', '[^:]*')}$`);
}

/** Whether the pattern matches any name of the action. */
export const names = (pattern: RegExp, action: string): boolean => aliasesOf(action).some((each) => pattern.test(each.toLowerCase()));

/**
 * Validates a policy. Refuses fields that would have to be ignored, above all `Resource` and `Condition`.
 * @param known all actions: a pattern that matches none of them is a mistake, and a dangerous one in a Deny
 * @throws PolicyFault
 */
export function readPolicy(value: unknown, known: readonly string[]): PolicyDocument {
  const policy = objectOf(value, '', ['Version', 'Statement'], 'a policy');
  if (JSON.stringify(value).length > POLICY_MAX_CHARS) throw new PolicyFault('', `must be at most ${POLICY_MAX_CHARS} characters of JSON`);
  if (policy.Version !== '1.1') throw new PolicyFault('Version', 'must be "1.1"');
  const statements = listOf(policy.Statement, 'Statement', STATEMENTS_MAX);
  return { Version: '1.1', Statement: statements.map((statement, i) => readStatement(statement, `Statement[${i}]`, known)) };
}

function readStatement(value: unknown, path: string, known: readonly string[]): PolicyStatement {
  const statement = objectOf(value, path, ['Effect', 'Action'], 'a statement');
  const effect = EFFECTS.find((each) => each === statement.Effect);
  if (effect === undefined) throw new PolicyFault(`${path}.Effect`, 'must be "Allow" or "Deny"');
  const actions = listOf(statement.Action, `${path}.Action`, ACTIONS_MAX);
  return { Effect: effect, Action: actions.map((action, i) => readPattern(action, `${path}.Action[${i}]`, known)) };
}

function readPattern(value: unknown, path: string, known: readonly string[]): string {
  const parts = typeof value === 'string' && value.length <= PATTERN_MAX_CHARS ? PATTERN.exec(value)?.groups : undefined;
  if (!parts) throw new PolicyFault(path, 'must be service:resource:operation, e.g. "apig:signs:create" or "apig:*:get*"');
  for (const part of Object.values(parts)) {
    if (part.includes('**') || part.split('*').length - 1 > STARS_MAX)
      throw new PolicyFault(path, `must have at most ${STARS_MAX} separate "*" in a part`);
  }
  const pattern = patternOf(value as string);
  if (!known.some((action) => names(pattern, action))) throw new PolicyFault(path, 'names no action of this service');
  return value as string;
}

function objectOf(value: unknown, path: string, fields: readonly string[], what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new PolicyFault(path, 'must be an object');
  const unknown = Object.keys(value).find((field) => !fields.includes(field));
  // The response repeats well-formed names only.
  const shown = unknown !== undefined && /^\w{1,32}$/.test(unknown) ? unknown : '?';
  if (unknown !== undefined)
    throw new PolicyFault(path ? `${path}.${shown}` : shown, `is not evaluated here: ${what} has ${fields.join(' and ')} only`);
  return value as Record<string, unknown>;
}

function listOf(value: unknown, path: string, max: number): unknown[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > max) throw new PolicyFault(path, `must be a list of 1 to ${max}`);
  return value as unknown[];
}
