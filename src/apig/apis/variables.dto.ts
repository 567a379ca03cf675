import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsDefined, IsOptional, IsString, Matches } from 'class-validator';
import { EmptyIsAbsent, Page } from '../../platform/common/pagination.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { EnvVariable } from './env-variable.entity.js';
import { Text } from './fields.js';

const NAME = /^[A-Za-z][A-Za-z0-9_-]{2,31}$/;
const VALUE = /^[A-Za-z0-9_\-/.:]{1,255}$/;

/** Body of modify (docs/contracts/apig.md §3.7). Only the value can change. */
export class VariableValueInput {
  @ApiProperty({ pattern: VALUE.source, minLength: 1, maxLength: 255 })
  @IsDefined()
  @Matches(VALUE)
  variable_value: string;
}

/** Body of create (docs/contracts/apig.md §3.7). */
export class VariableInput extends VariableValueInput {
  @ApiProperty({ pattern: NAME.source, minLength: 3, maxLength: 32, description: 'Unique within the group and environment' })
  @IsDefined()
  @Matches(NAME)
  variable_name: string;

  @Text(64) env_id: string;
  @Text(64) group_id: string;
}

/** Query of the list (docs/contracts/apig.md §3.7). `precise_search` accepts `variable_name` and its alias `name`. */
export class VariableQuery extends Page {
  @ApiProperty({ description: 'API group' })
  @EmptyIsAbsent()
  @IsDefined()
  @IsString()
  group_id: string;

  @ApiPropertyOptional({ description: 'Environment' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  env_id?: string;

  @ApiPropertyOptional({ description: 'Text that the name must contain' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  variable_name?: string;

  @ApiPropertyOptional({ description: 'Parameters that must match exactly, separated by commas', example: 'variable_name' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  precise_search?: string;
}

export class VariableView {
  @ApiProperty() id: string;
  @ApiProperty() variable_name: string;
  @ApiProperty() variable_value: string;
  @ApiProperty() env_id: string;
  @ApiProperty() group_id: string;
}

export class VariableListView {
  @ApiProperty({ type: 'integer', description: 'Number of matches on all pages' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Number of rows on this page' }) size: number;
  @ApiProperty({ type: [VariableView] }) variables: VariableView[];
}

/** A row of `env_variables`. */
export const VARIABLE = columnsOf(EnvVariable, 'v').pick('id', 'name', 'value', 'envId', 'groupId');
export type VariableRow = RowOf<typeof VARIABLE>;

export const toVariableView = ({ id, name, value, envId, groupId }: VariableRow): VariableView => ({
  id,
  variable_name: name,
  variable_value: value,
  env_id: envId,
  group_id: groupId,
});
