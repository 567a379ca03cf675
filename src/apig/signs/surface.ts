import { OWN_SIGN_TYPES } from '#signing/algorithms.js';

/** Which API a caller uses: `contract` is `/v2` (docs/contracts/apig.md), `own` is `/signet/v1`, which has further types of keys. */
export type Surface = 'contract' | 'own';

/** A condition, to be added to others on `signs s`, that holds for the keys that a surface has. On the others it answers as if they were not there. */
export const onSurface = (surface: Surface): string =>
  surface === 'own' ? '' : `AND s.sign_type NOT IN (${OWN_SIGN_TYPES.map((type) => `'${type}'`).join(', ')})`;
