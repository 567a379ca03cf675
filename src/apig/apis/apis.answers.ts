import { ApiFault, invalid } from '../../platform/common/api-error.js';
import {
  ApiNameTaken,
  ApiNotFound,
  ApiPathTaken,
  ApiPublished,
  ApiQuotaExceeded,
  ApisPerGroupQuotaExceeded,
  BatchActionInvalid,
  CertificateConflict,
  CertificateNotAttached,
  ChannelMemberNotFound,
  ChannelMemberQuotaExceeded,
  ChannelTypeRefuses,
  ConditionQuotaExceeded,
  DomainInvalid,
  DomainNotFound,
  DomainOfAnotherGroup,
  DomainQuotaExceeded,
  DomainTaken,
  EnvironmentInUse,
  EnvironmentNameTaken,
  EnvironmentNotFound,
  EnvironmentProtected,
  EnvironmentQuotaExceeded,
  GroupNameTaken,
  GroupNotEmpty,
  GroupNotFound,
  GroupQuotaExceeded,
  MappedParamUndefined,
  ParamNameTaken,
  ParamQuotaExceeded,
  PolicyNameTaken,
  PolicyQuotaExceeded,
  PublicationNotFound,
  ResponseNameProtected,
  ResponseNameTaken,
  ResponseNotFound,
  ResponseProtected,
  ResponseQuotaExceeded,
  VariableNameTaken,
  VariableNotFound,
  VariableQuotaExceeded,
  VersionNotFound,
  VpcChannelInUse,
  VpcChannelNameTaken,
  VpcChannelNotFound,
  VpcChannelQuotaExceeded,
  WeightOutOfRange,
} from './apis.errors.js';

// Errors that only some operations return (docs/contracts/apig.md §3.3–§3.6).

const groupNotFound = new GroupNotFound('{group_id}');
const environmentNotFound = new EnvironmentNotFound('{env_id}');
const apiNotFound = new ApiNotFound('{api_id}');
const versionNotFound = new VersionNotFound('{version_id}');
const channelNotFound = new VpcChannelNotFound('{vpc_channel_id}');

export const GROUP_ERRORS = {
  create: [new GroupNameTaken(), new GroupQuotaExceeded()],
  check: [new GroupNameTaken()],
  get: [groupNotFound],
  update: [groupNotFound, new GroupNameTaken()],
  delete: [groupNotFound, new GroupNotEmpty('{group_id}')],
};

const responseErrors = [groupNotFound, new ResponseNotFound()];

export const RESPONSE_ERRORS = {
  create: [groupNotFound, new ResponseNameTaken(), new ResponseQuotaExceeded()],
  list: [groupNotFound],
  get: responseErrors,
  update: [...responseErrors, new ResponseNameTaken(), new ResponseNameProtected()],
  delete: [...responseErrors, new ResponseProtected()],
};

const domainErrors = [groupNotFound, new DomainNotFound(), new DomainOfAnotherGroup()];

export const DOMAIN_ERRORS = {
  create: [groupNotFound, new DomainInvalid(), new DomainTaken(), new DomainQuotaExceeded()],
  update: domainErrors,
  attach: [...domainErrors, new CertificateConflict()],
  detach: [...domainErrors, new CertificateNotAttached()],
};

export const ENVIRONMENT_ERRORS = {
  create: [invalid('name', { code: 'APIG.2012' }), new EnvironmentNameTaken(), new EnvironmentQuotaExceeded()],
  update: [environmentNotFound, new EnvironmentNameTaken(), new EnvironmentProtected()],
  delete: [environmentNotFound, new EnvironmentInUse(), new EnvironmentProtected()],
};

export const VARIABLE_ERRORS = {
  create: [groupNotFound, environmentNotFound, new VariableNameTaken(), new VariableQuotaExceeded()],
  list: [groupNotFound],
  get: [new VariableNotFound('{env_variable_id}')],
};

const definitionErrors = [
  groupNotFound,
  channelNotFound,
  new ApiNameTaken('{name}'),
  new ApiPathTaken(),
  new MappedParamUndefined(),
  new ParamNameTaken(),
  new PolicyNameTaken(),
  new ApisPerGroupQuotaExceeded(),
  new ParamQuotaExceeded(),
  new PolicyQuotaExceeded(),
  new ConditionQuotaExceeded(),
];

export const API_ERRORS = {
  create: [...definitionErrors, new ApiQuotaExceeded()],
  // `type` determines which fields are required.
  check: [new ApiFault('missing', { parameter: 'name', where: 'body' }), new ApiNameTaken('{name}'), new ApiPathTaken()],
  get: [apiNotFound],
  update: [apiNotFound, ...definitionErrors],
  delete: [apiNotFound, new ApiPublished()],
};

export const PUBLICATION_ERRORS = {
  publish: [apiNotFound, environmentNotFound, new PublicationNotFound()],
  publishAll: [new BatchActionInvalid(), groupNotFound, environmentNotFound],
  history: [apiNotFound],
  switch: [apiNotFound, versionNotFound],
  version: [versionNotFound],
  runtime: [apiNotFound, environmentNotFound, new PublicationNotFound()],
};

const weightOutOfRange = new WeightOutOfRange('{name}');
const contentErrors = [channelNotFound, weightOutOfRange, new ChannelMemberQuotaExceeded(), new ChannelTypeRefuses()];

export const CHANNEL_ERRORS = {
  create: [new VpcChannelNameTaken(), new VpcChannelQuotaExceeded(), ...contentErrors],
  get: [channelNotFound],
  update: [new VpcChannelNameTaken(), ...contentErrors],
  delete: [channelNotFound, new VpcChannelInUse()],
  putMembers: contentErrors,
  member: [channelNotFound, new ChannelMemberNotFound('{member_id}')],
  members: [channelNotFound, new ChannelMemberNotFound('{member_ids}')],
  putGroups: [channelNotFound, weightOutOfRange, new ChannelMemberQuotaExceeded()],
  group: [channelNotFound, new ChannelMemberNotFound('{member_group_id}')],
  updateGroup: [channelNotFound, new ChannelMemberNotFound('{member_group_id}'), weightOutOfRange],
};
