import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayNotEmpty, IsArray, IsDefined, IsOptional, IsString, Matches, ValidateIf } from 'class-validator';
import { EmptyIsAbsent, Page } from '../common/pagination.js';
import { ApiBodyView } from './apis.views.js';
import { OneOf, OptionalText, Text } from './fields.js';

export const ACTIONS = ['online', 'offline'] as const;
export type Action = (typeof ACTIONS)[number];

const APIS_MAX = 1000;

/** Body of publishing one API or taking it offline (apig §3.6). */
export class PublishInput {
  @OneOf(ACTIONS) action: Action;
  @Text(64) env_id: string;
  @Text(64) api_id: string;
  @OptionalText(255) remark?: string;
}

/** Query of the batch (apig §3.6); a bad action has words of its own, so the service looks at it. */
export class BatchPublishQuery {
  @ApiProperty({ enum: ACTIONS, description: 'What to do' })
  @IsOptional()
  action?: string;
}

/** Body of the batch: APIs by id, or all of a group; ids win where both are given (apig §3.6). */
export class BatchPublishInput {
  @ApiPropertyOptional({ type: [String], minItems: 1, maxItems: APIS_MAX, description: 'An id that stands twice counts once' })
  @ValidateIf(({ apis, group_id }: BatchPublishInput) => (group_id ?? undefined) === undefined || (apis ?? undefined) !== undefined)
  @IsDefined()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(APIS_MAX)
  @Matches(/^[^]{1,64}$/u, { each: true })
  apis?: string[];

  @ApiPropertyOptional()
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  group_id?: string;

  @Text(64) env_id: string;
  @OptionalText(255) remark?: string;
}

/** Body of the version switch (apig §3.6). */
export class SwitchInput {
  @Text(64) version_id: string;
}

/** Query of the history (apig §3.6). */
export class HistoryQuery extends Page {
  @ApiPropertyOptional({ description: 'Environment' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  env_id?: string;

  @ApiPropertyOptional({ description: 'Part of the environment name' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  env_name?: string;
}

/** Query of the definition that runs. */
export class RuntimeQuery {
  @ApiPropertyOptional({ description: 'Omitted: RELEASE' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  env_id?: string;
}

/** A publication as the actions answer it (apig §3.6). */
export class PublishView {
  @ApiProperty({ description: 'The same for one API in one environment, for good' }) publish_id: string;
  @ApiProperty() api_id: string;
  @ApiProperty() api_name: string;
  @ApiProperty() env_id: string;
  @ApiProperty() remark: string;
  @ApiProperty({ format: 'date-time', description: 'When it was last published' }) publish_time: string;
  @ApiProperty({ description: 'The frozen definition in effect' }) version_id: string;
}

class PublishFailureView {
  @ApiProperty() api_id: string;
  @ApiProperty({ description: 'Empty when there is no such API' }) api_name: string;
  @ApiProperty() error_code: string;
  @ApiProperty() error_msg: string;
}

export class BatchPublishView {
  @ApiProperty({ type: [PublishView] }) success: PublishView[];
  @ApiProperty({ type: [PublishFailureView] }) failure: PublishFailureView[];
}

/** A line of the history (apig §3.6): seconds without a fraction. */
export class HistoryVersionView {
  @ApiProperty() version_id: string;
  @ApiProperty({ description: 'yyyyMMddHHmmss' }) version_no: string;
  @ApiProperty() api_id: string;
  @ApiProperty() env_id: string;
  @ApiProperty() env_name: string;
  @ApiProperty() remark: string;
  @ApiProperty({ format: 'date-time' }) publish_time: string;
  @ApiProperty({ type: 'integer', enum: [1, 2], description: '1 in effect, 2 not in effect' }) status: number;
}

export class HistoryView {
  @ApiProperty({ type: 'integer', description: 'Matches before paging' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Rows in this page' }) size: number;
  @ApiProperty({ type: [HistoryVersionView] }) api_versions: HistoryVersionView[];
}

export class SwitchView {
  @ApiProperty() publish_id: string;
  @ApiProperty() api_id: string;
  @ApiProperty() env_id: string;
  @ApiProperty() version_id: string;
  @ApiProperty({ format: 'date-time' }) publish_time: string;
}

/** A frozen definition (apig §3.6): the API as it was when it was published. */
export class ApiVersionView extends ApiBodyView {
  @ApiProperty() run_env_id: string;
  @ApiProperty() run_env_name: string;
  @ApiProperty() publish_id: string;
  @ApiProperty({ format: 'date-time' }) publish_time: string;
  @ApiProperty() version_id: string;
  @ApiProperty() version_no: string;
  @ApiProperty() sl_domain: string;
  @ApiProperty({ type: [String] }) sl_domains: string[];
}
