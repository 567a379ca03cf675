import { ContractError } from '../../platform/common/api-error.js';

/** In this file, the "not found" errors also cover resources of other projects, with the same message. */
export class GroupNotFound extends ContractError {
  constructor(groupId: string) {
    super(404, 'APIG.3001', `API group ${groupId} does not exist`);
  }
}

export class GroupNameTaken extends ContractError {
  constructor() {
    super(400, 'APIG.3201', 'The API group name already exists');
  }
}

export class GroupQuotaExceeded extends ContractError {
  constructor() {
    super(403, 'APIG.3101', 'The number of API groups exceeds the maximum allowed limit.');
  }
}

export class GroupNotEmpty extends ContractError {
  constructor(groupId: string) {
    super(412, 'APIG.3415', `The API group cannot be deleted because it contains APIs,id:${groupId}`);
  }
}

export class EnvironmentNotFound extends ContractError {
  constructor(envId: string) {
    super(404, 'APIG.3003', `Environment ${envId} does not exist`);
  }
}

export class EnvironmentNameTaken extends ContractError {
  constructor() {
    super(400, 'APIG.3205', 'The environment name already exists.');
  }
}

export class EnvironmentQuotaExceeded extends ContractError {
  constructor() {
    super(403, 'APIG.3104', 'The number of environments exceeds the maximum allowed limit.');
  }
}

export class EnvironmentInUse extends ContractError {
  constructor() {
    super(403, 'APIG.3418', 'The environment contains published APIs.');
  }
}

/** RELEASE belongs to the gateway, so nobody may delete or rename it (docs/contract.md). */
export class EnvironmentProtected extends ContractError {
  constructor() {
    super(403, 'APIG.1103', 'No permissions to perform operations on this environment.');
  }
}

export class VariableNotFound extends ContractError {
  constructor(variableId: string) {
    super(404, 'APIG.3011', `The environment variable does not exist, id: ${variableId}`);
  }
}

export class VariableNameTaken extends ContractError {
  constructor() {
    super(400, 'APIG.3303', 'The environment variable already exists.');
  }
}

export class VariableQuotaExceeded extends ContractError {
  constructor() {
    super(403, 'APIG.3106', 'The number of variables exceeds the maximum allowed limit.');
  }
}

/** The response is the same for a configuration of another group (docs/contract.md). */
export class ResponseNotFound extends ContractError {
  constructor() {
    super(404, 'APIG.3007', 'The configuration does not exist.');
  }
}

export class ResponseNameTaken extends ContractError {
  constructor() {
    super(400, 'APIG.3216', 'The response name already exists.');
  }
}

export class ResponseQuotaExceeded extends ContractError {
  constructor() {
    super(403, 'APIG.3136', 'The number of responses exceeds the maximum allowed limit.');
  }
}

/** The responses were created together with their group. */
export class ResponseProtected extends ContractError {
  constructor() {
    super(409, 'APIG.3491', 'The default response cannot be deleted.');
  }
}

export class ResponseNameProtected extends ContractError {
  constructor() {
    super(409, 'APIG.3492', 'The default response name cannot be modified.');
  }
}

export class DomainInvalid extends ContractError {
  constructor() {
    super(400, 'APIG.2024', 'Invalid URL domain.');
  }
}

export class DomainNotFound extends ContractError {
  constructor() {
    super(404, 'APIG.3020', 'The URL domain does not exist.');
  }
}

/** The domain belongs to another group of the same gateway. */
export class DomainOfAnotherGroup extends ContractError {
  constructor() {
    super(400, 'APIG.3474', 'The API group ID in the URL does not match the API group to which the URL domain has been bound.');
  }
}

export class DomainTaken extends ContractError {
  constructor() {
    super(400, 'APIG.3305', 'The URL domain name already exists.');
  }
}

export class DomainQuotaExceeded extends ContractError {
  constructor() {
    super(403, 'APIG.3108', 'The number of domain names exceeds the maximum allowed limit.');
  }
}

/** Another certificate is attached to the domain. */
export class CertificateConflict extends ContractError {
  constructor() {
    super(400, 'APIG.2051', 'A domain name cannot be bound with different certificates.');
  }
}

export class CertificateNotAttached extends ContractError {
  constructor() {
    super(404, 'APIG.3097', 'The binding record of this SSL certificate and domain name does not exist.');
  }
}

