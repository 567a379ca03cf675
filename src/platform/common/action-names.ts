const INSTANCE = 'apig:instances:get';
const SIGNS = 'apig:signs:list';
const API = 'apig:apis:get';
const GROUP = 'apig:groups:get';

/** Actions that an action depends on (docs/contracts/apig.md §7.1, §7.2, "Depends on"); for `signet:`, our own choice. */
const DEPENDENCIES: Record<string, readonly string[]> = {
  'apig:apis:bindSigns': [API, SIGNS],
  'apig:apis:unbindSigns': [API, SIGNS],
  'apig:apis:listBindedSigns': [API],
  'apig:signs:listBindedApis': [SIGNS],
  'apig:signs:listUnbindedApis': [SIGNS],
  'apig:domains:create': [GROUP],
  'apig:domains:delete': [GROUP],
  'apig:domains:update': [GROUP],
  'apig:domains:updateSLDomainSetting': [GROUP],
  'apig:gatewayResponses:create': [GROUP],
  'apig:gatewayResponses:delete': [GROUP],
  'apig:gatewayResponses:get': [GROUP],
  'apig:gatewayResponses:list': [GROUP],
  'apig:gatewayResponses:update': [GROUP],
  'apig:apis:create': [GROUP],
  'apig:apis:delete': [GROUP],
  'apig:apis:get': [GROUP],
  'apig:apis:list': [GROUP],
  'apig:apis:update': [GROUP],
  'apig:apis:publish': [GROUP, 'apig:envs:list'],
  'apig:apis:offline': [GROUP, 'apig:envs:list'],
  // A machine credential can read every secret of the gateway.
  'signet:gateways:create': ['signet:signs:reveal'],
  'signet:gateways:renew': ['signet:signs:reveal'],
  'signet:signs:getImpact': [SIGNS],
  'signet:signs:reveal': [SIGNS],
  'signet:rotations:create': [SIGNS],
  'signet:rotations:get': [SIGNS],
  'signet:rotations:promote': [SIGNS],
  'signet:rotations:retire': [SIGNS],
  'signet:rotations:delete': [SIGNS],
};

/** Actions outside of gateways. */
const OUTSIDE_OF_GATEWAYS = /^(apig:instances:|signet:audit:|iam:|webhooks:)/;
const IN_GATEWAYS = /^(apig|signet):/;

/** The actions that a caller must hold beside this one: those the contract names, not their own dependencies. */
export function dependenciesOf(action: string): readonly string[] {
  if (!IN_GATEWAYS.test(action) || OUTSIDE_OF_GATEWAYS.test(action)) return DEPENDENCIES[action] ?? [];
  return [INSTANCE, ...(DEPENDENCIES[action] ?? [])];
}

/** Newer names of the resource types (docs/contracts/apig.md §7.2); undocumented ones follow the same rule, the singular. */
const NEWER_RESOURCES: Record<string, string> = {
  apis: 'api',
  domains: 'domain',
  envs: 'environment',
  features: 'feature',
  gatewayResponses: 'gatewayResponse',
  groups: 'group',
  instances: 'instance',
  instanceTags: 'instanceTag',
  signs: 'signatureKey',
  tags: 'tag',
  variables: 'variable',
  vpcChannels: 'vpcChannel',
};

const NEWER_OPERATIONS: Record<string, string> = {
  bindSigns: 'bindSignatureKey',
  unbindSigns: 'unbindSignatureKey',
  listBindedSigns: 'listBoundSignatureKey',
  listBindedApis: 'listBoundApi',
  listUnbindedApis: 'listUnboundApi',
};

/** Every name of an action: the classic one, and for `apig:` the newer one too, e.g. `apig:signatureKey:create`. */
export function aliasesOf(action: string): readonly string[] {
  const [service, resource = '', operation = ''] = action.split(':');
  const newer = NEWER_RESOURCES[resource];
  if (service !== 'apig' || newer === undefined) return [action];
  return [action, `apig:${newer}:${NEWER_OPERATIONS[operation] ?? operation}`];
}
