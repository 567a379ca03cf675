import { Api } from './apig/apis/api.entity.js';
import { EnvVariable } from './apig/apis/env-variable.entity.js';
import { Environment } from './apig/apis/environment.entity.js';
import { GatewayResponse } from './apig/apis/gateway-response.entity.js';
import { GroupDomain } from './apig/apis/group-domain.entity.js';
import { ApiGroup } from './apig/apis/group.entity.js';
import { ApiVersion, Publication } from './apig/apis/publication.entity.js';
import { VpcChannel } from './apig/apis/vpc-channel.entity.js';
import { ChannelGroup } from './apig/apis/channel-group.entity.js';
import { ChannelMember } from './apig/apis/channel-member.entity.js';
import { AuditEvent } from './platform/audit/audit-event.entity.js';
import { SignBinding } from './apig/bindings/sign-binding.entity.js';
import { Change, ChangeCounter } from './platform/changes/change.entity.js';
import { Lease } from './platform/database/lease.entity.js';
import { GatewayToken } from './distribution/credentials/gateway-token.entity.js';
import { GatewaySettings } from './distribution/sessions/settings.entity.js';
import { SignRotation } from './distribution/rotation/sign-rotation.entity.js';
import { Verifier } from './distribution/verifiers/verifier.entity.js';
import { SignUsage } from './apig/signs/sign-usage.entity.js';
import { ApiKey, ApiKeyPepper } from './webhooks/api-keys/api-key.entity.js';
import { DeliveryLogEntry } from './webhooks/delivery-log/delivery-log.entity.js';
import { EndpointEvent } from './webhooks/endpoints/endpoint-event.entity.js';
import { WebhookEndpoint } from './webhooks/endpoints/endpoint.entity.js';
import { WebhookProject } from './webhooks/projects/webhook-project.entity.js';
import { SigningKey, UsedSigningSecret } from './webhooks/signing-keys/signing-key.entity.js';
import { StoredAccessKey } from './identity/iam/access-key.entity.js';
import { Policy } from './identity/iam/policy.entity.js';
import { GroupRoleAssignment, UserGroup, UserGroupMember } from './identity/iam/user-group.entity.js';
import { LoginSession } from './identity/iam/login-session.entity.js';
import { TotpCredential, TotpRecoveryCode } from './identity/iam/totp-credential.entity.js';
import { RevokedToken, RoleAssignment, TokenKey, User } from './identity/iam/user.entity.js';
import { Instance, InstanceFeature } from './apig/instances/instance.entity.js';
import { MessageAttempt } from './webhooks/delivery/attempt.entity.js';
import { EndpointQueue } from './webhooks/delivery/delivery-queue.entity.js';
import { Message, MessagePayload } from './webhooks/delivery/message.entity.js';
import { Domain, Project } from './identity/projects/project.entity.js';
import { Receipt } from './platform/receipts/receipt.entity.js';
import { SigningSession } from './platform/receipts/session.entity.js';
import { AcceptedTombstone, DatabaseEpoch, LeftEpoch, NamedTombstone, PulseRow } from './platform/recovery/recovery.entity.js';
import { Sign } from './apig/signs/sign.entity.js';
import { DataKey, KekCheck } from './platform/vault/data-key.entity.js';
import { IdentityKey } from './platform/vault/identity-key.entity.js';

/** The one list of tables. */
export const entities = [
  AcceptedTombstone,
  Api,
  ApiGroup,
  ApiKey,
  ApiKeyPepper,
  ApiVersion,
  AuditEvent,
  Change,
  ChangeCounter,
  DataKey,
  DeliveryLogEntry,
  EndpointQueue,
  DatabaseEpoch,
  Domain,
  EndpointEvent,
  EnvVariable,
  Environment,
  GatewayResponse,
  GatewaySettings,
  GatewayToken,
  GroupDomain,
  GroupRoleAssignment,
  IdentityKey,
  Instance,
  InstanceFeature,
  KekCheck,
  Lease,
  LoginSession,
  LeftEpoch,
  Policy,
  Message,
  MessageAttempt,
  MessagePayload,
  NamedTombstone,
  Project,
  Publication,
  PulseRow,
  Receipt,
  RevokedToken,
  RoleAssignment,
  Sign,
  SignBinding,
  SignRotation,
  SignUsage,
  SigningKey,
  UsedSigningSecret,
  SigningSession,
  StoredAccessKey,
  TokenKey,
  TotpCredential,
  TotpRecoveryCode,
  User,
  UserGroup,
  UserGroupMember,
  Verifier,
  VpcChannel,
  ChannelGroup,
  ChannelMember,
  WebhookEndpoint,
  WebhookProject,
];
