import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { canonicalPairs } from './canonical-request.js';
import { sameHex } from './compare.js';
import { UnusableKeyError } from './errors.js';
import { percentDecode } from './percent.js';
import type { CanonicalForm, Scheme } from './scheme.js';

const NAME = 'SDK-HMAC-SHA256';
const CREDENTIALS =
  /^Credential=([^,\s/]+)\/(\d{8}\/[^,\s/]*\/[^,\s/]*\/sdk_request), *SignedHeaders=([^,\s]+), *Signature=((?:[0-9A-Fa-f]{2})+)$/;
const SCOPE_LINE = 2;

/**
 * The older SDK-HMAC-SHA256 (docs/contracts/apig.md §6.3): its key is derived from the secret for a day, a region and a service, any of which
 * may be empty. Clients of Open Telekom Cloud send it to the control plane; gateways do not use it, so algorithms.ts does not list it.
 */
export const DERIVED_HMAC: Scheme = {
  name: NAME,
  coversRequest: true,
  canonicalForm: {
    headerValue: (value) => value.replace(/[\t\n\f\r ]+/g, ' '),
    query: (query) =>
      canonicalPairs(query)
        .sort((a, b) => compare(a[0].toLowerCase(), b[0].toLowerCase()))
        // Clients sign only the first value of a repeated name. Here all values are verified, so that none is accepted unsigned.
        .map(([name, value]) => `${name}=${value}`)
        .join('&'),
    queryAsPayload: (query) =>
      canonicalPairs(query)
        .sort((a, b) => compare(percentDecode(a[0]), percentDecode(b[0])))
        .map(([name, value]) => `${name}=${value}`.replaceAll('%20', '+'))
        .join('&'),
  } satisfies CanonicalForm,
  load({ signKey, signSecret }) {
    if (!signSecret) throw new UnusableKeyError('an hmac key has a secret');
    const secret = createSecretKey(`SDK${signSecret}`, 'utf8');
    // The derived key is cached, because a client signs for one day, region and service at a time, and the derivation costs four times as
    // much as the signature.
    let last: { scope: string; key: KeyObject } | undefined;
    const keyFor = (scope: string) => {
      if (last?.scope === scope) return last.key;
      const bytes = scope.split('/').reduce<KeyObject | Buffer>((key, part) => hmac(key, part), secret) as Buffer;
      last = { scope, key: createSecretKey(bytes) };
      return last.key;
    };
    const sign = (stringToSign: string) =>
      hmac(keyFor(stringToSign.split('\n', SCOPE_LINE + 1)[SCOPE_LINE] ?? ''), stringToSign).toString('hex');
    return { accessId: signKey, sign, verify: (stringToSign, signature) => sameHex(signature, sign(stringToSign)) };
  },
  parse(credentials) {
    const [, accessId, scope, signedHeaders, signature] = CREDENTIALS.exec(credentials) ?? [];
    return accessId === undefined || scope === undefined || signedHeaders === undefined || signature === undefined
      ? undefined
      : { accessId, scope, signedHeaders, signature };
  },
  format: ({ accessId, scope = '', signedHeaders, signature }) =>
    `${NAME} Credential=${accessId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
};

const hmac = (key: KeyObject | Buffer, data: string) => createHmac('sha256', key).update(data).digest();
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
