import { Body, Controller, Delete, Get, Param, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InProject, type ProjectScope } from '../../platform/common/scope.js';
import {
  BandwidthInput,
  EipInput,
  EipView,
  ElbIdsInput,
  ElbsInput,
  ElbsView,
  IngressPortInput,
  IngressPortQuery,
  IngressPortsView,
  IngressPortView,
  ResizeInput,
} from './gateway-parts.dto.js';
import { GatewayPartsService } from './gateway-parts.service.js';
import { INSTANCE_ERRORS } from './instances.errors.js';
import { InstanceCreatedView } from './instances.views.js';

@ApiTags('Gateway addresses and ports')
@Controller('/v2/:project_id/apigw/instances/:instance_id')
export class GatewayPartsController {
  constructor(private readonly parts: GatewayPartsService) {}

  @Post('postpaid-resize')
  @Allow('apig:instances:update')
  @Answers(202, InstanceCreatedView, 'CreatePostPayResizeOrder', 'Change the edition of a gateway', INSTANCE_ERRORS.resize)
  resize(
    @InProject() scope: ProjectScope,
    @Param('instance_id') id: string,
    @Body() input: ResizeInput,
    @CallerOf() caller: Caller,
  ): Promise<InstanceCreatedView> {
    return this.parts.resize(scope, id, input, caller);
  }

  @Put('eip')
  @Allow('apig:instances:update')
  @Answers(200, EipView, 'AddEipV2', 'Bind an elastic IP to a gateway, in place of the one bound before', INSTANCE_ERRORS.detail)
  bindEip(
    @InProject() scope: ProjectScope,
    @Param('instance_id') id: string,
    @Body() input: EipInput,
    @CallerOf() caller: Caller,
  ): Promise<EipView> {
    return this.parts.bindEip(scope, id, input, caller);
  }

  @Delete('eip')
  @Allow('apig:instances:update')
  @Answers(200, undefined, 'RemoveEipV2', 'Unbind the elastic IP of a gateway', INSTANCE_ERRORS.detail)
  unbindEip(@InProject() scope: ProjectScope, @Param('instance_id') id: string, @CallerOf() caller: Caller): Promise<void> {
    return this.parts.unbindEip(scope, id, caller);
  }

  @Post('nat-eip')
  @Allow('apig:instances:update')
  @Answers(200, undefined, 'AddEngressEipV2', 'Enable outbound access of a gateway', INSTANCE_ERRORS.enableOutbound)
  enableOutbound(
    @InProject() scope: ProjectScope,
    @Param('instance_id') id: string,
    @Body() input: BandwidthInput,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.parts.enableOutbound(scope, id, input, caller);
  }

  @Put('nat-eip')
  @Allow('apig:instances:update')
  @Answers(200, undefined, 'UpdateEngressEipV2', 'Change the bandwidth of outbound access', INSTANCE_ERRORS.updateOutbound)
  updateOutbound(
    @InProject() scope: ProjectScope,
    @Param('instance_id') id: string,
    @Body() input: BandwidthInput,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.parts.updateOutbound(scope, id, input, caller);
  }

  @Delete('nat-eip')
  @Allow('apig:instances:update')
  @Answers(204, undefined, 'RemoveEngressEipV2', 'Disable outbound access of a gateway', INSTANCE_ERRORS.detail)
  disableOutbound(@InProject() scope: ProjectScope, @Param('instance_id') id: string, @CallerOf() caller: Caller): Promise<void> {
    return this.parts.disableOutbound(scope, id, caller);
  }

  @Post('ingress-eip')
  @Allow('apig:instances:update')
  @Answers(202, InstanceCreatedView, 'AddIngressEipV2', 'Enable inbound access from outside', INSTANCE_ERRORS.enableInbound)
  enableInbound(
    @InProject() scope: ProjectScope,
    @Param('instance_id') id: string,
    @Body() input: BandwidthInput,
    @CallerOf() caller: Caller,
  ): Promise<InstanceCreatedView> {
    return this.parts.enableInbound(scope, id, input, caller);
  }

  @Put('ingress-eip')
  @Allow('apig:instances:update')
  @Answers(202, InstanceCreatedView, 'UpdateIngressEipV2', 'Change the bandwidth of inbound access', INSTANCE_ERRORS.updateInbound)
  updateInbound(
    @InProject() scope: ProjectScope,
    @Param('instance_id') id: string,
    @Body() input: BandwidthInput,
    @CallerOf() caller: Caller,
  ): Promise<InstanceCreatedView> {
    return this.parts.updateInbound(scope, id, input, caller);
  }

  @Delete('ingress-eip')
  @Allow('apig:instances:update')
  @Answers(204, undefined, 'RemoveIngressEipV2', 'Disable inbound access from outside', INSTANCE_ERRORS.detail)
  disableInbound(@InProject() scope: ProjectScope, @Param('instance_id') id: string, @CallerOf() caller: Caller): Promise<void> {
    return this.parts.disableInbound(scope, id, caller);
  }

  @Post('custom-ingress-ports')
  @Allow('apig:instances:update')
  @Answers(201, IngressPortView, 'AddCustomIngressPort', 'Add a custom inbound port', INSTANCE_ERRORS.addPort)
  addPort(
    @InProject() scope: ProjectScope,
    @Param('instance_id') id: string,
    @Body() input: IngressPortInput,
    @CallerOf() caller: Caller,
  ): Promise<IngressPortView> {
    return this.parts.addPort(scope, id, input, caller);
  }

  @Get('custom-ingress-ports')
  @Allow('apig:instances:get')
  @Answers(200, IngressPortsView, 'ListCustomIngressPorts', 'List the custom inbound ports of a gateway', INSTANCE_ERRORS.detail)
  ports(@InProject() scope: ProjectScope, @Param('instance_id') id: string, @Query() query: IngressPortQuery): Promise<IngressPortsView> {
    return this.parts.ports(scope, id, query);
  }

  @Delete('custom-ingress-ports/:ingress_port_id')
  @Allow('apig:instances:update')
  @Answers(204, undefined, 'DeleteCustomIngressPort', 'Delete a custom inbound port', INSTANCE_ERRORS.deletePort)
  deletePort(
    @InProject() scope: ProjectScope,
    @Param('instance_id') id: string,
    @Param('ingress_port_id') portId: string,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.parts.deletePort(scope, id, portId, caller);
  }

  @Get('extra-elbs')
  @Allow('apig:instances:get')
  @Answers(200, ElbsView, 'ListExtraElbs', 'List the load balancers of a gateway', INSTANCE_ERRORS.detail)
  elbs(@InProject() scope: ProjectScope, @Param('instance_id') id: string): Promise<ElbsView> {
    return this.parts.elbs(scope, id);
  }

  @Post('extra-elbs')
  @Allow('apig:instances:update')
  @Answers(201, ElbsView, 'AddExtraElbs', 'Add load balancers to a gateway', INSTANCE_ERRORS.detail)
  addElbs(
    @InProject() scope: ProjectScope,
    @Param('instance_id') id: string,
    @Body() input: ElbsInput,
    @CallerOf() caller: Caller,
  ): Promise<ElbsView> {
    return this.parts.addElbs(scope, id, input, caller);
  }

  @Delete('extra-elbs')
  @Allow('apig:instances:update')
  @Answers(204, undefined, 'RemoveExtraElbs', 'Remove load balancers from a gateway', INSTANCE_ERRORS.detail)
  removeElbs(
    @InProject() scope: ProjectScope,
    @Param('instance_id') id: string,
    @Body() input: ElbIdsInput,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.parts.removeElbs(scope, id, input, caller);
  }
}
