import { constants, createPrivateKey, createPublicKey, hash, type KeyObject, sign as signWith, verify as verifyWith } from 'node:crypto';
import { UnusableKeyError } from './errors.js';
import { type Scheme, signedForm } from './scheme.js';

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
const MINIMUM_BITS = 2048;

/** RSASSA-PSS with SHA-256, MGF1-SHA-256 and a salt of 32 bytes. Key and secret are SPKI and PKCS#8 in base64 DER. */
export const PUBLIC_KEY: Scheme = {
  ...signedForm('SIGNET-RSA-PSS-SHA256'),
  load({ signKey, signSecret }) {
    const publicKey = rsa(() => createPublicKey({ key: Buffer.from(signKey, 'base64'), format: 'der', type: 'spki' }), 'sign_key');
    const privateKey = signSecret ? privateHalf(signSecret, publicKey) : undefined;
    return {
      accessId: hash('sha256', publicKey.export({ type: 'spki', format: 'der' }), 'hex').slice(0, 32),
      sign(stringToSign) {
        if (privateKey === undefined) throw new UnusableKeyError('this key has no private half, it can only verify');
        return signWith('sha256', Buffer.from(stringToSign), { key: privateKey, ...PSS }).toString('hex');
      },
      verify: (stringToSign, signature) =>
        verifyWith('sha256', Buffer.from(stringToSign), { key: publicKey, ...PSS }, Buffer.from(signature, 'hex')),
    };
  },
};

function privateHalf(signSecret: string, publicKey: KeyObject): KeyObject {
  const key = rsa(() => createPrivateKey({ key: Buffer.from(signSecret, 'base64'), format: 'der', type: 'pkcs8' }), 'sign_secret');
  if (!createPublicKey(key).equals(publicKey)) throw new UnusableKeyError('the halves of this public_key pair do not belong together');
  return key;
}

function rsa(parse: () => KeyObject, half: string): KeyObject {
  let key: KeyObject;
  try {
    key = parse();
  } catch {
    throw new UnusableKeyError(`${half} of a public_key pair is base64 DER`);
  }
  if (key.asymmetricKeyType !== 'rsa') throw new UnusableKeyError(`${half} of a public_key pair is an RSA key`);
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < MINIMUM_BITS)
    throw new UnusableKeyError(`an RSA key has at least ${MINIMUM_BITS} bits`);
  return key;
}
