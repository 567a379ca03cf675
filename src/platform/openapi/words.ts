/** Introduction of the OpenAPI document. */
export const ABOUT = `Signet manages signature keys for API gateways. The paths below \`/v2\` are wire-compatible with Huawei Cloud APIG v2, \
those below \`/v3\` with OpenStack Keystone v3, and those below \`/v1\` with the HookBridge API. Signet's own interfaces are below \`/signet/v1\`.

Every response has the header \`X-Request-Id\`, with the caller's own value if that is well-formed, and \`Cache-Control: no-store\`. \
Unknown fields of a body and unknown query parameters are ignored. The response to an unknown path is 404; below \`/v1\`, \`/v2\` and \
\`/signet/v1\` it is 401 if the request has no valid credential. The response to a path that cannot be decoded is 400. Every error has the \
format of the contract to which its path belongs. Where requests are limited, \`RateLimit-Policy\` and \`RateLimit\` contain the limit and \
what is left of it, and a response with 429 has \`Retry-After\`. If the server cannot read a request, it answers 400; it answers 408 if the \
request takes too long, and 431 if the headers are larger than 32 KiB.`;

/** Tags, in the order in which the reference shows them. */
export const TAGS: Record<string, string> = {
  'Signature keys': 'Keys with which a gateway signs requests to backends.',
  'Signature key bindings': 'Assignments of keys to APIs in environments; an API has at most one key per environment.',
  Gateways: 'Gateways of a project; in the paths they are called instances.',
  'Gateway addresses and ports': 'Settings of a gateway that Signet stores and returns, but does not use.',
  'Gateway limits and features': 'Quotas of a gateway, and features that can be enabled.',
  'API groups': 'Groups of APIs; every API belongs to one group.',
  'Domains of API groups': 'Domain names of the APIs of a group, and their certificates.',
  'Gateway responses': 'Responses that a group defines in place of the error responses of the gateway.',
  Environments: 'Environments, in which APIs are published.',
  'Environment variables': 'Values that replace `#name#` in backend addresses and paths of a group, for each environment.',
  APIs: 'APIs of a gateway.',
  Publication: 'APIs that are online in environments, and their earlier versions.',
  'Load balance channels': 'Servers that process the requests to APIs; in the paths, these channels are called VPC channels.',
  'Webhook endpoints': 'Receivers of the webhooks of a project.',
  'Signing keys': 'The one or two keys that sign the deliveries of an endpoint.',
  'Webhook messages': 'Messages to endpoints, their results, and replay.',
  'Webhook projects': 'Projects in the format of the webhook contract.',
  'API keys': 'Credentials with which machines of a project call the routes below `/v1`.',
  Identity: 'Tokens, projects and users.',
  'Access keys': 'Keys (AK/SK) with which users sign requests to Signet.',
  Permissions: 'The caller’s permissions.',
  'Groups, policies and roles': 'Assignments of policies to users and groups in projects; an assigned policy is called a role.',
  'Machine credentials': 'Credentials of gateway nodes and verifiers.',
  'Nodes and receipts': 'Processes that sign for a gateway, and the changes that they have applied.',
  'Rotation and impact': 'Rotation of a key’s secret without an interruption, and the impact of a key’s deletion.',
  Distribution: 'Keys and changes for gateway nodes and verifiers, and reports of gateway nodes.',
  Audit: 'Changes and denied requests.',
  Operation: 'For load balancers and monitoring.',
};

/** Descriptions of path parameters. */
export const PATH_PARAMETERS: Record<string, string> = {
  project_id: 'Project of the token',
  instance_id: 'Gateway',
  id: 'Id of the resource: an endpoint (`ep_…`), an API key (`key_…`) or a project',
  keyId: 'Id of the signing key, `sk_…`',
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
  verifier_id: 'Id of the verifier, as in `GET …/verifiers`',
  session_id: 'Id of the session: 32 hexadecimal digits, chosen by the process',
  revision: 'Number of a revision of the gateway',
  vpc_channel_id: 'Load balance channel',
  member_id: 'Server of the channel',
  member_group_id: 'Group of servers of the channel',
};
