import { Body, Controller, Delete, Param, Post, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InInstance, type InstanceScope } from '../../platform/common/scope.js';
import { DOMAIN_ERRORS } from './apis.answers.js';
import { DomainCertificatesInput, DomainInput, DomainSettingsInput, GroupDomainView } from './group-domains.dto.js';
import { type DomainPath, GroupDomainsService } from './group-domains.service.js';

@ApiTags('Domains of API groups')
@Controller('/v2/:project_id/apigw/instances/:instance_id/api-groups/:group_id/domains')
export class GroupDomainsController {
  constructor(private readonly domains: GroupDomainsService) {}

  @Post()
  @Allow('apig:domains:create')
  @Answers(201, GroupDomainView, 'AssociateDomainV2', 'Bind a domain to an API group', DOMAIN_ERRORS.create)
  create(
    @InInstance() scope: InstanceScope,
    @Param('group_id') groupId: string,
    @Body() input: DomainInput,
    @CallerOf() caller: Caller,
  ): Promise<GroupDomainView> {
    return this.domains.create(scope, groupId, input, caller);
  }

  @Put(':domain_id')
  @Allow('apig:domains:update')
  @Answers(201, GroupDomainView, 'UpdateDomainV2', 'Modify a domain of an API group', DOMAIN_ERRORS.update)
  update(
    @InInstance() scope: InstanceScope,
    @Param() path: DomainPath,
    @Body() input: DomainSettingsInput,
    @CallerOf() caller: Caller,
  ): Promise<GroupDomainView> {
    return this.domains.update(scope, path, input, caller);
  }

  @Delete(':domain_id')
  @Allow('apig:domains:delete')
  @Answers(204, undefined, 'DisassociateDomainV2', 'Unbind a domain from an API group', DOMAIN_ERRORS.update)
  delete(@InInstance() scope: InstanceScope, @Param() path: DomainPath, @CallerOf() caller: Caller): Promise<void> {
    return this.domains.delete(scope, path, caller);
  }

  @Post(':domain_id/certificates/attach')
  @Allow('apig:domains:update')
  @Answers(204, undefined, 'BatchAssociateCertsV2', 'Attach a certificate to a domain, by its id', DOMAIN_ERRORS.attach)
  attach(
    @InInstance() scope: InstanceScope,
    @Param() path: DomainPath,
    @Body() input: DomainCertificatesInput,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.domains.attach(scope, path, input, caller);
  }

  @Post(':domain_id/certificates/detach')
  @Allow('apig:domains:update')
  @Answers(204, undefined, 'BatchDisassociateCertsV2', 'Detach a certificate from a domain', DOMAIN_ERRORS.detach)
  detach(
    @InInstance() scope: InstanceScope,
    @Param() path: DomainPath,
    @Body() input: DomainCertificatesInput,
    @CallerOf() caller: Caller,
  ): Promise<void> {
    return this.domains.detach(scope, path, input, caller);
  }
}
