import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayNotEmpty, IsArray, IsDefined, IsOptional, IsString, Matches, ValidateIf } from 'class-validator';
import { EmptyIsAbsent, Page } from '../../platform/common/pagination.js';
import { ApiBodyView } from './apis.views.js';
import { OneOf, OptionalText, Text } from './fields.js';

export const ACTIONS = ['online', 'offline'] as const;
export type Action = (typeof ACTIONS)[number];

const APIS_MAX = 1000;

/** Body of publishing one API or taking it offline (docs/contracts/apig.md §3.6). */
export class PublishInput {
  @OneOf(ACTIONS) action: Action;
  @Text(64) env_id: string;
  @Text(64) api_id: string;
  @OptionalText(255) remark?: string;
}

/**
 * Query of the batch (docs/contracts/apig.md §3.6). The service checks the action, because the error for an invalid action has its own
 * code.
 */
export class BatchPublishQuery {
  @ApiProperty({ enum: ACTIONS, description: 'Whether to publish the APIs or to take them offline' })
  @IsOptional()
  action?: string;
}

/** Body of the batch: ids of APIs, or a group for all of its APIs. If both are given, the ids count (docs/contracts/apig.md §3.6). */
export class BatchPublishInput {
  @ApiPropertyOptional({ type: [String], minItems: 1, maxItems: APIS_MAX, description: 'Duplicates count once' })
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

/** Body of the version switch (docs/contracts/apig.md §3.6). */
export class SwitchInput {
  @Text(64) version_id: string;
}

/** Query of the history (docs/contracts/apig.md §3.6). */
export class HistoryQuery extends Page {
  @ApiPropertyOptional({ description: 'Environment' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  env_id?: string;

  @ApiPropertyOptional({ description: 'Text that the name of the environment must contain' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  env_name?: string;
}

/** Query of the definition in effect. */
export class RuntimeQuery {
  @ApiPropertyOptional({ description: 'Default: RELEASE' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  env_id?: string;
}

/** A publication in the response of an action (docs/contracts/apig.md §3.6). */
export class PublishView {
  @ApiProperty({ description: 'Id of the publication; permanent for an API in an environment' }) publish_id: string;
  @ApiProperty() api_id: string;
  @ApiProperty() api_name: string;
  @ApiProperty() env_id: string;
  @ApiProperty() remark: string;
  @ApiProperty({ format: 'date-time', description: 'When the API was last published' }) publish_time: string;
  @ApiProperty({ description: 'The frozen definition in effect' }) version_id: string;
}

class PublishFailureView {
  @ApiProperty() api_id: string;
  @ApiProperty({ description: 'Empty if the API does not exist' }) api_name: string;
  @ApiProperty() error_code: string;
  @ApiProperty() error_msg: string;
}

export class BatchPublishView {
  @ApiProperty({ type: [PublishView] }) success: PublishView[];
  @ApiProperty({ type: [PublishFailureView] }) failure: PublishFailureView[];
}

/** An entry of the history (docs/contracts/apig.md §3.6). Times are in whole seconds. */
export class HistoryVersionView {
  @ApiProperty() version_id: string;
  @ApiProperty({ description: 'yyyyMMddHHmmss' }) version_no: string;
  @ApiProperty() api_id: string;
  @ApiProperty() env_id: string;
  @ApiProperty() env_name: string;
  @ApiProperty() remark: string;
  @ApiProperty({ format: 'date-time' }) publish_time: string;
  @ApiProperty({ type: 'integer', enum: [1, 2], description: '1: in effect, 2: not in effect' }) status: number;
}

export class HistoryView {
  @ApiProperty({ type: 'integer', description: 'Number of matches on all pages' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Number of rows on this page' }) size: number;
  @ApiProperty({ type: [HistoryVersionView] }) api_versions: HistoryVersionView[];
}

export class SwitchView {
  @ApiProperty() publish_id: string;
  @ApiProperty() api_id: string;
  @ApiProperty() env_id: string;
  @ApiProperty() version_id: string;
  @ApiProperty({ format: 'date-time' }) publish_time: string;
}

/** A frozen definition (docs/contracts/apig.md §3.6): the API as it was when it was published. */
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
