import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsDefined, IsOptional, IsString, Length, MaxLength } from 'class-validator';
import { CONFIGURABLE_FEATURES } from './features.js';

const CONFIG_MAX = 16_384;

/** Body of set feature (docs/contracts/apig.md §3.2). */
export class FeatureInput {
  @ApiProperty({ enum: CONFIGURABLE_FEATURES, minLength: 1, maxLength: 64 })
  @IsDefined()
  @IsString()
  @Length(1, 64)
  name: string;

  @ApiProperty()
  @IsDefined()
  @IsBoolean()
  enable: boolean;

  @ApiPropertyOptional({
    maxLength: CONFIG_MAX,
    description: 'A JSON text, `on` or `off`. Default: empty',
    example: '{"enable": "on", "public_key_uri_prefix": "/apigw/authadv/v2/public-key/"}',
  })
  @IsString()
  @MaxLength(CONFIG_MAX)
  @IsOptional()
  config?: string;
}

/** A feature that was set (docs/contracts/apig.md §3.2). */
export class FeatureView {
  @ApiProperty() id: string;
  @ApiProperty() name: string;
  @ApiProperty() enable: boolean;
  @ApiProperty({ description: 'The configuration, as the client sent it' }) config: string;
  @ApiProperty() instance_id: string;
  @ApiProperty({ format: 'date-time' }) update_time: string;
}

export class FeatureListView {
  @ApiProperty({ type: 'integer', description: 'Number of matches on all pages' }) total: number;
  @ApiProperty({ type: 'integer', description: 'Number of rows on this page' }) size: number;
  @ApiProperty({ type: [FeatureView] }) features: FeatureView[];
}

/** Names of the built-in features (docs/contracts/apig.md §3.2). */
export class BuiltInFeaturesView {
  @ApiProperty({ type: 'integer' }) total: number;
  @ApiProperty({ type: 'integer' }) size: number;
  @ApiProperty({ type: [String] }) features: string[];
}
