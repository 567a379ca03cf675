import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsDefined, IsObject, IsOptional, IsString, Matches, MaxLength, ValidateNested } from 'class-validator';
import { EmptyIsAbsent } from '../../platform/common/pagination.js';
import { PROJECT_NAME } from '../projects/projects.service.js';

/** Query of a list that can be filtered by name. */
export class NameQuery {
  @ApiPropertyOptional({ description: 'Exact name' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  name?: string;
}

export class ProjectQuery extends NameQuery {
  @ApiPropertyOptional({ description: 'Id of the domain of the projects' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  domain_id?: string;
}

class NewProject {
  @ApiProperty({ pattern: PROJECT_NAME.source, maxLength: 64, description: 'Unique within the domain' })
  @IsDefined()
  @Matches(PROJECT_NAME)
  name: string;

  @ApiPropertyOptional({ description: 'Id of the domain, which must be that of the caller. Default: the domain of the caller' })
  @EmptyIsAbsent()
  @IsString()
  @IsOptional()
  domain_id?: string;

  @ApiPropertyOptional({ maxLength: 255 })
  @IsString()
  @MaxLength(255)
  @IsOptional()
  description?: string;
}

/** Body of `POST /v3/projects` (docs/contracts/apig.md §6.5). */
export class ProjectInput {
  @ApiProperty({ type: NewProject })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => NewProject)
  project: NewProject;
}
