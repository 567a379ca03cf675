import type { Config } from '../../platform/config/config.js';
import { type Edition, editionOf } from './editions.js';
import type { CONFIGURABLE_FEATURES } from './features.js';

/** What determines a limit: the edition of the gateway, and the operator's settings. */
export interface QuotaContext {
  /** The gateway's `spec`. */
  spec: string;
  config: Pick<Config, 'signNumLimit'>;
}

interface Quota {
  limit: number | ((context: QuotaContext) => number);
  remark: string;
  /** The table whose rows are counted. Absent for resources that Signet does not have; their usage is 0. */
  table?: 'signs' | 'apis' | 'api_groups' | 'environments' | 'vpc_channels';
}

const APIS: Record<Edition, number> = { BASIC: 250, PROFESSIONAL: 800, ENTERPRISE: 2000, PLATINUM: 8000 };
const apis = ({ spec }: QuotaContext) => APIS[editionOf(spec) ?? 'BASIC'];

/** All limits of a gateway, in the contract's order (docs/contracts/apig.md §3.2). */
const QUOTAS = {
  API_NUM_LIMIT: { limit: apis, remark: 'Maximum number of APIs', table: 'apis' },
  APP_NUM_LIMIT: { limit: 50, remark: 'Maximum number of credentials' },
  APIGROUP_NUM_LIMIT: { limit: 1500, remark: 'Maximum number of API groups', table: 'api_groups' },
  ENVIRONMENT_NUM_LIMIT: { limit: 10, remark: 'Maximum number of environments', table: 'environments' },
  VARIABLE_NUM_LIMIT: { limit: 50, remark: 'Maximum number of variables in an environment of an API group' },
  SIGN_NUM_LIMIT: { limit: ({ config }) => config.signNumLimit, remark: 'Maximum number of signature keys', table: 'signs' },
  THROTTLE_NUM_LIMIT: { limit: 300, remark: 'Maximum number of request throttling policies' },
  APIGROUP_DOMAIN_NUM_LIMIT: { limit: 5, remark: 'Maximum number of domain names of an API group' },
  API_VERSION_NUM_LIMIT: { limit: 10, remark: 'Maximum number of publication records of an API in an environment' },
  VPC_NUM_LIMIT: { limit: 200, remark: 'Maximum number of VPC channels', table: 'vpc_channels' },
  VPC_INSTANCE_NUM_LIMIT: { limit: 200, remark: 'Maximum number of backend servers of a VPC channel' },
  API_PARAM_NUM_LIMIT: { limit: 50, remark: 'Maximum number of parameters of an API' },
  API_USER_CALL_LIMIT: { limit: 200, remark: 'Maximum number of calls of an API per second' },
  ACL_NUM_LIMIT: { limit: 100, remark: 'Maximum number of access control policies' },
  APP_THROTTLE_LIMIT: { limit: 30, remark: 'Maximum number of credentials excluded from a request throttling policy' },
  USER_THROTTLE_LIMIT: { limit: 30, remark: 'Maximum number of tenants excluded from a request throttling policy' },
  API_NUM_LIMIT_PER_GROUP: { limit: 1000, remark: 'Maximum number of APIs in an API group' },
  API_POLICY_NUM_LIMIT: { limit: 5, remark: 'Maximum number of backend policies of an API' },
  API_CONDITION_NUM_LIMIT: { limit: 5, remark: 'Maximum number of conditions of a backend policy' },
  SL_DOMAIN_CALL_LIMIT: { limit: 1000, remark: 'Maximum number of calls of a debugging domain name per day' },
  AUTHORIZER_NUM_LIMIT: { limit: 50, remark: 'Maximum number of custom authorizers' },
  AUTHORIZER_IDENTITY_NUM_LIMIT: { limit: 10, remark: 'Maximum number of identity sources of a custom authorizer' },
  APP_CODE_NUM_LIMIT: { limit: 5, remark: 'Maximum number of AppCodes of a credential' },
  API_SWAGGER_NUM_LIMIT: { limit: 300, remark: 'Maximum number of APIs in an imported file' },
  API_TAG_NUM_LIMIT: { limit: 10, remark: 'Maximum number of tags of an API' },
  RESPONSE_NUM_LIMIT: { limit: 10, remark: 'Maximum number of gateway responses of an API group' },
  CONFIG_NUM_LIMIT_PER_APP: { limit: 20, remark: 'Maximum number of configurations of a credential' },
} satisfies Record<string, Quota>;

interface Switch {
  remark: string;
  /** The feature that sets the switch. Absent: the switch is always off. */
  feature?: (typeof CONFIGURABLE_FEATURES)[number];
}

/** Switches, which the contract lists among the limits (docs/contracts/apig.md §3.2). */
const SWITCHES = {
  ELB_SWITCH: { remark: 'Elastic load balancing' },
  REGION_MANAGER_WHITELIST_SERVICES: { remark: 'Services that may manage the region' },
  LTS_SWITCH: { remark: 'Access logs', feature: 'lts' },
  APP_KEY_SECRET_SWITCH: { remark: 'Credentials with a key and a secret of the caller’s choice' },
  BACKEND_TOKEN_ALLOW_SWITCH: { remark: 'Tokens passed on to backends', feature: 'backend_token_allow' },
  APP_TOKEN_SWITCH: { remark: 'app_token authentication' },
  API_DESIGNER_SWITCH: { remark: 'API designer' },
  APP_API_KEY_SWITCH: { remark: 'app_api_key authentication', feature: 'app_api_key' },
  APP_BASIC_SWITCH: { remark: 'app_basic authentication', feature: 'app_basic' },
  APP_JWT_SWITCH: { remark: 'app_jwt authentication', feature: 'app_jwt' },
  APP_ROUTE_SWITCH: { remark: 'Access by IP address', feature: 'app_route' },
  PUBLIC_KEY_SWITCH: { remark: 'Signature keys of type public_key', feature: 'public_key' },
  APP_SECRET_SWITCH: { remark: 'app_secret authentication', feature: 'app_secret' },
  CASCADE_SWITCH: { remark: 'Cascading gateways' },
  IS_INIT_API_PATH_HASH: { remark: 'Hashes of API paths' },
} satisfies Record<string, Switch>;

export type QuotaName = keyof typeof QUOTAS;

/** Returns a limit of a gateway, which `…/project/configs` shows and the operations enforce. */
export function quotaOf(name: QuotaName, context: QuotaContext): number {
  const { limit }: Quota = QUOTAS[name];
  return typeof limit === 'number' ? limit : limit(context);
}

/** All entries of `…/project/configs`. */
export const QUOTA_ENTRIES = Object.entries(QUOTAS) as [QuotaName, Quota][];
export const SWITCH_ENTRIES = Object.entries(SWITCHES) as [string, Switch][];
