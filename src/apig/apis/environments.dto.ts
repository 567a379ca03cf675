import { ApiProperty } from '@nestjs/swagger';
import { IsDefined, Matches } from 'class-validator';
import { toNanoseconds, toSeconds } from '../../platform/common/clock.js';
import { NamedPage } from '../../platform/common/pagination.js';
import { OptionalText } from './fields.js';
import { Environment } from './environment.entity.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';

const NAME = /^[A-Za-z][A-Za-z0-9_]{2,63}$/;

/** Body of modify (docs/contracts/apig.md §3.4). */
export class EnvironmentInput {
  @ApiProperty({ pattern: NAME.source, minLength: 3, maxLength: 64, description: 'Environment name, unique within the gateway' })
  @IsDefined()
  @Matches(NAME)
  name: string;

  @OptionalText(255, { description: 'Description; omitted or empty: no description' })
  remark?: string | null;
}

/** Body of create. The error for an invalid value is `APIG.2012` (docs/contracts/apig.md §3.4). */
export class EnvironmentCreateInput extends EnvironmentInput {
  static readonly invalidCode = 'APIG.2012';
}

/** Query of the list (docs/contracts/apig.md §3.4). */
export class EnvironmentQuery extends NamedPage {}

export class EnvironmentView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty() remark: string;
  @ApiProperty({ format: 'date-time' }) create_time: string;
}

export class EnvironmentListView {
  @ApiProperty({ type: 'integer', description: 'Number of matches on all pages' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Number of rows on this page' }) size: number;
  @ApiProperty({ type: [EnvironmentView] }) envs: EnvironmentView[];
}

/** A row of `environments`. */
export const ENVIRONMENT = columnsOf(Environment, 'e').pick('id', 'name', 'remark', 'createdAt');
export type EnvironmentRow = RowOf<typeof ENVIRONMENT>;

/** @param now the time of the write that returns this view, if it created the environment; times in the view then have nine digits */
export const toEnvironmentView = ({ id, name, remark, createdAt }: EnvironmentRow, now?: number): EnvironmentView => ({
  id,
  name,
  remark,
  create_time: createdAt === now ? toNanoseconds(createdAt) : toSeconds(createdAt),
});
