import { ApiProperty } from '@nestjs/swagger';
import type { Receipt, ReceiptNode } from '../lib/protocol/protocol.js';

export class NodeView {
  @ApiProperty({ description: 'Node' }) node_id: string;
  @ApiProperty({ type: 'integer', description: 'Everything up to this revision is in effect there' }) applied_revision: number;
  @ApiProperty({ format: 'date-time', description: 'When it said so first' }) applied_at: string;
  @ApiProperty({ description: 'Version of its software' }) version: string;
  @ApiProperty({ format: 'date-time', description: 'When it reported last' }) last_seen_at: string;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'Without another report it stops signing then; null: it goes on',
  })
  lease_until: string | null;
  @ApiProperty({ format: 'date-time', description: 'When it reported first' }) registered_at: string;
}

export class NodeListView {
  @ApiProperty({ type: 'integer', description: 'Nodes' }) total: number;
  @ApiProperty({ type: 'integer', description: 'The same' }) size: number;
  @ApiProperty({ type: [NodeView], description: 'By name' }) nodes: NodeView[];
}

const STATES = ['acknowledged', 'pending', 'unreachable', 'lease_running', 'lease_over'] as const satisfies readonly ReceiptNode['state'][];

class ReceiptNodeView implements ReceiptNode {
  @ApiProperty({ description: 'Node' }) node_id: string;
  @ApiProperty({
    enum: STATES,
    description:
      'acknowledged: it has applied the revision; pending: not yet; unreachable: it has not reported lately; lease_running: the same, and ' +
      'it stops by itself at lease_until; lease_over: it has stopped by itself',
  })
  state: ReceiptNode['state'];
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When it said that it has applied the revision' })
  acknowledged_at: string | null;
  @ApiProperty({ format: 'date-time', description: 'When it reported last' }) last_seen_at: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Null: it goes by no lease' }) lease_until: string | null;
}

export class ReceiptView implements Receipt {
  @ApiProperty({ description: 'Gateway' }) instance_id: string;
  @ApiProperty({ type: 'integer', description: 'Revision' }) revision: number;
  @ApiProperty({ description: 'Every node has applied the revision, or has stopped by its lease' }) complete: boolean;
  @ApiProperty({ format: 'date-time', description: 'When the revision was written' }) created_at: string;
  @ApiProperty({ type: [ReceiptNodeView], description: 'Every node that is registered, by name' }) nodes: ReceiptNodeView[];
}
