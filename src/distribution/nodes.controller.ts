import { Body, Controller, Delete, Get, Param, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../common/access.js';
import { Answers } from '../common/answers.js';
import { Fault } from '../common/api-error.js';
import { type Caller, CallerOf } from '../common/principal.js';
import { InCallersInstance, type InstanceScope } from '../common/scope.js';
import { NodeListView, ReceiptView } from './nodes.dto.js';
import { NodesService } from './nodes.service.js';
import { ReceiptsService } from './receipts.service.js';
import { SettingsInput, SettingsView } from './settings.dto.js';
import { SettingsService } from './settings.service.js';

/** What operators see and set of a gateway's nodes. */
@ApiTags('Nodes and receipts')
@Controller('/signet/v1/instances/:instance_id')
export class NodesController {
  constructor(
    private readonly nodes: NodesService,
    private readonly receipts: ReceiptsService,
    private readonly settings: SettingsService,
  ) {}

  @Get('nodes')
  @Allow('signet:nodes:list')
  @Answers(200, NodeListView, 'ListGatewayNodes', 'List the nodes of a gateway')
  list(@InCallersInstance() scope: InstanceScope): Promise<NodeListView> {
    return this.nodes.list(scope);
  }

  @Delete('nodes/:node_id')
  @Allow('signet:nodes:delete')
  @Answers(204, undefined, 'DeleteGatewayNode', 'Forget a node that will not come back', [new Fault('not_found')])
  remove(@InCallersInstance() scope: InstanceScope, @Param('node_id') nodeId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.nodes.remove(scope, nodeId, caller);
  }

  @Get('receipts/:revision')
  @Allow('signet:receipts:get')
  @Answers(200, ReceiptView, 'ShowReceipt', 'Tell which nodes have applied a revision', [new Fault('not_found')])
  receipt(@InCallersInstance() scope: InstanceScope, @Param('revision') revision: string): Promise<ReceiptView> {
    return this.receipts.get(scope, revision);
  }

  @Get('settings')
  @Allow('signet:settings:get')
  @Answers(200, SettingsView, 'ShowInstanceSettings', 'Show what is set for a gateway')
  show(@InCallersInstance() scope: InstanceScope): Promise<SettingsView> {
    return this.settings.get(scope);
  }

  @Put('settings')
  @Allow('signet:settings:update')
  @Answers(200, SettingsView, 'UpdateInstanceSettings', 'Set the lease of the nodes of a gateway, and whether its secrets are masked')
  update(@InCallersInstance() scope: InstanceScope, @Body() input: SettingsInput, @CallerOf() caller: Caller): Promise<SettingsView> {
    return this.settings.update(scope, input, caller);
  }
}
