import { hash } from 'node:crypto';

/** A body as sent over the wire; `null` and undefined mean none. */
export type RawBody = Uint8Array | string | null;

export const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export const sha256 = (body: RawBody | undefined): string =>
  body === null || body === undefined || body.length === 0 ? EMPTY_SHA256 : hash('sha256', body, 'hex');
