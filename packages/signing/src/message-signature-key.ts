import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  hash,
  type KeyObject,
  sign as signWith,
  verify as verifyWith,
} from 'node:crypto';
import { canonicalBase64 } from './base64.js';
import { sameText } from './compare.js';
import { UnusableKeyError } from './errors.js';
import type { LoadedKey, Scheme } from './scheme.js';

/** DER of an Ed25519 public key before its 32 bytes (RFC 8410). */
const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex');
const SECRET_BYTES_MIN = 32;
const SECRET_BYTES_MAX = 64;

/**
 * A signature algorithm of RFC 9421 §3.3. Its signatures are in two headers of their own (parsed-message-signature.ts), never in
 * Authorization.
 * @param name value of the `alg` parameter
 */
const messageScheme = (name: string, load: Scheme['load']): Scheme => ({
  name,
  coversRequest: true,
  messageSignatures: true,
  load,
  parse: () => undefined,
  format: () => '',
});

/** HMAC-SHA256 (RFC 9421 §3.3.3): `sign_key` is the `keyid`, `sign_secret` the base64 of 32 to 64 bytes. */
export const messageHmac = (name: string): Scheme =>
  messageScheme(name, ({ signKey, signSecret }) => {
    const bytes = canonicalBase64(signSecret ?? '');
    if (bytes === undefined || bytes.length < SECRET_BYTES_MIN || bytes.length > SECRET_BYTES_MAX)
      throw new UnusableKeyError(`the secret of a message signature key is base64 of ${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX} bytes`);
    if (!/^[ -~]+$/.test(signKey)) throw new UnusableKeyError('the key id of a message signature is printable ASCII');
    const secret = createSecretKey(bytes);
    const sign = (base: string) => createHmac('sha256', secret).update(base).digest('base64');
    return { accessId: signKey, sign, verify: (base, signature) => sameText(signature, sign(base)) };
  });

/**
 * Ed25519 (RFC 9421 §3.3.6): `sign_key` is the public key (SPKI), `sign_secret` the private one (PKCS#8), both base64 DER. The `keyid` is the
 * key's JWK thumbprint (RFC 7638).
 */
export const messageEd25519 = (name: string): Scheme =>
  messageScheme(name, ({ signKey, signSecret }): LoadedKey => {
    const der = canonicalBase64(signKey);
    const publicKey = ed25519(() => createPublicKey({ key: der ?? Buffer.alloc(0), format: 'der', type: 'spki' }), 'sign_key');
    const privateKey = signSecret ? privateHalf(signSecret, publicKey) : undefined;
    return {
      accessId: thumbprint(publicKey),
      sign(base) {
        if (privateKey === undefined) throw new UnusableKeyError('this key has no private half, it can only verify');
        return signWith(null, Buffer.from(base), privateKey).toString('base64');
      },
      verify: (base, signature) => verifyWith(null, Buffer.from(base), publicKey, Buffer.from(signature, 'base64')),
    };
  });

const spkiOf = (key: KeyObject): Buffer => (key.type === 'public' ? key : createPublicKey(key)).export({ type: 'spki', format: 'der' });

function thumbprint(key: KeyObject): string {
  const x = spkiOf(key).subarray(SPKI_ED25519.length).toString('base64url');
  return hash('sha256', `{"crv":"Ed25519","kty":"OKP","x":"${x}"}`, 'base64url');
}

function privateHalf(signSecret: string, publicKey: KeyObject): KeyObject {
  const key = ed25519(
    () => createPrivateKey({ key: canonicalBase64(signSecret) ?? Buffer.alloc(0), format: 'der', type: 'pkcs8' }),
    'sign_secret',
  );
  if (!spkiOf(key).equals(spkiOf(publicKey))) throw new UnusableKeyError('the halves of this Ed25519 pair do not belong together');
  return key;
}

function ed25519(parse: () => KeyObject, half: string): KeyObject {
  try {
    const key = parse();
    if (spkiOf(key).subarray(0, SPKI_ED25519.length).equals(SPKI_ED25519)) return key;
  } catch {
    // As below: the message must not contain the key.
  }
  throw new UnusableKeyError(`${half} of an Ed25519 pair is base64 DER of an Ed25519 key`);
}
