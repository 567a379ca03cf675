import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsDefined,
  IsIn,
  IsObject,
  IsOptional,
  IsString,
  Length,
  Matches,
  MaxLength,
  ValidateNested,
} from 'class-validator';
import { TAGS_MAX } from './instances.details.js';
import { TAG_KEY, TAG_VALUE_MAX, TagInput } from './instances.dto.js';

const TAG_KEY_MAX = 128;

/** A tag that is to be removed. */
export class TagToRemoveInput {
  @ApiProperty({ pattern: TAG_KEY.source, minLength: 1, maxLength: TAG_KEY_MAX })
  @IsDefined()
  @Matches(TAG_KEY)
  key: string;

  @ApiPropertyOptional({ maxLength: TAG_VALUE_MAX, description: 'Value of the tag; omitted or empty: any value' })
  @IsString()
  @MaxLength(TAG_VALUE_MAX)
  @IsOptional()
  value?: string;
}

/** Body of adding tags and of removing tags (docs/contracts/apig-clients.md §2). */
export class TagActionInput {
  @ApiProperty({ enum: ['create', 'delete'] })
  @IsDefined()
  @IsIn(['create', 'delete'])
  action: 'create' | 'delete';

  @ApiProperty({ type: [TagInput], maxItems: TAGS_MAX, description: 'The tags; for `delete`, `value` may be omitted' })
  @IsDefined()
  @IsArray()
  @ArrayMaxSize(TAGS_MAX)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => TagToRemoveInput)
  tags: TagToRemoveInput[];
}

export class TagView {
  @ApiProperty() key: string;
  @ApiProperty() value: string;
}

/** A gateway as a resource with tags. */
export class TaggedInstanceView {
  @ApiProperty({ description: 'Gateway' }) resource_id: string;
  @ApiProperty({ type: Object, description: 'Always empty; the contract spells the name of this field like this' }) resouce_detail: object;
  @ApiProperty({ description: 'Gateway name' }) resource_name: string;
  @ApiProperty({ type: [TagView] }) tags: TagView[];
}

export class ProjectTagView {
  @ApiProperty() key: string;
  @ApiProperty({ type: [String] }) values: string[];
}

export class ProjectTagsView {
  @ApiProperty({ type: [ProjectTagView], description: 'By key' }) tags: ProjectTagView[];
}

/** A key and the values that match. If there are no values, every value matches. */
export class TagFilterInput {
  @ApiProperty({ minLength: 1, maxLength: TAG_KEY_MAX })
  @IsDefined()
  @IsString()
  @Length(1, TAG_KEY_MAX)
  key: string;

  @ApiPropertyOptional({ type: [String], maxItems: TAGS_MAX, description: 'Values, each of which matches; empty: every value matches' })
  @IsArray()
  @ArrayMaxSize(TAGS_MAX)
  @IsString({ each: true })
  @IsOptional()
  values?: string[];
}

export class TagMatchInput {
  @ApiProperty({ enum: ['resource_name'] })
  @IsDefined()
  @IsIn(['resource_name'])
  key: string;

  @ApiProperty({ maxLength: TAG_VALUE_MAX, description: 'Text that the name must contain' })
  @IsDefined()
  @IsString()
  @MaxLength(TAG_VALUE_MAX)
  value: string;
}

/** Body of finding gateways by their tags. A gateway must meet all conditions (docs/contracts/apig-clients.md §2). */
export class TaggedInstancesInput {
  @ApiPropertyOptional({ description: 'If true, finds gateways without tags and ignores `tags`' })
  @IsBoolean()
  @IsOptional()
  without_any_tag?: boolean;

  @ApiPropertyOptional({ type: [TagFilterInput], maxItems: TAGS_MAX })
  @IsArray()
  @ArrayMaxSize(TAGS_MAX)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => TagFilterInput)
  @IsOptional()
  tags?: TagFilterInput[];

  @ApiPropertyOptional({ type: [TagFilterInput], maxItems: 1, description: 'Filter for the key `_sys_enterprise_project_id`' })
  @IsArray()
  @ArrayMaxSize(1)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => TagFilterInput)
  @IsOptional()
  sys_tags?: TagFilterInput[];

  @ApiPropertyOptional({ type: [TagMatchInput], maxItems: 1 })
  @IsArray()
  @ArrayMaxSize(1)
  @IsObject({ each: true })
  @ValidateNested({ each: true })
  @Type(() => TagMatchInput)
  @IsOptional()
  matches?: TagMatchInput[];
}

export class TaggedInstancesView {
  @ApiProperty({ type: [TaggedInstanceView], description: 'Newest first' }) resources: TaggedInstanceView[];
  @ApiProperty({ type: 'integer', description: 'Number of matches on all pages' }) total_count: number;
}

export class TaggedInstanceCountView {
  @ApiProperty({ type: 'integer' }) total_count: number;
}
