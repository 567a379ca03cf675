import type { InstanceScope } from '../../platform/common/scope.js';
import { type SignType, traitsOf } from '#signing/algorithms.js';
import type { ProjectCipher, ProjectEncryptor } from '../../platform/vault/project-cipher.js';
import { fromColumn, type EncryptionContext, toColumn } from '../../platform/vault/sealed.js';

/** The key and version to which an encrypted secret belongs. */
export interface SignVersion {
  signId: string;
  signType: SignType;
  /** Number of the secret; each new one increases it. */
  version: number;
}

/** The key and the secret of a signature key, in plain text. */
export interface SignHalves {
  key: string;
  secret: string;
}

/** The halves as stored in a row of `signs` or `sign_rotations`. */
export interface SealedSign {
  /** The key in plain text if it is public. Empty for a type whose key is secret, which is then in {@link sealedSecret}. */
  signKey: string;
  sealedSecret: string;
}

/**
 * The associated data of a secret: the same for both tables, so that a staged secret can move to `signs` unchanged. It contains the type,
 * so that an HMAC secret cannot be sent as a password after somebody has written `basic` into its row.
 */
const placeOf = ({ projectId, instanceId }: InstanceScope, { signId, signType, version }: SignVersion): EncryptionContext => ({
  projectId,
  ownerId: instanceId,
  field: `signs.${signType}`,
  rowId: signId,
  version,
});

/** Encrypts every secret half of a key, which are the halves that `mask_secrets` masks (mask.ts). */
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
