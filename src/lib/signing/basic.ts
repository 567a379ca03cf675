import { sameText } from './compare.js';
import { UnusableKeyError } from './errors.js';
import type { Scheme } from './scheme.js';

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** HTTP Basic (RFC 7617): key is the user, secret the password. It proves who sent a request and nothing about the request. */
export const BASIC: Scheme = {
  name: 'Basic',
  coversRequest: false,
  load({ signKey, signSecret }) {
    if (!signSecret) throw new UnusableKeyError('a basic key has a secret');
    return { accessId: signKey, sign: () => signSecret, verify: (_, signature) => sameText(signature, signSecret) };
  },
  parse(credentials) {
    if (!BASE64.test(credentials)) return undefined;
    const pair = Buffer.from(credentials, 'base64').toString('utf8');
    const colon = pair.indexOf(':');
    return colon < 1 ? undefined : { accessId: pair.slice(0, colon), signedHeaders: '', signature: pair.slice(colon + 1) };
  },
  format: ({ accessId, signature }) => `Basic ${Buffer.from(`${accessId}:${signature}`).toString('base64')}`,
};
