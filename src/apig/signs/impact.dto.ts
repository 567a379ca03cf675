import { ApiProperty } from '@nestjs/swagger';

class ImpactedApiView {
  @ApiProperty({ description: 'Publication' }) publish_id: string;
  @ApiProperty({ description: 'API' }) api_id: string;
  @ApiProperty({ description: 'API name' }) api_name: string;
  @ApiProperty({ description: 'Environment' }) env_id: string;
  @ApiProperty({ description: 'Environment name' }) env_name: string;
  @ApiProperty({ description: 'Whether the API is online there' }) online: boolean;
  @ApiProperty({ type: 'integer', description: 'Requests signed in the window, as far as nodes have reported' }) signed_count: number;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When the last of them was signed; null if there is none',
  })
  last_signed_at: string | null;
}

class ImpactedNodeView {
  @ApiProperty({ description: 'Node' }) node_id: string;
  @ApiProperty({ type: 'integer', description: 'Every revision up to this one is in effect at the node' }) applied_revision: number;
  @ApiProperty({ format: 'date-time', description: 'When the node last reported' }) last_seen_at: string;
}

/** What deleting a key would affect. */
export class ImpactView {
  @ApiProperty({ description: 'Signature key' }) sign_id: string;
  @ApiProperty({ description: 'Signature key name' }) name: string;
  @ApiProperty({ type: 'integer', description: 'Revision of the gateway to which this answer belongs' }) revision: number;
  @ApiProperty({ type: 'integer', description: 'How far back requests are counted, in whole hours' }) window_hours: number;
  @ApiProperty({ type: 'integer', description: 'Requests signed in the window' }) signed_count: number;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When the last of them was signed; null if there is none',
  })
  last_signed_at: string | null;
  @ApiProperty({ type: [ImpactedApiView], description: 'The publications that the key is bound to' }) apis: ImpactedApiView[];
  @ApiProperty({ type: [ImpactedNodeView], description: 'Nodes of the gateway' }) nodes: ImpactedNodeView[];
}