export class ApiNotFound extends ContractError {
  constructor(apiId: string) {
    super(404, 'APIG.3002', `API ${apiId} does not exist`);
  }
}

export class ApiNameTaken extends ContractError {
  constructor(name: string) {
    super(400, 'APIG.3202', `The API name already exists, api_name:${name}`);
  }
}

/** Another API of the group has the same method and path. */
export class ApiPathTaken extends ContractError {
  constructor() {
    super(400, 'APIG.3301', 'The API already exists.');
  }
}

export class ApiQuotaExceeded extends ContractError {
  constructor() {
    super(403, 'APIG.3102', 'The number of APIs exceeds the maximum allowed limit.');
  }
}

export class ApisPerGroupQuotaExceeded extends ContractError {
  constructor() {
    super(403, 'APIG.3125', 'The number of APIs in the API group exceeds the maximum allowed limit.');
  }
}

export class ParamQuotaExceeded extends ContractError {
  constructor() {
    super(403, 'APIG.3111', 'The number of parameters in req_params exceeds the maximum allowed limit.');
  }
}

export class PolicyQuotaExceeded extends ContractError {
  constructor() {
    super(403, 'APIG.3113', 'The number of API backend policies exceeds the maximum allowed limit.');
  }
}

export class ConditionQuotaExceeded extends ContractError {
  constructor() {
    super(403, 'APIG.3114', 'The number of policy conditions exceeds the maximum allowed limit.');
  }
}

export class ParamNameTaken extends ContractError {
  constructor() {
    super(400, 'APIG.3209', 'The parameter name already exists.');
  }
}

export class PolicyNameTaken extends ContractError {
  constructor() {
    super(400, 'APIG.3210', 'The backend policy name already exists.');
  }
}

/** The value of a backend parameter comes from a request parameter that the API does not have. */
export class MappedParamUndefined extends ContractError {
  constructor() {
    super(400, 'APIG.2028', 'The request parameters mapped to the backend parameters are not defined.');
  }
}

export class ApiPublished extends ContractError {
  constructor() {
    super(409, 'APIG.3416', 'The API cannot be deleted because it has been published');
  }
}

/** The API was never published in this environment, or is offline although it must be online (docs/contract.md). */
export class PublicationNotFound extends ContractError {
  constructor() {
    super(404, 'APIG.3015', 'The API publication record does not exist.');
  }
}

export class VersionNotFound extends ContractError {
  constructor(versionId: string) {
    super(404, 'APIG.3022', `The API version does not exist,id:${versionId}`);
  }
}

export class BatchActionInvalid extends ContractError {
  constructor() {
    super(400, 'APIG.2011', 'Invalid parameter value: parameter action should be "online" or "offline"');
  }
}

export class VpcChannelNotFound extends ContractError {
  constructor(channelId: string) {
    super(404, 'APIG.3023', `The VPC channel does not exist,id:${channelId}`);
  }
}

export class VpcChannelNameTaken extends ContractError {
  constructor() {
    super(400, 'APIG.3208', 'The VPC channel name already exists.');
  }
}

export class VpcChannelQuotaExceeded extends ContractError {
  constructor() {
    super(403, 'APIG.3109', 'The number of VPC channels exceeds the maximum allowed limit.');
  }
}

export class ChannelMemberQuotaExceeded extends ContractError {
  constructor() {
    super(403, 'APIG.3110', 'The number of cloud servers in the VPC channel exceeds the maximum allowed limit.');
  }
}

export class VpcChannelInUse extends ContractError {
  constructor() {
    super(403, 'APIG.3414', 'The VPC channel is already being used by another API.');
  }
}

/** A server of a channel, or a group of servers, does not exist. The contract has no separate code for groups (docs/contract.md). */
export class ChannelMemberNotFound extends ContractError {
  constructor(id: string) {
    super(404, 'APIG.3024', `The VPC instance does not exist,id:${id}`);
  }
}

/** A channel that refers to another channel has no servers itself. */
export class ChannelTypeRefuses extends ContractError {
  constructor() {
    super(403, 'APIG.3471', 'The operation cannot be performed on this type of VPC channel.');
  }
}

export class WeightOutOfRange extends ContractError {
  constructor(parameter: string) {
    super(
      400,
      'APIG.2004',
      `The parameter value is outside the allowable range,parameterName:${parameter}. Please refer to the support documentation`,
    );
  }
}
