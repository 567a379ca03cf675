/** What the document says about itself. */
export const ABOUT = `Signet manages signature keys for API gateways. Everything below \`/v2\` is wire-compatible with Huawei Cloud APIG v2, \
everything below \`/v3\` with OpenStack Keystone v3, everything below \`/v1\` with the HookBridge API; Signet's own surfaces are below \`/signet/v1\`.

Every answer carries \`X-Request-Id\`, the caller's own if it sent a sane one, and \`Cache-Control: no-store\`. Unknown fields of \
a body and unknown query parameters are ignored. A path that does not exist is answered with 404, one that cannot be decoded with 400, \
in the words of the family it stands in. Where requests are limited, \`RateLimit-Policy\` and \`RateLimit\` say how a caller stands, and 429 \
carries \`Retry-After\`. What cannot be read as a request at all is refused with 400, 408 when it takes too long, or 431 \
when its headers are larger than 32 KiB.`;

/** Every tag, in the order in which a reader meets them. */
export const TAGS: Record<string, string> = {
  'Signature keys': 'Keys with which a gateway signs requests to backends.',
  'Signature key bindings': 'Which key signs for which API in which environment: one key for each API and environment.',
  Gateways: 'Gateways of a project; in the paths they are called instances.',
  'Gateway limits and features': 'How much fits into a gateway, and what can be switched on in it.',
  'API groups': 'Every API is in a group.',
  Environments: 'Where APIs are published.',
  APIs: 'APIs of a gateway.',
  Publication: 'APIs online in environments, and the versions that were.',
  'Load balance channels': 'Servers that backends of APIs name; in the paths they are called VPC channels.',
  'Webhook endpoints': 'Where the webhooks of a project go.',
  'Signing keys': 'The one or two keys that sign the deliveries of an endpoint.',
  'Webhook messages': 'What is delivered to endpoints, what came of it, and doing it again.',
  'Webhook projects': 'Projects in the words of the webhook contract.',
  'API keys': 'What machines of a project prove themselves with below `/v1`.',
  Identity: 'Tokens, and the projects and users they are for.',
  'Access keys': 'Keys (AK/SK) with which users sign requests to this service.',
  Permissions: 'What callers may do.',
  'Groups, policies and roles': 'Who holds which policy in which project; a role is a policy that somebody holds.',
  'Machine credentials': 'What gateways and verifiers prove themselves with.',
  'Nodes and receipts': 'Which processes sign for a gateway, and which changes they have applied.',
  'Rotation and impact': 'Changing the secret of a key without a gap, and who would feel its deletion.',
  Distribution: 'What gateways and verifiers read, and what gateways report.',
  Audit: 'Who changed what, and what was denied.',
  Operation: 'For load balancers and monitoring.',
};

/** Every parameter of a path. */
export const PATH_PARAMETERS: Record<string, string> = {
  project_id: 'Project of the token',
  instance_id: 'Gateway',
  id: 'What the path is about: an endpoint `ep_…`, an API key `key_…`, a project',
  keyId: 'Signing key, `sk_…`',
  sign_id: 'Signature key',
  sign_bindings_id: 'Binding record; not the key',
  group_id: 'Group',
  role_id: 'Policy',
  user_id: 'User',
  env_id: 'Environment',
  api_id: 'API',
  version_id: 'Version of an API',
  access_key: 'Access key (AK)',
  token_id: 'Credential; not its token',
  node_id: 'Node: a letter or digit, then up to 63 letters, digits and `._:-`',
  revision: 'Revision of the gateway',
  vpc_channel_id: 'Load balance channel',
};
