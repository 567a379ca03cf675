import { fromColumn, type EncryptionContext } from '../../platform/vault/sealed.js';
import type { ProjectCipher } from '../../platform/vault/vault.service.js';
import type { SigningKeyType } from './signing-key.entity.js';

/** A signing key with its encrypted secret. */
export interface SealedSigningKey {
  id: string;
  projectId: string;
  endpointId: string;
  type: SigningKeyType;
  sealedSecret: string;
  /** Unix time in milliseconds, or null. */
  expiresAt: number | null;
}

/** A signing key with its decrypted secret. */
export interface LiveSigningKey {
  id: string;
  type: SigningKeyType;
  /** Secret with its prefix: `whsec_…`, or `whsk_…` for an ed25519 key, which signs in the `standard` dialect only. */
  secret: string;
}

/** The encryption context of a key's secret. The version is constant, because the secret never changes. */
export const secretContext = (projectId: string, endpointId: string, keyId: string): EncryptionContext => ({
  projectId,
  ownerId: endpointId,
  field: 'signing_keys.secret',
  rowId: keyId,
  version: 1,
});

/** Whether a key signs at this time. A key stops signing at its expiry, before its row is deleted. */
export const isLive = ({ expiresAt }: { expiresAt: number | null }, now: number): boolean => expiresAt === null || expiresAt > now;

/** @throws DecryptionFailed */
export const openSigningKey = (
  box: ProjectCipher,
  { id, projectId, endpointId, type, sealedSecret }: SealedSigningKey,
): LiveSigningKey => ({
  id,
  type,
  secret: box.open(secretContext(projectId, endpointId, id), fromColumn(sealedSecret)),
});
