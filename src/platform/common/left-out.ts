import { Transform } from 'class-transformer';

/** A field of an input whose zero counts as left out. */
export interface ZeroField {
  readonly input: abstract new () => object;
  readonly field: string;
}

const zeroFields: ZeroField[] = [];

/**
 * The fields whose zero counts as left out, in the order in which their classes were loaded: those of the API Gateway contract, because only
 * its inputs use {@link ZeroMeansNotGiven}.
 */
export const zeroMeansNotGiven = (): readonly ZeroField[] => zeroFields;

/**
 * Property decorator of an optional number: 0 counts as left out. Clients in Go send 0 for a number that the user did not set
 * (docs/contracts/apig-clients.md §1.2).
 *
 * How to use it in an input of the API Gateway contract:
 * - A number whose range or enumeration has no 0 must have it. `OptionalWhole` and `OptionalOneOf` (src/apig/apis/fields.ts) add it where
 *   their range or values exclude 0; write it by hand only beside plain `@IsInt() @Min(1)`.
 * - A number whose range has 0 keeps 0 as a value (`weight`, `bandwidth_size`, `port`). Add the decorator by hand only where clients send 0 for
 *   "unset" although 0 is in the range, and add the field to `ZERO_IN_RANGE` in test/architecture/left-out.spec.ts with the reason.
 * - An empty text keeps its value, which clears the field, unless the field is an enumeration, an id or has a pattern: then add
 *   {@link EmptyIsAbsent} of `pagination.ts`, as `OptionalOneOf` does.
 * - A number that may come as text: the `@Transform` that reads it stands above this decorator, because transforms run from top to bottom.
 * - `null` needs nothing: it counts as left out for every field with `@IsOptional()`, lists included (`own-fields.ts`).
 * - The service decides what "left out" means: the default on create; on modify of a whole object the default again.
 *
 * The test goes through every optional field of every input and fails for one that refuses its zero value.
 */
export function ZeroMeansNotGiven(): PropertyDecorator {
  return (target, property) => {
    zeroFields.push({ input: target.constructor as ZeroField['input'], field: String(property) });
    Transform(({ value }: { value: unknown }) => (value === 0 ? undefined : value))(target, property);
  };
}
