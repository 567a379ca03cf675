import { v7 } from 'uuid';

/**
 * A new id: 32 lower-case hex digits, a UUIDv7 without dashes. Time-ordered, so that an index grows at its end and
 * "newest first" is `ORDER BY id DESC`.
 */
export function newId(): string {
  return v7().replaceAll('-', '');
}

/** What an id of the APIG contract can look like (apig §4.3); anything else cannot exist and needs no look-up. */
export const ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;
