/** Introduction of the document. */
export const ABOUT = `Signet manages signature keys for API gateways. Everything below \`/v2\` is wire-compatible with Huawei Cloud APIG v2, \
everything below \`/v3\` with OpenStack Keystone v3, everything below \`/v1\` with the HookBridge API; Signet's own surfaces are below \`/signet/v1\`.

Every answer carries \`X-Request-Id\`, the caller's own if that is well-formed, and \`Cache-Control: no-store\`. Unknown fields of \
a body and unknown query parameters are ignored. A path that does not exist is answered with 404, below \`/v1\`, \`/v2\` and \
\`/signet/v1\` with 401 to whoever has no valid credential; one that cannot be decoded with 400; in the words of the family it stands in. Where requests are limited, \`RateLimit-Policy\` and \`RateLimit\` say how a caller stands, and 429 \
carries \`Retry-After\`. What cannot be read as a request at all is refused with 400, 408 when it takes too long, or 431 \
when its headers are larger than 32 KiB.`;

/** Tags, in reading order. */
export const TAGS: Record<string, string> = {
  'Signature keys': 'Keys with which a gateway signs requests to backends.',
  'Signature key bindings': 'Assign a key to an API in an environment; each API has at most one key per environment.',
  Gateways: 'Gateways of a project; in the paths they are called instances.',
  'Gateway addresses and ports': 'Settings of a gateway that are only stored and returned.',
  'Gateway limits and features': 'Quotas of a gateway, and features that can be enabled.',
  'API groups': 'Every API is in a group.',
  'Domains of API groups': 'Domain names of the APIs of a group, and their certificates.',
  'Gateway responses': 'Responses that a group defines in place of the error responses of the gateway.',
  Environments: 'Where APIs are published.',
  'Environment variables': 'Values of `#name#` in backend addresses and paths of a group, for each environment.',
  APIs: 'APIs of a gateway.',
  Publication: 'APIs online in environments, and their earlier versions.',
  'Load balance channels': 'Servers for the backends of APIs; in the paths they are called VPC channels.',
  'Webhook endpoints': 'Receivers of the webhooks of a project.',
  'Signing keys': 'The one or two keys that sign the deliveries of an endpoint.',
  'Webhook messages': 'Messages to endpoints, their results, and replay.',
  'Webhook projects': 'Projects in the format of the webhook contract.',
  'API keys': 'Credentials of a project’s machines for routes below `/v1`.',
  Identity: 'Tokens, projects and users.',
  'Access keys': 'Keys (AK/SK) for requests that users sign.',
  Permissions: 'The caller’s permissions.',
  'Groups, policies and roles': 'Assignments of policies to users and groups in projects; an assigned policy is called a role.',
  'Machine credentials': 'Credentials of gateways and verifiers.',
  'Nodes and receipts': 'Processes that sign for a gateway, and the changes that they have applied.',
  'Rotation and impact': 'Change the secret of a key without a gap, and show the impact of its deletion.',
  Distribution: 'Keys and changes for gateways and verifiers, and reports of gateways.',
  Audit: 'Changes and denied requests.',
  Operation: 'For load balancers and monitoring.',
};

/** Descriptions of path parameters. */
export const PATH_PARAMETERS: Record<string, string> = {
  project_id: 'Project of the token',
  instance_id: 'Gateway',
  id: 'Id of the resource: an endpoint `ep_…`, an API key `key_…`, a project',
  keyId: 'Signing key, `sk_…`',
  sign_id: 'Signature key',
  sign_bindings_id: 'Id of the binding, not of the key',
  group_id: 'Group',
  response_id: 'Responses of a group, by error type',
  response_type: 'Error type, such as `THROTTLED`',
  role_id: 'Policy',
  user_id: 'User',
  domain_id: 'Domain of a group',
  env_id: 'Environment',
  env_variable_id: 'Environment variable',
  api_id: 'API',
  version_id: 'Version of an API',
  access_key: 'Access key (AK)',
  ingress_port_id: 'Custom inbound port',
  token_id: 'Id of the credential, not its token',
  verifier_id: 'Verifier: one process, by its id in `GET …/verifiers`',
  session_id: 'Session of a process: 32 hexadecimal digits, chosen by the process',
  revision: 'Revision of the gateway',
  vpc_channel_id: 'Load balance channel',
  member_id: 'Server of the channel',
  member_group_id: 'Group of servers of the channel',
};
