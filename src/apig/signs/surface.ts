import { OWN_SIGN_TYPES } from '#signing/algorithms.js';

/** The API that a caller uses: `contract` is `/v2` (docs/contracts/apig.md), `own` is `/signet/v1`, which has additional types of keys. */
export type Surface = 'contract' | 'own';

/** A condition on `signs s` for the keys that a surface shows. For any other key, the surface answers as if it did not exist. */
export const onSurface = (surface: Surface): string =>
  surface === 'own' ? '' : `AND s.sign_type NOT IN (${OWN_SIGN_TYPES.map((type) => `'${type}'`).join(', ')})`;
