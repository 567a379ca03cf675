import { ApiProperty } from '@nestjs/swagger';

/** A limit of a gateway (docs/contracts/apig.md §3.2). */
export class GatewayConfigView {
  @ApiProperty() config_id: string;
  @ApiProperty() config_name: string;
  @ApiProperty({ description: 'A whole number, `on` or `off`' }) config_value: string;
  @ApiProperty({ format: 'date-time' }) config_time: string;
  @ApiProperty() remark: string;
  @ApiProperty({ type: 'integer' }) used: number;
}

export class GatewayConfigListView {
  @ApiProperty({ type: 'integer', description: 'Number of matches on all pages' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Number of rows on this page' }) size: number;
  @ApiProperty({ type: [GatewayConfigView] }) configs: GatewayConfigView[];
}

/** A limit of a project (docs/contracts/apig.md §3.2). */
export class ProjectConfigView {
  @ApiProperty() config_id: string;
  @ApiProperty({ example: 'INSTANCE_NUM_LIMIT' }) config_name: string;
  @ApiProperty() config_value: string;
  @ApiProperty({ type: 'integer', description: 'Unix time in milliseconds' }) config_time: number;
  @ApiProperty() remark: string;
}

export class ProjectConfigListView {
  @ApiProperty({ type: 'integer' }) total: number;
  @ApiProperty({ type: 'integer' }) size: number;
  @ApiProperty({ type: [ProjectConfigView] }) configs: ProjectConfigView[];
}
