import { canonicalBase64 } from './base64.js';
import { sameText } from './compare.js';
import { UnusableKeyError } from './errors.js';
import type { Scheme } from './scheme.js';

/** HTTP Basic (RFC 7617), in which the key is the user and the secret is the password. It authenticates the sender and not the request. */
export const BASIC: Scheme = {
  name: 'Basic',
  coversRequest: false,
  load({ signKey, signSecret }) {
    if (!signSecret) throw new UnusableKeyError('a basic key has a secret');
    return { accessId: signKey, sign: () => signSecret, verify: (_, signature) => sameText(signature, signSecret) };
  },
  parse(credentials) {
    const bytes = canonicalBase64(credentials);
    if (bytes === undefined) return undefined;
    const pair = bytes.toString('utf8');
    const colon = pair.indexOf(':');
    return colon < 1 ? undefined : { accessId: pair.slice(0, colon), signedHeaders: '', signature: pair.slice(colon + 1) };
  },
  format: ({ accessId, signature }) => `Basic ${Buffer.from(`${accessId}:${signature}`).toString('base64')}`,
};
