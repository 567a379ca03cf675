import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, IsOptional, IsString } from 'class-validator';

const OFFSET_MAX = 2_147_483_647;
const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 500;

/** A decimal whole number and nothing else: `0x10`, `1e2`, ` 1` and `1.0` are not numbers here, and so stay text for the validator to refuse. */
export const strictInteger = (value: unknown): unknown => (typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? Number(value) : value);

/** `offset` and `limit` of every v2 list (apig §4.1): clamped, never refused for being out of range. */
export class Page {
  @ApiPropertyOptional({ type: 'integer', default: 0, description: 'Rows to skip; less than 0 counts as 0' })
  @Transform(({ value }) => clampOffset(strictInteger(value)))
  @IsInt()
  @IsOptional()
  offset: number = 0;

  @ApiPropertyOptional({
    type: 'integer',
    default: LIMIT_DEFAULT,
    description: `Rows in a page, 1 to ${LIMIT_MAX}; less counts as ${LIMIT_DEFAULT}, more as ${LIMIT_MAX}`,
  })
  @Transform(({ value }) => clampLimit(strictInteger(value)))
  @IsInt()
  @IsOptional()
  limit: number = LIMIT_DEFAULT;
}

const clampOffset = (value: unknown): unknown =>
  value === '' ? 0 : typeof value === 'number' ? Math.min(Math.max(value, 0), OFFSET_MAX) : value;
const clampLimit = (value: unknown): unknown =>
  value === '' ? LIMIT_DEFAULT : typeof value === 'number' ? (value <= 0 ? LIMIT_DEFAULT : Math.min(value, LIMIT_MAX)) : value;

/** A page whose other parameters are free text, listed by name: nothing about them can be wrong. */
interface PlainPage {
  new (): Page;
  readonly texts?: readonly string[];
}

const SMALL_NUMBER = /^\d{1,9}$/;

/**
 * The query of a hot list without the validator, which costs more than the list's own work. Only for classes that list
 * their `texts`, and only where every value is as it should be: anything else is `undefined`, and judged in full.
 * @param query no value repeated
 */
export function plainPage(query: Record<string, string>, metatype: unknown): Page | undefined {
  const { texts } = metatype as PlainPage;
  if (!texts) return undefined;
  const page = new (metatype as PlainPage)();
  for (const [parameter, value] of Object.entries(query)) {
    if (parameter === 'limit' || parameter === 'offset') {
      if (!SMALL_NUMBER.test(value)) return undefined;
      page[parameter] = (parameter === 'limit' ? clampLimit : clampOffset)(Number(value)) as number;
    } else if (value !== '' && texts.includes(parameter)) Object.assign(page, { [parameter]: value });
  }
  return page;
}

/** A page of a resource that can be searched by name. */
export class NamedPage extends Page {
  @ApiPropertyOptional({ description: 'Part of the name' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  name?: string;

  /** Names of the parameters to match exactly, separated by commas (apig §1.7, §4.2). */
  @ApiPropertyOptional({ description: 'Parameters whose value is the whole and not a part, separated by commas', example: 'name' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  precise_search?: string;
}

/** Go clients send empty strings for what is unset (apig §1.4): treat them as absent. */
export function EmptyIsAbsent(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => (value === '' ? undefined : value));
}

/** Whether `parameter` is to be matched exactly. */
export const isPrecise = (page: NamedPage, parameter: string) => page.precise_search?.split(',').includes(parameter) ?? false;

/**
 * The condition and its value for a name filter: equality, or a substring match that is case-sensitive on both databases
 * (apig §9.4 #11). `!` is the escape character because the backslash is one on MariaDB only.
 */
export function nameCondition(column: string, name: string, precise: boolean): { sql: string; value: string } {
  return precise
    ? { sql: `${column} = ?`, value: name }
    : { sql: `${column} LIKE ? ESCAPE '!'`, value: `%${name.replace(/[!%_]/g, '!$&')}%` };
}
