import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { invalid } from './api-error.js';
import { EmptyIsAbsent, strictInteger } from './pagination.js';
import { Enveloped } from './envelope.js';

/** Property decorator: `limit` of a list in the webhook contract. The response is 400 when it is out of range. */
export const Limit = (max: number, fallback: number): PropertyDecorator =>
  applyDecorators(
    ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: max, default: fallback, description: 'Number of rows per page' }),
    Transform(({ value }) => (value === '' ? fallback : strictInteger(value))),
    IsInt(),
    Min(1),
    Max(max),
    IsOptional(),
  );

/** Property decorator: `cursor` of a list, which is the `next_cursor` of the previous page. */
export const Cursor = (): PropertyDecorator =>
  applyDecorators(
    ApiPropertyOptional({ description: 'The `next_cursor` of the previous page' }),
    EmptyIsAbsent(),
    IsString(),
    MaxLength(256),
    IsOptional(),
  );

/** The opaque cursor that follows a row. */
export const cursorAfter = (position: string): string => Buffer.from(position).toString('base64url');

/**
 * Returns the position that a cursor encodes.
 * @param pattern the format of a valid position
 * @throws ApiFault 400 for an invalid cursor
 */
export function positionOf(cursor: string, pattern: RegExp): string {
  const position = Buffer.from(cursor, 'base64url').toString('utf8');
  if (!pattern.test(position)) throw invalid('cursor', { where: 'query', rule: 'cursor must be the next_cursor of a page' });
  return position;
}

/**
 * Builds one page of a list.
 * @param rows at most `limit + 1` rows: the additional row shows that there is a next page
 * @param position returns the position of a row in the order of the list
 */
export function pageOf<R, T>(rows: readonly R[], limit: number, position: (row: R) => string, view: (row: R) => T): Enveloped<T[]> {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return new Enveloped(page.map(view), { nextCursor: rows.length > limit && last !== undefined ? cursorAfter(position(last)) : null });
}
