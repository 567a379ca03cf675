/** What the contract says a value is: itself, a pattern for what the server makes up, or an object of which only some fields are named. */
export type Expected =
  | string
  | number
  | boolean
  | null
  | RegExp
  | Including
  | readonly Expected[]
  | { readonly [field: string]: Expected | undefined };

/** An object that has at least these fields. */
class Including {
  readonly fields: { readonly [field: string]: Expected };
  constructor(fields: { readonly [field: string]: Expected }) {
    this.fields = fields;
  }
}

export const including = (fields: { readonly [field: string]: Expected }) => new Including(fields);

/** Where two values part, and what stands there. */
export interface Mismatch {
  path: string;
  expected: string;
  received: string;
}

const LONG = 1200;

/** A value in one line, patterns included; a long one is cut. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value, (_, each: unknown) =>
    each instanceof RegExp ? `a text like ${each}` : each instanceof Including ? { ...each.fields, '…': 'anything' } : each,
  );
  return text.length > LONG ? `${text.slice(0, LONG)}… (${text.length} characters)` : text;
}

/**
 * Compares whole values: every field, in arrays every element in its place, nothing besides.
 * @returns the first mismatch, `undefined` when there is none
 */
export function mismatch(expected: Expected | undefined, received: unknown, path = ''): Mismatch | undefined {
  const here = () => ({ path: path || 'the whole', expected: show(expected), received: show(received) });
  if (expected instanceof RegExp) return typeof received === 'string' && expected.test(received) ? undefined : here();
  if (typeof expected !== 'object' || expected === null) return Object.is(expected, received) ? undefined : here();
  if (typeof received !== 'object' || received === null || Array.isArray(received) !== Array.isArray(expected)) return here();
  if (Array.isArray(expected)) return ofArrays(expected as readonly Expected[], received as readonly unknown[], path);
  const partial = expected instanceof Including;
  const wanted = (partial ? expected.fields : expected) as Record<string, Expected | undefined>;
  const there = received as Record<string, unknown>;
  const fields = new Set([...Object.keys(wanted), ...(partial ? [] : Object.keys(there))]);
  for (const field of fields) {
    const found = mismatch(wanted[field], there[field], path ? `${path}.${field}` : field);
    if (found) return found;
  }
  return undefined;
}

function ofArrays(expected: readonly Expected[], received: readonly unknown[], path: string): Mismatch | undefined {
  for (let i = 0; i < Math.max(expected.length, received.length); i++) {
    const found = mismatch(i < expected.length ? expected[i] : undefined, received[i], `${path}[${i}]`);
    if (found) return found;
  }
  return undefined;
}

/** The contract says one thing and the server answered another. Ends the run. */
export class Difference extends Error {
  readonly request: string;
  readonly expected: string;
  readonly received: string;
  readonly at: Mismatch;

  constructor(request: string, expected: string, received: string, at: Mismatch) {
    super(`${request}: ${at.path}: expected ${at.expected}, received ${at.received}`);
    this.request = request;
    this.expected = expected;
    this.received = received;
    this.at = at;
  }
}

/** Compares what was gathered from several answers. @param what names it in the report @throws Difference */
export function check(what: string, expected: Expected, received: unknown): void {
  const found = mismatch(expected, received);
  if (found) throw new Difference(what, show(expected), show(received), found);
}
