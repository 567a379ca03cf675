import { Platform1763800000001 } from './1763800000001-platform.js';
import { Tenancy1763800000002 } from './1763800000002-tenancy.js';
import { Gateways1763800000003 } from './1763800000003-gateways.js';
import { Apis1763800000004 } from './1763800000004-apis.js';
import { Signs1763800000005 } from './1763800000005-signs.js';
import { Distribution1763800000006 } from './1763800000006-distribution.js';
import { Webhooks1763800000011 } from './1763800000011-webhooks.js';
import { WebhookProjects1763800000012 } from './1763800000012-webhook-projects.js';
import { Messages1763800000013 } from './1763800000013-messages.js';
import { AccessKeys1763800000015 } from './1763800000015-access-keys.js';
import { Policies1763800000017 } from './1763800000017-policies.js';
import { MaskSecrets1763800000018 } from './1763800000018-mask-secrets.js';
import { KeyProviders1763800000019 } from './1763800000019-key-providers.js';
import { AuditFormats1763800000020 } from './1763800000020-audit-formats.js';
import { MessagePayloads1763800000021 } from './1763800000021-message-payloads.js';

/** Every migration, oldest first. A migration that has been released is never edited. */
export const migrations = [
  Platform1763800000001,
  Tenancy1763800000002,
  Gateways1763800000003,
  Apis1763800000004,
  Signs1763800000005,
  Distribution1763800000006,
  Webhooks1763800000011,
  WebhookProjects1763800000012,
  Messages1763800000013,
  AccessKeys1763800000015,
  Policies1763800000017,
  MaskSecrets1763800000018,
  KeyProviders1763800000019,
  AuditFormats1763800000020,
  MessagePayloads1763800000021,
];
