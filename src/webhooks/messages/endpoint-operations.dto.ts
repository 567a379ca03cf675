import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsDefined,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Max,
  Min,
} from 'class-validator';
import { EmptyIsAbsent } from '../../platform/common/pagination.js';
import { MetricsView, type Window, WINDOWS } from './messages.dto.js';

/** Only finished messages can be replayed. */
const REPLAYABLE = ['failed_permanent', 'succeeded'] as const;
export type Replayable = (typeof REPLAYABLE)[number];

export const REPLAY_MAX = 1000;

export class EndpointReplayInput {
  @ApiProperty({ format: 'date-time', description: 'Messages accepted at this time or later' })
  @IsString()
  @IsDefined()
  from: string;

  @ApiProperty({ format: 'date-time', description: 'Messages accepted before this time' })
  @IsString()
  @IsDefined()
  to: string;

  @ApiPropertyOptional({ enum: REPLAYABLE, isArray: true, default: ['failed_permanent'], description: 'Messages in one of these statuses' })
  @IsIn(REPLAYABLE, { each: true })
  @ArrayUnique()
  @ArrayMaxSize(REPLAYABLE.length)
  @ArrayMinSize(1)
  @IsArray()
  @IsOptional()
  statuses?: Replayable[];

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: REPLAY_MAX,
    default: REPLAY_MAX,
    description: 'Maximum number of messages, oldest first',
  })
  @Max(REPLAY_MAX)
  @Min(1)
  @IsInt()
  @IsOptional()
  limit?: number;

  @ApiPropertyOptional({ default: false, description: 'If true, messages are only counted and not requeued' })
  @IsBoolean()
  @IsOptional()
  preview?: boolean;
}

export class EndpointReplayView {
  @ApiProperty({ type: 'integer', description: 'Messages that match the request' }) matching: number;
  @ApiProperty({ description: 'Whether this was a preview, in which nothing was requeued' }) preview: boolean;
  @ApiProperty({ type: 'integer', description: 'Requeued' }) replayed: number;
  @ApiProperty({ type: 'integer', description: 'Not replayable: the payload is deleted, or the replay limit is reached' }) failed: number;
  @ApiProperty({ type: 'integer', description: 'Not finished, so not replayed' }) stuck: number;
}

export class KeyTestView {
  @ApiProperty({ description: 'Whether the receiver answered 2xx' }) delivered: boolean;
  @ApiProperty({ type: 'integer', nullable: true, description: 'HTTP status of the response; null without a response' }) response_status:
    | number
    | null;
  @ApiProperty({ type: 'integer', description: 'Time to the response, in milliseconds' }) response_latency_ms: number;
  @ApiProperty({ type: String, nullable: true, description: 'Why there was no response' }) error: string | null;
  @ApiProperty({ description: 'Id of the test message, as sent to the receiver' }) message_id: string;
}

export class WindowQuery {
  @ApiPropertyOptional({ enum: WINDOWS, default: '24h', description: 'Length of the window' })
  @EmptyIsAbsent()
  @IsIn(WINDOWS)
  @IsOptional()
  window?: Window;
}

export class EndpointMetricsView extends MetricsView {
  @ApiProperty({ type: 'integer', description: 'Messages that wait for an attempt' }) waiting: number;
  @ApiProperty({ type: 'integer', nullable: true, description: 'Age of the oldest waiting message, in seconds' })
  oldest_waiting_seconds: number | null;
  @ApiProperty({ type: 'integer', description: 'Messages of the window that failed permanently' }) dead_letters: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Last delivery of a message of the window' })
  last_success_at: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Last permanent failure of a message of the window' })
  last_failure_at: string | null;
}
