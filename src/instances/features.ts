/** What every gateway can do and nobody can switch off (apig §1.10). */
export const BUILT_IN_FEATURES = ['sign_basic', 'sign_aes'] as const;

/**
 * What `POST …/features` takes. `public_key` opens that type of key and `custom_auth_header` names the header of the
 * signature; the rest is kept and given back. Features whose configuration holds a private key (`backend_client_certificate`,
 * `app_token`) are left out: nothing here uses them, and a configuration is not sealed.
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
] as const;

const configurable = new Set<string>(CONFIGURABLE_FEATURES);

/** @param name as it came in */
export const isConfigurable = (name: string): boolean => configurable.has(name);
