import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, type ApiPropertyOptions } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsDefined,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import { ZeroMeansNotGiven } from '../../platform/common/left-out.js';
import { EmptyIsAbsent } from '../../platform/common/pagination.js';

/**
 * Format of the name of a group or an API (docs/contracts/apig.md §3.3, §3.5), with Chinese letters and punctuation as in the contract's
 * Chinese edition.
 */
export const RESOURCE_NAME = /^[A-Za-z0-9\u4e00-\u9fa5][A-Za-z0-9\u4e00-\u9fa5\-_./():（）：、]{2,254}$/;

/** Counts code points, as the columns do. */
const textOf = (max: number, min: number) => new RegExp(`^[^]{${min},${max}}$`, 'u');

/** A mandatory text of 1 to `max` characters. */
export const Text = (max: number, options: ApiPropertyOptions = {}) =>
  applyDecorators(ApiProperty({ type: String, minLength: 1, maxLength: max, ...options }), IsDefined(), Matches(textOf(max, 1)));

/** An optional text of at most `max` characters. */
export const OptionalText = (max: number, options: ApiPropertyOptions = {}) =>
  applyDecorators(ApiPropertyOptional({ type: String, maxLength: max, ...options }), Matches(textOf(max, 0)), IsOptional());

/** One of a few values. */
export const OneOf = (values: readonly (string | number)[], options: ApiPropertyOptions = {}) =>
  applyDecorators(ApiProperty({ enum: [...values], ...options }), IsDefined(), IsIn(values));

/**
 * One of a few values. The field is required, but may be empty: a client sends an empty text if its user chose no value, and expects it in
 * the response.
 */
export const OneOfOrEmpty = (values: readonly string[], options: ApiPropertyOptions = {}) => OneOf([...values, ''], options);

/** For a field in which 0 is an ordinary value. */
const ZeroIsAValue = () => applyDecorators();

/** One of a few values, optional. An empty text counts as absent. 0 counts as absent if it is not one of the values. */
export const OptionalOneOf = (values: readonly (string | number)[], options: ApiPropertyOptions = {}) =>
  applyDecorators(
    ApiPropertyOptional({ enum: [...values], ...options }),
    EmptyIsAbsent(),
    values.some((value) => typeof value === 'number') && !values.includes(0) ? ZeroMeansNotGiven() : ZeroIsAValue(),
    IsIn(values),
    IsOptional(),
  );

/** A whole number in a range. */
export const Whole = (min: number, max: number, options: ApiPropertyOptions = {}) =>
  applyDecorators(ApiProperty({ type: 'integer', minimum: min, maximum: max, ...options }), IsDefined(), IsInt(), Min(min), Max(max));

/** A whole number in a range, optional. 0 counts as absent if the range does not include it. */
export const OptionalWhole = (min: number, max: number, options: ApiPropertyOptions = {}) =>
  applyDecorators(
    ApiPropertyOptional({ type: 'integer', minimum: min, maximum: max, ...options }),
    min > 0 ? ZeroMeansNotGiven() : ZeroIsAValue(),
    IsInt(),
    Min(min),
    Max(max),
    IsOptional(),
  );

/** A boolean, optional. */
export const OptionalFlag = (options: ApiPropertyOptions = {}) =>
  applyDecorators(ApiPropertyOptional({ type: Boolean, ...options }), IsBoolean(), IsOptional());

/** An object of a class, optional. An array is refused. */
export const OptionalPart = (part: () => new () => object, options: ApiPropertyOptions = {}) =>
  applyDecorators(ApiPropertyOptional({ type: () => part(), ...options }), IsObject(), ValidateNested(), Type(part), IsOptional());

/** A list of texts of 1 to `length` characters each, optional. */
export const OptionalTexts = (length: number, max: number, options: ApiPropertyOptions = {}) =>
  applyDecorators(
    ApiPropertyOptional({ type: [String], maxItems: max, description: `Each element has 1 to ${length} characters`, ...options }),
    IsArray(),
    ArrayMaxSize(max),
    Matches(textOf(length, 1), { each: true }),
    IsOptional(),
  );

/** A list of objects of a class, optional. */
export const OptionalParts = (part: () => new () => object, max: number, options: ApiPropertyOptions = {}) =>
  applyDecorators(
    ApiPropertyOptional({ type: () => part(), isArray: true, maxItems: max, ...options }),
    IsArray(),
    ArrayMaxSize(max),
    IsObject({ each: true }),
    ValidateNested({ each: true }),
    Type(part),
    IsOptional(),
  );
