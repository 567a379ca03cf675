import type { GoType } from './go-json.js';

// The fields that the resources of two Terraform providers read, with their types in the Go code (docs/contracts/apig-clients.md).

const text = 'string' as const;
const int = 'int' as const;
const bool = 'bool' as const;
const id = { 'id!': text } as const;

const TAG = { 'key!': text, value: text } as const;
const VARIABLE = { ...id, 'variable_name!': text, 'variable_value!': text, 'env_id!': text, 'group_id!': text } as const;
const ENVIRONMENT = { ...id, 'name!': text, remark: text, 'create_time!': text } as const;
const VERSION = {
  ...{ 'version_id!': text, 'env_id!': text, 'env_name!': text, api_id: text, remark: text, 'publish_time!': text },
  'status!': int,
} as const;
const PUBLISHED = {
  'publish_id!': text,
  'api_id!': text,
  api_name: text,
  'env_id!': text,
  remark: text,
  version_id: text,
  publish_time: text,
} as const;
const BOUND = {
  ...id,
  ...{ 'publish_id!': text, 'api_id!': text, api_name: text, env_id: text, env_name: text, group_name: text, 'sign_id!': text },
  ...{ sign_name: text, sign_type: text, sign_key: text, sign_secret: text, binding_time: text },
  api_type: int,
} as const;
const UNBOUND = { 'publish_id!': text, name: text, group_name: text, env_name: text, signature_name: text, signature_id: text } as const;
const KEY = { ...id, 'name!': text, 'sign_type!': text, 'sign_key!': text, 'sign_secret!': text, sign_algorithm: text } as const;

const BACKEND_PARAM = { 'origin!': text, 'name!': text, 'location!': text, 'value!': text, remark: text } as const;
const CONDITION = { 'condition_origin!': text, condition_type: text, condition_value: text, req_param_name: text } as const;
const ROUTE = { 'req_uri!': text, 'req_protocol!': text, 'req_method!': text, url_domain: text, 'retry_count!': text } as const;
const MEMBER = {
  ...{ host: text, ecs_id: text, ecs_name: text, member_group_name: text },
  ...{ weight: int, is_backup: bool, status: int, port: int },
} as const;
const HEALTH = {
  ...{ protocol: text, path: text, method: text, http_code: text, port: int, timeout: int, status: int, enable_client_ssl: bool },
  ...{ threshold_normal: int, threshold_abnormal: int, time_interval: int },
} as const;
const MEMBER_GROUP = {
  ...{ 'member_group_id!': text, 'member_group_name!': text, member_group_remark: text, member_group_weight: int },
  ...{ microservice_version: text, microservice_port: int, microservice_labels: [{ label_name: text, label_value: text }] },
  ...{ reference_vpc_channel_id: text, create_time: text, update_time: text },
} as const;
const CCE = { cluster_id: text, namespace: text, workload_type: text, app_name: text, label_key: text, label_value: text } as const;
const CHANNEL = {
  ...id,
  ...{
    'name!': text,
    'port!': int,
    'balance_strategy!': int,
    'member_type!': text,
    'type!': int,
    'status!': int,
    'create_time!': text,
  },
  vpc_health_config: HEALTH,
  microservice_info: { service_type: text, cce_info: CCE, cse_info: { engine_id: text, service_id: text } },
} as const;
const GATEWAY = {
  ...id,
  ...{ 'instance_name!': text, 'status!': text, 'spec!': text, description: text, enterprise_project_id: text, 'vpc_id!': text },
  ...{ 'subnet_id!': text, 'security_group_id!': text, 'maintain_begin!': text, 'maintain_end!': text, loadbalancer_provider: text },
  ...{ 'create_time!': int, bandwidth_size: int, nat_eip_address: text, ingress_ip: text, eip_address: text },
  ...{ ingress_bandwidth_charging_mode: text, 'available_zone_ids!': text, supported_features: [text] },
  publicips: [{ ip_address: text, bandwidth_size: int }],
} as const;
const PARAMETER_NUMBERS = { required: int, valid_enable: int, pass_through: int } as const;
const PARAMETER_RANGES = { max_num: int, min_num: int, max_size: int, min_size: int } as const;
const PARAMETER_TEXTS = { sample_value: text, remark: text, enumerations: text, default_value: text } as const;
const REQ_PARAM = {
  'name!': text,
  'type!': text,
  'location!': text,
  ...PARAMETER_NUMBERS,
  ...PARAMETER_RANGES,
  ...PARAMETER_TEXTS,
} as const;
const API = {
  ...id,
  ...{ 'group_id!': text, 'name!': text, 'type!': int, 'req_protocol!': text, 'req_method!': text, 'req_uri!': text, 'auth_type!': text },
  ...{ 'match_mode!': text, cors: bool, remark: text, body_remark: text, result_normal_sample: text, result_failure_sample: text },
  ...{ authorizer_id: text, response_id: text, tags: [text], content_type: text, 'register_time!': text, 'update_time!': text },
  ...{ publish_id: text, run_env_id: text, group_name: text, 'backend_type!': text },
} as const;

