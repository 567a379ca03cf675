import { ApiProperty } from '@nestjs/swagger';

class ImpactedApiView {
  @ApiProperty({ description: 'Publication' }) publish_id: string;
  @ApiProperty({ description: 'API' }) api_id: string;
  @ApiProperty({ description: 'API name' }) api_name: string;
  @ApiProperty({ description: 'Environment' }) env_id: string;
  @ApiProperty({ description: 'Environment name' }) env_name: string;
  @ApiProperty({ description: 'Whether the API is online in the environment' }) online: boolean;
  @ApiProperty({ type: 'integer', description: 'Number of requests signed in the window, as far as nodes have reported' })
  signed_count: number;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When the last of these requests was signed; null if there is none',
  })
  last_signed_at: string | null;
}

class ImpactedNodeView {
  @ApiProperty({ description: 'Node' }) node_id: string;
  @ApiProperty({ type: 'integer', description: 'Revision that is in effect at the node, with all earlier ones' }) applied_revision: number;
  @ApiProperty({ format: 'date-time', description: 'Time of the last report of the node' }) last_seen_at: string;
}

/** What deleting a key would affect. */
export class ImpactView {
  @ApiProperty({ description: 'Signature key' }) sign_id: string;
  @ApiProperty({ description: 'Signature key name' }) name: string;
  @ApiProperty({ type: 'integer', description: 'Revision of the gateway that this response shows' }) revision: number;
  @ApiProperty({ type: 'integer', description: 'Length of the window in which requests are counted, in whole hours' }) window_hours: number;
  @ApiProperty({ type: 'integer', description: 'Number of requests signed in the window' }) signed_count: number;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When the last of these requests was signed; null if there is none',
  })
  last_signed_at: string | null;
  @ApiProperty({ type: [ImpactedApiView], description: 'Publications to which the key is bound' }) apis: ImpactedApiView[];
  @ApiProperty({ type: [ImpactedNodeView], description: 'Nodes of the gateway' }) nodes: ImpactedNodeView[];
}
