/** The editions in lists of products. A platinum edition with a number is a larger `PLATINUM`. */
export const EDITIONS = ['BASIC', 'PROFESSIONAL', 'ENTERPRISE', 'PLATINUM'] as const;

export type Edition = (typeof EDITIONS)[number];

const SPEC = /^(BASIC|PROFESSIONAL|ENTERPRISE|PLATINUM)(?:(?<=PLATINUM)_X[2-9])?$/;

/**
 * Returns the edition of a `spec_id`; `undefined` when there is no such spec.
 * @param spec e.g. `BASIC`, `PLATINUM_X4` (docs/contracts/apig.md §3.1)
 */
export const editionOf = (spec: string): Edition | undefined => SPEC.exec(spec)?.[1] as Edition | undefined;
