import { ApiProperty, OmitType } from '@nestjs/swagger';
import { SignersReceiptView } from '../../platform/receipts/receipt.dto.js';

/** A receipt of an endpoint. Its signers are the processes that deliver. */
export class EndpointReceiptView extends OmitType(SignersReceiptView, ['instance_id'] as const) {
  @ApiProperty({ description: 'Endpoint' }) endpoint_id: string;
}

export const toReceiptView = ({ instance_id, ...receipt }: SignersReceiptView): EndpointReceiptView => ({
  endpoint_id: instance_id,
  ...receipt,
});