/** The provider `huaweicloud`, with golangsdk. */
export const HUAWEICLOUD = {
  gateway: { ...GATEWAY, eip_ipv6_address: text, endpoint_services: [{ 'service_name!': text }] },
  tags: { 'tags!': [TAG] },
  ports: { total: int, 'ingress_port_infos!': [{ 'ingress_port_id!': text, 'protocol!': text, 'ingress_port!': int, status: text }] },
  elbs: { elbs: [{ elb_id: text }] },
  environments: { 'envs!': [ENVIRONMENT] },
  variable: VARIABLE,
  variables: { 'variables!': [VARIABLE] },
  group: {
    ...id,
    ...{ 'name!': text, remark: text, 'register_time!': text, 'update_time!': text, sl_domain_access_enabled: bool },
    url_domains: [{ 'id!': text, 'domain!': text, min_ssl_version: text, is_http_redirect_to_https: bool }],
  },
  domain: { 'id!': text, 'url_domain!': text, status: int, min_ssl_version: text, is_http_redirect_to_https: bool },
  channel: { ...CHANNEL, vpc_channel_type: text, 'members!': [MEMBER], 'member_groups!': [MEMBER_GROUP] },
  members: {
    ...{ 'total!': int, 'size!': int },
    'members!': [
      {
        ...id,
        ...{ 'host!': text, 'ecs_id!': text, 'ecs_name!': text, 'weight!': int, 'is_backup!': bool, 'status!': int, 'port!': int },
        ...{ 'member_group_name!': text, 'member_group_id!': text, 'create_time!': text, health_status: text },
      },
    ],
  },
  memberGroups: { 'total!': int, 'member_groups!': [MEMBER_GROUP] },
  memberGroup: MEMBER_GROUP,
  api: {
    ...API,
    is_send_fg_body_base64: bool,
    auth_opt: { app_code_auth_type: text },
    req_params: [REQ_PARAM],
    backend_params: [BACKEND_PARAM],
    backend_api: {
      ...{ ...ROUTE, timeout: int, enable_client_ssl: bool, authorizer_id: text },
      vpc_channel_info: { vpc_channel_id: text, vpc_channel_proxy_host: text },
    },
    mock_info: { 'status_code!': int, result_content: text, authorizer_id: text },
    policy_https: [
      {
        ...{
          ...ROUTE,
          'name!': text,
          'effect_mode!': text,
          timeout: int,
          vpc_channel_info: { vpc_channel_id: text, vpc_channel_proxy_host: text },
        },
        ...{ 'conditions!': [CONDITION], 'backend_params!': [BACKEND_PARAM] },
      },
    ],
    policy_mocks: [
      {
        ...{ 'name!': text, 'status_code!': int, result_content: text, 'effect_mode!': text },
        ...{ 'conditions!': [CONDITION], 'backend_params!': [BACKEND_PARAM] },
      },
    ],
  },
  apis: { 'total!': int, 'apis!': [{ ...id, 'name!': text }] },
  published: PUBLISHED,
  history: { 'api_versions!': [VERSION] },
  keys: { 'signs!': [KEY] },
  key: KEY,
  bound: { 'bindings!': [BOUND] },
  unbound: { 'apis!': [UNBOUND] },
  response: {
    ...{ 'id!': text, 'name!': text, default: bool, create_time: text, update_time: text },
  },
  responses: { 'responses!': [{ 'id!': text, 'name!': text, default: bool }] },
} satisfies Record<string, GoType>;

