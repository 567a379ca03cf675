import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import type { KeyProviderName } from '../config/variables.js';

declare const sealed: unique symbol;

/**
 * An encrypted secret: `K1.` and the base64url of `'K1' | alg | data-key id | iv | ciphertext | tag`. The type is branded, so that the
 * compiler accepts neither a plain string for it nor the reverse.
 */
export type Sealed = { readonly [sealed]: true };

/** Returns the text for the column. */
export const toColumn = (value: Sealed): string => value as unknown as string;

/** Returns the encrypted secret in a column's text. It is not authenticated yet. */
export const fromColumn = (text: string): Sealed => text as unknown as Sealed;

/** Prefix of every encrypted value, which a CHECK enforces. No unencrypted secret contains a `.`. */
export const SEALED_PREFIX = 'K1.';

/** The place where a secret is stored. It can be decrypted only there: in no other row, column, owner, project or version. */
export interface EncryptionContext {
  projectId: string;
  /** Id of the gateway, endpoint or user that owns the secret. Empty for the service's own secrets. */
  ownerId: string;
  /** `table.column`. For a signature key, it is `signs.` and the type, so that its secret cannot be used for another type. */
  field: string;
  rowId: string;
  /** Number of secrets that this field has had so far. */
  version: number;
}

/** A value cannot be decrypted: it was moved, altered, or encrypted with another key. */
export class DecryptionFailed extends Error {
  constructor(
    what: string,
    /** The context of the value, if known. */
    readonly context?: EncryptionContext,
  ) {
    super(`an encrypted value cannot be decrypted: ${what}`);
  }
}

const MAGIC = Buffer.from('K1', 'latin1');
const ALG_AES_256_GCM = 1;
/** Algorithm numbers of data keys that a provider has wrapped: the record contains the provider's ciphertext after the same header. */
const ALG_FOREIGN = { vault: 2, 'aws-kms': 3 } satisfies Record<Exclude<KeyProviderName, 'ring'>, number>;
const HEADER_BYTES = 7;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Returns the header and the parts as a JSON array, which is unambiguous. */
const associatedData = (header: Buffer, parts: readonly string[]) => Buffer.concat([header, Buffer.from(JSON.stringify(parts), 'utf8')]);

function header(dataKeyId: number, algorithm = ALG_AES_256_GCM): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes[2] = algorithm;
  bytes.writeUInt32BE(dataKeyId, 3);
  return bytes;
}

/** Encrypts with AES-256-GCM under `key`, and binds the ciphertext to `context` (docs/adr/0007). */
export function sealBytes(key: KeyObject, keyId: number, parts: readonly string[], plaintext: Uint8Array): Buffer {
  const head = header(keyId);
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(associatedData(head, parts));
  return Buffer.concat([head, iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/**
 * Decrypts. @param context used in the error
 * @throws DecryptionFailed when a bit, the context or the key differs
 */
export function openBytes(key: KeyObject, parts: readonly string[], record: Buffer, context?: EncryptionContext): Buffer {
  const head = record.subarray(0, HEADER_BYTES);
  const iv = record.subarray(HEADER_BYTES, HEADER_BYTES + IV_BYTES);
  const body = record.subarray(HEADER_BYTES + IV_BYTES, record.length - TAG_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(head, parts));
  decipher.setAuthTag(record.subarray(record.length - TAG_BYTES));
  try {
    const plaintext = decipher.update(body);
    // In Node, `final` returns no bytes for GCM. It only checks the tag, before the plaintext is returned.
    decipher.final();
    return plaintext;
  } catch {
    throw new DecryptionFailed('it was altered, moved or encrypted with another key', context);
  }
}

export function encode(record: Buffer): Sealed {
  return fromColumn(SEALED_PREFIX + record.toString('base64url'));
}

/**
 * Decodes a record. @param context used in the error
 * @throws DecryptionFailed when the text is not a record
 */
export function decode(value: Sealed, context?: EncryptionContext): { record: Buffer; dataKeyId: number } {
  const text = toColumn(value);
  if (typeof text !== 'string' || !text.startsWith(SEALED_PREFIX)) throw new DecryptionFailed('it is not an encrypted record', context);
  const record = Buffer.from(text.slice(SEALED_PREFIX.length), 'base64url');
  if (record.length < HEADER_BYTES + IV_BYTES + TAG_BYTES || !record.subarray(0, 2).equals(MAGIC))
    throw new DecryptionFailed('it is truncated or has an unknown format', context);
  if (record[2] !== ALG_AES_256_GCM) throw new DecryptionFailed(`its algorithm ${record[2]} is unknown`, context);
  return { record, dataKeyId: record.readUInt32BE(3) };
}

/** Number of characters of a column's text that contain the header. */
export const HEAD_LENGTH = SEALED_PREFIX.length + Math.ceil((HEADER_BYTES * 8) / 6);

/** Returns the data-key id from the beginning of a column's text. */
export const dataKeyIdOf = (head: string): number => Buffer.from(head.slice(SEALED_PREFIX.length), 'base64url').readUInt32BE(3);

/** Returns the column's text for a data key that a provider has wrapped. */
export const encodeForeign = (provider: keyof typeof ALG_FOREIGN, blob: Uint8Array): string =>
  toColumn(encode(Buffer.concat([header(0, ALG_FOREIGN[provider]), blob])));

/** Returns the provider's ciphertext. @throws DecryptionFailed when the text is not a record of this provider */
export function decodeForeign(provider: keyof typeof ALG_FOREIGN, text: string): Buffer {
  const record = text.startsWith(SEALED_PREFIX) ? Buffer.from(text.slice(SEALED_PREFIX.length), 'base64url') : Buffer.alloc(0);
  if (!record.subarray(0, HEADER_BYTES).equals(header(0, ALG_FOREIGN[provider])))
    throw new DecryptionFailed(`it is not a record of ${provider}`);
  return record.subarray(HEADER_BYTES);
}

/** Returns the parts of the context that are authenticated together with the ciphertext. */
export const aad = ({ projectId, ownerId, field, rowId, version }: EncryptionContext): string[] => [
  'signet/2',
  'secret',
  projectId,
  ownerId,
  field,
  rowId,
  String(version),
];
