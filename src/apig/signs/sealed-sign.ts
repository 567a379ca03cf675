import type { InstanceScope } from '../../platform/common/scope.js';
import { type SignType, traitsOf } from '#signing/algorithms.js';
import type { ProjectCipher, ProjectEncryptor } from '../../platform/vault/project-cipher.js';
import { fromColumn, type EncryptionContext, toColumn } from '../../platform/vault/sealed.js';

/** The signature key to which an encrypted secret belongs, and the version of the secret. */
export interface SignVersion {
  signId: string;
  signType: SignType;
  /** Number of the secret. Each new secret increases it. */
  version: number;
}

/** The two halves of a signature key, its key and its secret, in plain text. */
export interface SignHalves {
  key: string;
  secret: string;
}

/** The two halves as stored in a row of `signs` or `sign_rotations`. */
export interface SealedSign {
  /** The key in plain text if it is public. Empty for a type whose key is secret; {@link sealedSecret} then contains the key too. */
  signKey: string;
  sealedSecret: string;
}

/**
 * The encryption context of a secret. It is the same for both tables, so that a staged secret can move to `signs` unchanged. It contains
 * the type, so that an HMAC secret is never sent as a password after somebody has written `basic` into its row.
 */
const placeOf = ({ projectId, instanceId }: InstanceScope, { signId, signType, version }: SignVersion): EncryptionContext => ({
  projectId,
  ownerId: instanceId,
  field: `signs.${signType}`,
  rowId: signId,
  version,
});

/** Encrypts all secret halves of a key. These are the halves that `mask_secrets` masks (mask.ts). */
export function sealSign(box: ProjectEncryptor, scope: InstanceScope, sign: SignVersion, { key, secret }: SignHalves): SealedSign {
  const { keyIsSecret } = traitsOf(sign.signType);
  const sealed = box.seal(placeOf(scope, sign), keyIsSecret ? JSON.stringify([key, secret]) : secret);
  return { signKey: keyIsSecret ? '' : key, sealedSecret: toColumn(sealed) };
}

/** @throws DecryptionFailed */
export function openSign(box: ProjectCipher, scope: InstanceScope, sign: SignVersion & SealedSign): SignHalves {
  const opened = box.open(placeOf(scope, sign), fromColumn(sign.sealedSecret));
  if (!traitsOf(sign.signType).keyIsSecret) return { key: sign.signKey, secret: opened };
  const [key, secret] = JSON.parse(opened) as [string, string];
  return { key, secret };
}
