import { Transform } from 'class-transformer';

/** A field of an input that treats 0 as left out. */
export interface ZeroField {
  readonly input: abstract new () => object;
  readonly field: string;
}

const zeroFields: ZeroField[] = [];

/**
 * Returns the fields that treat 0 as left out, in the order in which their classes were loaded. All belong to the API Gateway contract,
 * because only its inputs use {@link ZeroMeansNotGiven}.
 */
export const zeroMeansNotGiven = (): readonly ZeroField[] => zeroFields;

/**
 * Property decorator of an optional number: treats 0 as left out. Clients in Go send 0 for a number that the user did not set
 * (docs/contracts/apig-clients.md §1.2).
 *
 * How to use it in an input of the API Gateway contract:
 * - A number whose range or enumeration does not include 0 must have this decorator. `OptionalWhole` and `OptionalOneOf`
 *   (src/apig/apis/fields.ts) add it where their range or values exclude 0; write it out only beside a plain `@IsInt() @Min(1)`.
 * - A number whose range includes 0 keeps 0 as a value (`weight`, `bandwidth_size`, `port`). Add the decorator only where clients send 0
 *   for "unset" although 0 is in the range, and add the field to `ZERO_IN_RANGE` in test/architecture/left-out.spec.ts with the reason.
 * - An empty text is a value that clears the field. If the field is an enumeration or an id, or has a pattern, add {@link EmptyIsAbsent} of
 *   `pagination.ts`, as `OptionalOneOf` does.
 * - If clients may send the number as text, put the `@Transform` that parses it above this decorator, because transforms run from top to
 *   bottom.
 * - `null` needs no decorator: every field with `@IsOptional()` treats it as left out, including lists (`own-fields.ts`).
 * - The service decides what "left out" means. On create it is the default; on the update of a whole object it is the default too.
 *
 * The test checks every optional field of every input, and fails if one of them refuses its zero value.
 */
export function ZeroMeansNotGiven(): PropertyDecorator {
  return (target, property) => {
    zeroFields.push({ input: target.constructor as ZeroField['input'], field: String(property) });
    Transform(({ value }: { value: unknown }) => (value === 0 ? undefined : value))(target, property);
  };
}
