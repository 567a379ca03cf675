import { createHmac, createSecretKey } from 'node:crypto';
import { sameHex } from './compare.js';
import { UnusableKeyError } from './errors.js';
import { type Scheme, signedForm } from './scheme.js';

/** SDK-HMAC-SHA256 (docs/contracts/apig.md §6.2, §8.1): it uses the secret directly, without key derivation. */
export const HMAC: Scheme = {
  ...signedForm('SDK-HMAC-SHA256'),
  load({ signKey, signSecret }) {
    if (!signSecret) throw new UnusableKeyError('an hmac key has a secret');
    const secret = createSecretKey(signSecret, 'utf8');
    const sign = (stringToSign: string) => createHmac('sha256', secret).update(stringToSign).digest('hex');
    return { accessId: signKey, sign, verify: (stringToSign, signature) => sameHex(signature, sign(stringToSign)) };
  },
};
