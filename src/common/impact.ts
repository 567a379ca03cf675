import { ApiProperty } from '@nestjs/swagger';
import type { InstanceScope } from './scope.js';

class ImpactedApiView {
  @ApiProperty({ description: 'Publication' }) publish_id: string;
  @ApiProperty({ description: 'API' }) api_id: string;
  @ApiProperty({ description: 'API name' }) api_name: string;
  @ApiProperty({ description: 'Environment' }) env_id: string;
  @ApiProperty({ description: 'Environment name' }) env_name: string;
  @ApiProperty({ description: 'Whether the API is online there' }) online: boolean;
  @ApiProperty({ type: 'integer', description: 'Requests signed in the window, as far as nodes have reported' }) signed_count: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'The last of them; null: none' })
  last_signed_at: string | null;
}

class ImpactedNodeView {
  @ApiProperty({ description: 'Node' }) node_id: string;
  @ApiProperty({ type: 'integer', description: 'Everything up to this revision is in effect there' }) applied_revision: number;
  @ApiProperty({ format: 'date-time', description: 'When it reported last' }) last_seen_at: string;
}

/** Who would feel it if a key were gone. */
export class ImpactView {
  @ApiProperty({ description: 'Signature key' }) sign_id: string;
  @ApiProperty({ description: 'Signature key name' }) name: string;
  @ApiProperty({ type: 'integer', description: 'Revision of the gateway that this is as of' }) revision: number;
  @ApiProperty({ type: 'integer', description: 'How far back requests are counted, in whole hours' }) window_hours: number;
  @ApiProperty({ type: 'integer', description: 'Requests signed in the window' }) signed_count: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'The last of them; null: none' })
  last_signed_at: string | null;
  @ApiProperty({ type: [ImpactedApiView], description: 'What the key is bound to' }) apis: ImpactedApiView[];
  @ApiProperty({ type: [ImpactedNodeView], description: 'Nodes of the gateway' }) nodes: ImpactedNodeView[];
}

/** Whoever knows what a key is used for. Injected by this class. */
export abstract class Impacts {
  /** @throws what the deletion of the key would: no such gateway, no such key */
  abstract of(scope: InstanceScope, signId: string): Promise<ImpactView>;
}
