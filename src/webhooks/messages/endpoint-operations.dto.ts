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
  @ApiProperty({ format: 'date-time', description: 'Only messages that were accepted at this time or later' })
  @IsString()
  @IsDefined()
  from: string;

  @ApiProperty({ format: 'date-time', description: 'Only messages that were accepted before this time' })
  @IsString()
  @IsDefined()
  to: string;

  @ApiPropertyOptional({
    enum: REPLAYABLE,
    isArray: true,
    default: ['failed_permanent'],
    description: 'Only messages in one of these statuses',
  })
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

  @ApiPropertyOptional({ default: false, description: 'If true, messages are counted but not made due' })
  @IsBoolean()
  @IsOptional()
  preview?: boolean;
}

export class EndpointReplayView {
  @ApiProperty({ type: 'integer', description: 'Number of messages that match the request' }) matching: number;
  @ApiProperty({ description: 'Whether this was a preview, in which no message was made due' }) preview: boolean;
  @ApiProperty({ type: 'integer', description: 'Requeued' }) replayed: number;
  @ApiProperty({
    type: 'integer',
    description: 'Number of messages that cannot be replayed, because the payload was deleted or the limit of replays is reached',
  })
  failed: number;
  @ApiProperty({ type: 'integer', description: 'Number of messages that were not replayed, because they are not finished' }) stuck: number;
}

export class KeyTestView {
  @ApiProperty({ description: 'Whether the receiver answered 2xx' }) delivered: boolean;
  @ApiProperty({ type: 'integer', nullable: true, description: 'HTTP status of the response; null if there was no response' })
  response_status: number | null;
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
  @ApiProperty({ type: 'integer', description: 'Number of messages that wait for an attempt' }) waiting: number;
  @ApiProperty({ type: 'integer', nullable: true, description: 'Age of the oldest waiting message, in seconds' })
  oldest_waiting_seconds: number | null;
  @ApiProperty({ type: 'integer', description: 'Number of messages of the window that failed for good' }) dead_letters: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Time of the last delivery of a message of the window' })
  last_success_at: string | null;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'Time at which a message of the window last failed for good',
  })
  last_failure_at: string | null;
}
