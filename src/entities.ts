import { Api } from './apis/api.entity.js';
import { Environment } from './apis/environment.entity.js';
import { ApiGroup } from './apis/group.entity.js';
import { ApiVersion, Publication } from './apis/publication.entity.js';
import { VpcChannel } from './apis/vpc-channel.entity.js';
import { AuditEvent } from './audit/audit-event.entity.js';
import { SignBinding } from './bindings/sign-binding.entity.js';
import { Change, ChangeCounter } from './changes/change.entity.js';
import { Lease } from './database/lease.entity.js';
import { GatewayToken, GatewayVerifier } from './distribution/gateway-token.entity.js';
import { GatewayAck, GatewayNode } from './distribution/node.entity.js';
import { GatewaySettings } from './distribution/settings.entity.js';
import { SignRotation } from './distribution/sign-rotation.entity.js';
import { SignUsage } from './distribution/sign-usage.entity.js';
import { ApiKey, ApiKeyPepper } from './endpoints/api-key.entity.js';
import { WebhookEndpoint } from './endpoints/endpoint.entity.js';
import { WebhookProject } from './endpoints/webhook-project.entity.js';
import { SigningKey } from './endpoints/signing-key.entity.js';
import { StoredAccessKey } from './iam/access-key.entity.js';
import { Policy } from './iam/policy.entity.js';
import { GroupRoleAssignment, UserGroup, UserGroupMember } from './iam/user-group.entity.js';
import { RevokedToken, RoleAssignment, TokenKey, User } from './iam/user.entity.js';
import { Instance, InstanceFeature } from './instances/instance.entity.js';
import { DeliveryRate, MessageAttempt } from './messages/attempt.entity.js';
import { Message, MessagePayload } from './messages/message.entity.js';
import { Domain, Project } from './projects/project.entity.js';
import { Sign } from './signs/sign.entity.js';
import { DataKey, KekCheck } from './vault/data-key.entity.js';

/** The one list of tables. */
export const entities = [
  Api,
  ApiGroup,
  ApiKey,
  ApiKeyPepper,
  ApiVersion,
  AuditEvent,
  Change,
  ChangeCounter,
  DataKey,
  DeliveryRate,
  Domain,
  Environment,
  GatewayAck,
  GatewayNode,
  GatewaySettings,
  GatewayToken,
  GatewayVerifier,
  GroupRoleAssignment,
  Instance,
  InstanceFeature,
  KekCheck,
  Lease,
  Policy,
  Message,
  MessageAttempt,
  MessagePayload,
  Project,
  Publication,
  RevokedToken,
  RoleAssignment,
  Sign,
  SignBinding,
  SignRotation,
  SignUsage,
  SigningKey,
  StoredAccessKey,
  TokenKey,
  User,
  UserGroup,
  UserGroupMember,
  VpcChannel,
  WebhookEndpoint,
  WebhookProject,
];
