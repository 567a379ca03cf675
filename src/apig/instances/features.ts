/** Features that every gateway has and that cannot be switched off (docs/contracts/apig.md §1.10). */
export const BUILT_IN_FEATURES = ['sign_basic', 'sign_aes'] as const;

/**
 * The features that `POST …/features` accepts. `public_key` allows that type of key, and `custom_auth_header` sets the name of the
 * signature's header. All others are stored and returned, but have no effect. Features whose configuration contains a private key
 * (`backend_client_certificate`, `app_token`) are not accepted, because configurations are not encrypted.
 */
export const CONFIGURABLE_FEATURES = [
  'lts',
  'ratelimit',
  'request_body_size',
  'backend_timeout',
  'app_api_key',
  'app_basic',
  'app_secret',
  'app_jwt',
  'public_key',
  'custom_auth_header',
  'backend_token_allow',
  'ssl_ciphers',
  'real_ip_from_xff',
  'real_ip_header_getter',
  'app_route',
  'vpc_name_modifiable',
  'default_group_host_trustlist',
  'throttle_strategy',
  'custom_log',
  'policy_cookie_param',
  'route',
] as const;

const configurable = new Set<string>(CONFIGURABLE_FEATURES);

/** @param name the name that the caller sent */
export const isConfigurable = (name: string): boolean => configurable.has(name);
