import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';

declare const sealed: unique symbol;

/**
 * A secret at rest: `K1.` and base64url of `'K1' | alg | data-key id | iv | ciphertext | tag`. Not a `string` to the
 * compiler, so that neither can be stored or shown in place of the other.
 */
export type Sealed = { readonly [sealed]: true };

/** The text that stands in the column. */
export const toColumn = (value: Sealed): string => value as unknown as string;

/** What stood in the column; `open` decides whether it is genuine. */
export const fromColumn = (text: string): Sealed => text as unknown as Sealed;

/** Every sealed column begins with this, and a CHECK on the column insists on it. `.` is in no secret's alphabet. */
export const SEALED_PREFIX = 'K1.';

/** Where a secret lives. It is bound to its place: moved to another row, column, project or version, it does not open. */
export interface SecretPlace {
  projectId: string;
  /** `table.column` */
  field: string;
  rowId: string;
  /** Counts the secrets this field has held. */
  version: number;
}

/** A sealed value is not what its place says, was altered, or was sealed under another key. */
export class SealBroken extends Error {
  constructor(what: string) {
    super(`a sealed value does not open: ${what}`);
  }
}

const MAGIC = Buffer.from('K1', 'latin1');
const ALG_AES_256_GCM = 1;
/** Data keys that were wrapped elsewhere: their records carry what the provider gave, behind the same header. */
const ALG_FOREIGN = { vault: 2, 'aws-kms': 3 };
const HEADER_BYTES = 7;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** The header and the parts as a JSON array: no two lists of parts have the same bytes. */
const associatedData = (header: Buffer, parts: readonly string[]) => Buffer.concat([header, Buffer.from(JSON.stringify(parts), 'utf8')]);

function header(dataKeyId: number, algorithm = ALG_AES_256_GCM): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes[2] = algorithm;
  bytes.writeUInt32BE(dataKeyId, 3);
  return bytes;
}

/** Seals bytes under `key`, bound to `context` (design: docs/adr/0007). */
export function sealBytes(key: KeyObject, keyId: number, context: readonly string[], plaintext: Uint8Array): Buffer {
  const head = header(keyId);
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(associatedData(head, context));
  return Buffer.concat([head, iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** @throws SealBroken when a bit, the context or the key is another */
export function openBytes(key: KeyObject, context: readonly string[], record: Buffer): Buffer {
  const head = record.subarray(0, HEADER_BYTES);
  const iv = record.subarray(HEADER_BYTES, HEADER_BYTES + IV_BYTES);
  const body = record.subarray(HEADER_BYTES + IV_BYTES, record.length - TAG_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(head, context));
  decipher.setAuthTag(record.subarray(record.length - TAG_BYTES));
  try {
    const plaintext = decipher.update(body);
    // GCM keeps nothing back: this only checks the tag, before anyone sees a byte.
    decipher.final();
    return plaintext;
  } catch {
    throw new SealBroken('it was altered, moved or sealed under another key');
  }
}

export function encode(record: Buffer): Sealed {
  return fromColumn(SEALED_PREFIX + record.toString('base64url'));
}

/** @throws SealBroken when the text is no record at all */
export function decode(value: Sealed): { record: Buffer; dataKeyId: number } {
  const text = toColumn(value);
  if (typeof text !== 'string' || !text.startsWith(SEALED_PREFIX)) throw new SealBroken('it is not a sealed record');
  const record = Buffer.from(text.slice(SEALED_PREFIX.length), 'base64url');
  if (record.length < HEADER_BYTES + IV_BYTES + TAG_BYTES || !record.subarray(0, 2).equals(MAGIC))
    throw new SealBroken('it is cut short or of another format');
  if (record[2] !== ALG_AES_256_GCM) throw new SealBroken(`its algorithm ${record[2]} is unknown`);
  return { record, dataKeyId: record.readUInt32BE(3) };
}

/** This many characters of a column's text hold its header; the last of them a few bits more. */
export const HEAD_LENGTH = SEALED_PREFIX.length + Math.ceil((HEADER_BYTES * 8) / 6);

/** Id of the data key, from the beginning of a column's text. */
export const dataKeyIdOf = (head: string): number => Buffer.from(head.slice(SEALED_PREFIX.length), 'base64url').readUInt32BE(3);

/** A data key that a provider wrapped, as the text of a column. */
export const encodeForeign = (provider: keyof typeof ALG_FOREIGN, blob: Uint8Array): string =>
  toColumn(encode(Buffer.concat([header(0, ALG_FOREIGN[provider]), blob])));

/** @throws SealBroken when the text is no record of this provider */
export function decodeForeign(provider: keyof typeof ALG_FOREIGN, text: string): Buffer {
  const record = text.startsWith(SEALED_PREFIX) ? Buffer.from(text.slice(SEALED_PREFIX.length), 'base64url') : Buffer.alloc(0);
  if (!record.subarray(0, HEADER_BYTES).equals(header(0, ALG_FOREIGN[provider]))) throw new SealBroken(`it is no record of ${provider}`);
  return record.subarray(HEADER_BYTES);
}

/** The parts of a secret's place that its seal is bound to. */
export const contextOf = ({ projectId, field, rowId, version }: SecretPlace): string[] => [
  'signet/1',
  'secret',
  projectId,
  field,
  rowId,
  String(version),
];