/** The provider `opentelekomcloud`, with gophertelekomcloud, which dereferences more fields. */
export const OPENTELEKOMCLOUD = {
  created: { 'instance_id!': text, message: text, job_id: text },
  progress: { 'progress!': int, 'status!': text, start_time: int, end_time: int },
  gateway: {
    ...GATEWAY,
    ...{ project_id: text, instance_status: int, type: text, charging_mode: int, user_id: text, instance_version: text },
    ...{ virsubnet_id: text, roma_eip_address: text, bandwidth_charging_mode: text, is_releasable: bool },
    'endpoint_service!': { service_name: text, created_at: text },
    'node_ips!': { livedata: [text], shubao: [text] },
    privateips: [{ ip_address: text, bandwidth_size: int }],
  },
  environment: ENVIRONMENT,
  environments: { 'envs!': [ENVIRONMENT] },
  variable: VARIABLE,
  variables: { 'variables!': [VARIABLE] },
  group: {
    ...id,
    ...{ 'name!': text, status: int, sl_domain: text, register_time: text, update_time: text, on_sell_status: int, remark: text },
    ...{ sl_domain_access_enabled: bool, sl_domains: [text], is_default: int },
  },
  channel: {
    ...CHANNEL,
    dict_code: text,
    members: [{ ...MEMBER, 'id!': text, vpc_channel_id: text, create_time: text, member_group_id: text }],
    member_groups: [{ member_group_name: text }],
  },
  api: {
    ...API,
    ...{ version: text, status: int, arrange_necessary: int, run_env_name: text, publish_time: text, group_version: text },
    'auth_opt!': { app_code_auth_type: text },
    api_group_info: { id: text, name: text, status: int, sl_domain: text, register_time: text, update_time: text, on_sell_status: int },
    req_params: [REQ_PARAM],
    backend_params: [BACKEND_PARAM],
    backend_api: {
      ...{
        ...ROUTE,
        timeout: int,
        enable_client_ssl: bool,
        vpc_channel_status: int,
        authorizer_id: text,
        remark: text,
        version: text,
      },
      'vpc_channel_info!': { vpc_channel_id: text, vpc_channel_proxy_host: text },
    },
    mock_info: { remark: text, result_content: text, version: text, authorizer_id: text },
    policy_https: [
      {
        ...{ ...ROUTE, 'name!': text, 'effect_mode!': text, timeout: int, vpc_channel_status: int, authorizer_id: text },
        'vpc_channel_info!': { vpc_channel_id: text, vpc_channel_proxy_host: text },
        ...{ 'conditions!': [CONDITION], 'backend_params!': [BACKEND_PARAM] },
      },
    ],
  },
  apis: { 'apis!': [{ ...id, 'name!': text }] },
  published: PUBLISHED,
  history: { 'api_versions!': [{ ...VERSION, version_no: text }] },
  key: { ...KEY, 'create_time!': text, 'update_time!': text },
  keys: { 'signs!': [{ ...KEY, 'create_time!': text, 'update_time!': text }] },
  bound: { 'bindings!': [BOUND] },
  unbound: { 'apis!': [UNBOUND] },
} satisfies Record<string, GoType>;
