import { fromColumn, type SecretPlace } from '../vault/sealed.js';
import type { Box } from '../vault/vault.service.js';
import type { SigningKeyType } from './signing-key.entity.js';

/** A key as a delivery needs it, still sealed. */
export interface SealedSigningKey {
  id: string;
  projectId: string;
  type: SigningKeyType;
  sealedSecret: string;
  /** Milliseconds since the epoch, or null. */
  expiresAt: number | null;
}

/** A key as a delivery needs it. */
export interface LiveSigningKey {
  id: string;
  type: SigningKeyType;
  /** Text with its prefix: `whsec_…`, or `whsk_…` of an ed25519 key, which signs in the `standard` dialect only. */
  secret: string;
}

/** Reads {@link SealedSigningKey}s of an endpoint, newest first. Its one parameter is the endpoint's id. */
export const SIGNING_KEYS_OF_ENDPOINT = `SELECT id, project_id AS projectId, type, secret AS sealedSecret, expires_at AS expiresAt
  FROM signing_keys WHERE endpoint_id = ? ORDER BY id DESC`;

/** Where a key's secret is sealed to. A key has one secret in its life. */
export const secretPlace = (projectId: string, keyId: string): SecretPlace => ({
  projectId,
  field: 'signing_keys.secret',
  rowId: keyId,
  version: 1,
});

/** Whether a key signs at this moment: an overlap ends by the clock, not by whoever tidies up after it. */
export const isLive = ({ expiresAt }: { expiresAt: number | null }, now: number): boolean => expiresAt === null || expiresAt > now;

/**
 * The keys that sign an attempt made now: one or two, in the order of the rows.
 * @param box the project's
 * @param now milliseconds since the epoch
 * @throws SealBroken
 */
export const liveKeys = (box: Box, rows: readonly SealedSigningKey[], now: number): LiveSigningKey[] =>
  rows
    .filter((row) => isLive(row, now))
    .map(({ id, projectId, type, sealedSecret }) => ({
      id,
      type,
      secret: box.open(secretPlace(projectId, id), fromColumn(sealedSecret)),
    }));
