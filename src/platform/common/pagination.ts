import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsInt, IsOptional, IsString } from 'class-validator';

const OFFSET_MAX = 2_147_483_647;
const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 500;

/** Parses a decimal integer. `0x10`, `1e2`, ` 1` and `1.0` stay text, and the validator refuses them. */
export const strictInteger = (value: unknown): unknown => (typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? Number(value) : value);

/** `offset` and `limit` of v2 lists (docs/contracts/apig.md §4.1). Out-of-range values are clamped, not refused. */
export class Page {
  @ApiPropertyOptional({ type: 'integer', default: 0, description: 'Number of rows to skip; a negative number counts as 0' })
  @Transform(({ value }) => clampOffset(strictInteger(value)))
  @IsInt()
  @IsOptional()
  offset: number = 0;

  @ApiPropertyOptional({
    type: 'integer',
    default: LIMIT_DEFAULT,
    description: `Number of rows per page, 1 to ${LIMIT_MAX}; a smaller number counts as ${LIMIT_DEFAULT}, a larger one as ${LIMIT_MAX}`,
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

/** A page whose other parameters are free text. `texts` lists them; they need no validation. */
interface PlainPage {
  new (): Page;
  readonly texts?: readonly string[];
}

const SMALL_NUMBER = /^\d{1,9}$/;

/**
 * Parses the query of a frequent list without the validator, which costs more than the list itself. Works only for classes that list their
 * `texts`. Returns undefined for any unusual query, which then needs full validation.
 * @param query without repeated parameters
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

/** A page of a resource that can be filtered by name. */
export class NamedPage extends Page {
  @ApiPropertyOptional({ description: 'Text that the name must contain' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  name?: string;

  /** Names of the parameters that must match exactly, separated by commas (docs/contracts/apig.md §1.7, §4.2). */
  @ApiPropertyOptional({ description: 'Parameters whose value must match as a whole, separated by commas', example: 'name' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  precise_search?: string;
}

/**
 * Property decorator: treats an empty string as absent, because Go clients send empty strings for unset values
 * (docs/contracts/apig.md §1.4).
 */
export function EmptyIsAbsent(): PropertyDecorator {
  return Transform(({ value }: { value: unknown }) => (value === '' ? undefined : value));
}

/** Whether `parameter` must match exactly. */
export const isPrecise = (page: Pick<NamedPage, 'precise_search'>, parameter: string) =>
  page.precise_search?.split(',').includes(parameter) ?? false;

/** Maximum length of the name of any resource. */
const NAME_MAX = 255;

/** A filter by name, as parts of WHERE and ORDER BY. */
export interface NameCondition {
  sql: string;
  value: string;
  /** For ORDER BY. The exact match comes first, because clients that import by name take the first row (docs/contracts/apig.md §4.2). */
  exactFirst: { sql: string; value: string };
}

/**
 * Builds the condition of a name filter: equality, or a substring match that is case-sensitive on both databases
 * (docs/contracts/apig.md §9.4 #11). The escape character is `!`, because a backslash needs escaping on MariaDB only.
 */
export function nameCondition(column: string, name: string, precise: boolean): NameCondition {
  const exactFirst = { sql: `CASE WHEN ${column} = ? THEN 0 ELSE 1 END`, value: name };
  // SQLite refuses patterns of more than 50,000 characters, and ends a pattern at a NUL.
  return precise || name.length > NAME_MAX || name.includes('\0')
    ? { sql: `${column} = ?`, value: name, exactFirst }
    : { sql: `${column} LIKE ? ESCAPE '!'`, value: `%${name.replace(/[!%_]/g, '!$&')}%`, exactFirst };
}
