/** What replaces each removed variable, for the error message "NAME was removed: …". */
export const REMOVED: Readonly<Record<string, string>> = {
  SIGNET_VAULT_NAMESPACE: 'write the namespace before the mount, SIGNET_VAULT="mount=TEAM/transit"',
  SIGNET_VAULT_CA_FILE: 'name the file in NODE_EXTRA_CA_CERTS',
  SIGNET_AWS_REGION: 'set AWS_REGION, which the AWS SDK reads',
  SIGNET_AWS_KMS_ENDPOINT: 'set AWS_ENDPOINT_URL_KMS, which the AWS SDK reads',
  SIGNET_GATEWAY_TRUSTED_PROXIES: 'set SIGNET_TRUSTED_PROXIES, which both planes read',
  ...inGroup('SIGNET_TIMEOUTS', {
    SIGNET_HEADERS_TIMEOUT_MS: 'headers=10s',
    SIGNET_REQUEST_TIMEOUT_MS: 'request=60s',
    SIGNET_DATABASE_TIMEOUT_MS: 'database=10s',
    SIGNET_KEEP_ALIVE_SECONDS: 'keep-alive=90s',
    SIGNET_DRAIN_SECONDS: 'drain=3s',
    SIGNET_SHUTDOWN_GRACE_MS: 'shutdown=30s',
  }),
  ...inGroup('SIGNET_TLS', {
    SIGNET_TLS_CERT_FILE: 'cert=FILE',
    SIGNET_TLS_KEY_FILE: 'key=FILE',
    SIGNET_TLS_CLIENT_CA_FILE: 'client-ca=FILE',
  }),
  ...inGroup('SIGNET_LIMITS', {
    SIGNET_SIGN_NUM_LIMIT: 'signs=200',
    SIGNET_INSTANCE_NUM_LIMIT: 'instances=5',
    SIGNET_SESSIONS_PER_CREDENTIAL: 'sessions=1000',
    SIGNET_BODY_LIMIT_BYTES: 'body=12MiB',
    SIGNET_TOKEN_TTL_SECONDS: 'token-life=24h',
    SIGNET_DATABASE_POOL_SIZE: 'database-connections=32',
    SIGNET_DATABASE_LOG_MIB: 'database-log=32MiB',
  }),
  ...inGroup('SIGNET_RATE_LIMITS', {
    SIGNET_RATE_LIMIT_PRINCIPAL: 'user=18000/60s',
    SIGNET_RATE_LIMIT_ADDRESS: 'address=36000/60s',
    SIGNET_LOGIN_LIMIT_USER: 'login-user=100/5m',
    SIGNET_LOGIN_LIMIT_ADDRESS: 'login-address=100/5m',
  }),
  ...inGroup('SIGNET_RETENTION', {
    SIGNET_RECEIPT_RETENTION_DAYS: 'receipts=400d',
    SIGNET_AUDIT_DENIED_ROWS: 'denied-rows=300000',
    SIGNET_WEBHOOK_RETENTION_HOURS: 'webhook-payloads=720h',
    SIGNET_WEBHOOK_LOG_DAYS: 'webhook-messages=90d',
  }),
  SIGNET_AUDIT_DENIED_WINDOW_SECONDS: 'unset it, because the window for denied requests is always 5 s',
  ...inGroup('SIGNET_VAULT', {
    SIGNET_VAULT_ADDR: 'address=https://HOST:8200',
    SIGNET_VAULT_TRANSIT_KEY: 'key=NAME',
    SIGNET_VAULT_TRANSIT_MOUNT: 'mount=transit',
  }),
  ...inGroup('SIGNET_SIGN_RULES', {
    SIGNET_SIGN_UPDATE_OMITTED: 'omitted=keep',
    SIGNET_BASIC_KEY_LEADING_DIGIT: 'leading-digit=accept',
  }),
  ...inGroup('SIGNET_WEBHOOKS', {
    SIGNET_WEBHOOK_ALLOW_HTTP: 'http=allow',
    SIGNET_WEBHOOK_CHECK_DNS: 'check-dns=on',
    SIGNET_WEBHOOK_DELIVERY: 'delivery=on',
    SIGNET_WEBHOOK_TIMEOUT_MS: 'timeout=20s',
    SIGNET_WEBHOOK_CONCURRENCY: 'concurrency=512',
    SIGNET_WEBHOOK_DISABLE_AFTER_HOURS: 'disable-after=120h',
  }),
  ...inGroup('SIGNET_CONTROL_PLANE_TLS', {
    SIGNET_CONTROL_PLANE_CA_FILE: 'ca=FILE',
    SIGNET_CONTROL_PLANE_CERT_FILE: 'cert=FILE',
    SIGNET_CONTROL_PLANE_KEY_FILE: 'key=FILE',
  }),
  ...inGroup('SIGNET_GATEWAY_LISTEN', {
    SIGNET_GATEWAY_HOST: 'proxy=127.0.0.1:8710',
    SIGNET_GATEWAY_PORT: 'proxy=127.0.0.1:8710',
    SIGNET_GATEWAY_SIGN_HOST: 'sign=127.0.0.1:8711',
    SIGNET_GATEWAY_SIGN_PORT: 'sign=127.0.0.1:8711',
    SIGNET_DEMO_BACKEND_PORT: 'demo-backend=8720',
  }),
  ...inGroup('SIGNET_GATEWAY_RULES', {
    SIGNET_GATEWAY_UNBOUND: 'unbound=refuse',
    SIGNET_GATEWAY_LARGE_BODY: 'large-body=refuse',
    SIGNET_GATEWAY_UPSTREAM_HOST: 'host=preserve',
  }),
  ...inGroup('SIGNET_GATEWAY_LIMITS', {
    SIGNET_GATEWAY_BODY_LIMIT_BYTES: 'body=12MiB',
    SIGNET_GATEWAY_BUFFER_BYTES: 'buffer=256MiB',
    SIGNET_GATEWAY_BODY_MIN_BYTES_PER_SECOND: 'body-rate=1KiB',
  }),
  ...inGroup('SIGNET_GATEWAY_TIMEOUTS', {
    SIGNET_GATEWAY_BODY_TIMEOUT_SECONDS: 'body=60s',
    SIGNET_GATEWAY_UPSTREAM_TIMEOUT_MS: 'upstream=60s',
    SIGNET_GATEWAY_IDLE_TIMEOUT_MS: 'idle=5m',
  }),
  ...inGroup('SIGNET_GATEWAY_HAPROXY', {
    SIGNET_GATEWAY_HAPROXY_SOCKET: 'socket=/run/haproxy/admin.sock',
    SIGNET_GATEWAY_HAPROXY_MAPS: 'maps=/etc/haproxy/signet',
    SIGNET_GATEWAY_HAPROXY_MASTER_SOCKET: 'master=/run/haproxy/master.sock',
    SIGNET_GATEWAY_HAPROXY_ON_STOP: 'on-stop=keep',
    SIGNET_GATEWAY_HAPROXY_DRAIN_MS: 'hard-stop-after=10s',
  }),
};

function inGroup(group: string, items: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(items).map(([name, item]) => [name, `it is now an item of ${group}, as in ${group}="${item}"`]));
}
