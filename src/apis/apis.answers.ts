import { Fault, invalid } from '../common/api-error.js';
import {
  ApiNameTaken,
  ApiNotFound,
  ApiPathTaken,
  ApiPublished,
  ApiQuotaExceeded,
  ApisPerGroupQuotaExceeded,
  BatchActionInvalid,
  ChannelMemberQuotaExceeded,
  ConditionQuotaExceeded,
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
  VersionNotFound,
  VpcChannelInUse,
  VpcChannelNameTaken,
  VpcChannelNotFound,
  VpcChannelQuotaExceeded,
} from './apis.errors.js';

// What each operation answers of its own (apig §3.3–§3.6).

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

export const ENVIRONMENT_ERRORS = {
  create: [invalid('name', { code: 'APIG.2012' }), new EnvironmentNameTaken(), new EnvironmentQuotaExceeded()],
  update: [environmentNotFound, new EnvironmentNameTaken(), new EnvironmentProtected()],
  delete: [environmentNotFound, new EnvironmentInUse(), new EnvironmentProtected()],
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
  // No field is mandatory by itself.
  check: [new Fault('missing', { parameter: 'name', where: 'body' }), new ApiNameTaken('{name}'), new ApiPathTaken()],
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

export const CHANNEL_ERRORS = {
  create: [new VpcChannelNameTaken(), new VpcChannelQuotaExceeded(), new ChannelMemberQuotaExceeded()],
  get: [channelNotFound],
  update: [channelNotFound, new VpcChannelNameTaken(), new ChannelMemberQuotaExceeded()],
  delete: [channelNotFound, new VpcChannelInUse()],
  addMembers: [channelNotFound, new ChannelMemberQuotaExceeded()],
};
