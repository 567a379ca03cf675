/** The providers of key-encryption keys. vault/key-providers.ts opens each of them. */
export const KEY_PROVIDERS = ['ring', 'vault', 'aws-kms'] as const;
export type KeyProviderName = (typeof KEY_PROVIDERS)[number];

/** The levels of the log. */
export const LEVELS: readonly string[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/** A value that the configuration contains. */
export interface Setting {
  /** Description in `--help`, `.env.example` and docs/configuration.md. */
  what: string;
  /** The value if the setting is not set. */
  default?: string;
  /** The default in the local mode of the control plane, if it differs. */
  local?: string;
  /** An example value, for a setting without a default. */
  example?: string;
}

/** One of several settings that a variable holds. */
interface Item extends Setting {
  /** The plane that reads the item. Absent: the planes of its variable. */
  of?: Plane;
}

export interface Variable extends Setting {
  /** The value is never shown. A `SIGNET_` variable is removed from the environment after it was read. */
  secret?: true;
  /** Items by name, written as `name=value,name=value`. A variable with items has no default itself. */
  items?: Readonly<Record<string, Item>>;
}

/** Who reads a variable: one of the two planes, or the commands that call the service. */
export type Plane = 'control plane' | 'gateway' | 'command line';

interface Section {
  title: string;
  of: readonly Plane[];
  variables: Readonly<Record<string, Variable>>;
}

/**
 * All variables that the service reads from the environment. `.env.example`, `--help`, `signet config check` and docs/configuration.md are
 * generated from this table, and the code that reads variables takes the defaults from it. That code also checks further conditions of a
 * value.
 */
export const SECTIONS: readonly Section[] = [
  {
    title: 'Where the control plane listens',
    of: ['control plane'],
    variables: {
      SIGNET_MODE: { what: 'local or production', default: 'local' },
      SIGNET_HOST: { what: 'address to listen on', default: '127.0.0.1' },
      SIGNET_PORT: { what: 'port to listen on', default: '8700' },
      SIGNET_PUBLIC_URL: {
        what: 'base URL under which callers reach the service (http://HOST:PORT)',
        example: 'https://signet.example.com',
      },
      SIGNET_REGION: { what: 'region name in the service catalogue', default: 'local' },
      SIGNET_TLS: {
        what: 'certificate files; if set, the port uses TLS 1.2 and 1.3, and renewed files are read again',
        items: {
          cert: { what: 'file with the certificate and its chain (PEM)', example: '/etc/signet/tls.crt' },
          key: { what: 'file with the key of the certificate (PEM)', example: '/etc/signet/tls.key' },
          'client-ca': {
            what: 'file with the authority (PEM) of client certificates; if set, gateways and verifiers must present one',
            example: '/etc/signet/machines-ca.crt',
          },
        },
      },
      SIGNET_GATEWAY_PLAINTEXT: {
        what: 'refuse or allow: whether gateways and verifiers may connect without TLS in production',
        default: 'refuse',
      },
      SIGNET_CONSOLE: { what: 'on or off: whether the web console is served under /console/', default: 'on' },
      SIGNET_CORS_ORIGINS: {
        what: 'origins, separated by commas, whose web pages may call the service; unset: none',
        example: 'https://console.example.com',
      },
    },
  },
  {
    title: 'Logs, connections and shutdown',
    of: ['control plane', 'gateway'],
    variables: {
      SIGNET_LOG_LEVEL: { what: LEVELS.join(', '), default: 'info' },
      SIGNET_TRUSTED_PROXIES: {
        what: 'addresses and networks (CIDR) of trusted proxies, separated by commas; their X-Forwarded-* headers name the caller, and the signing proxy keeps these headers (none)',
        example: '10.0.0.0/8,fd00::1',
      },
      SIGNET_TIMEOUTS: {
        what: 'durations',
        items: {
          headers: { what: 'time limit for the headers of a request', default: '10s', of: 'control plane' },
          request: { what: 'time limit for a whole request', default: '60s', of: 'control plane' },
          database: {
            what: 'total time that one request may wait for the database; then the response is 503',
            default: '10s',
            of: 'control plane',
          },
          'keep-alive': {
            what: 'time after which an idle connection is closed; must be longer than that of the proxies in front of the service',
            default: '90s',
          },
          drain: {
            what: 'time between SIGTERM and the closing of the port; /readyz answers 503 during this time',
            default: '3s',
            local: '0s',
          },
          shutdown: {
            what: 'time after drain during which requests can finish and idle connections stay open',
            default: '30s',
            local: '1s',
          },
        },
      },
    },
  },
  {
    title: 'Where the control plane stores data',
    of: ['control plane'],
    variables: {
      SIGNET_DATA_DIR: { what: 'folder of the embedded database and of the local key-encryption key', default: 'data' },
      DATABASE_URL: {
        what: 'MariaDB or MySQL instead of the embedded SQLite; user and password are percent-encoded; the query may contain ssl-mode (VERIFY_IDENTITY, which is the default for other machines, VERIFY_CA, REQUIRED or DISABLED), ssl-ca, ssl-cert and ssl-key',
        example: 'mysql://signet:password@127.0.0.1:3306/signet',
        secret: true,
      },
      REDIS_URL: {
        what: 'Redis that carries change notices between control-plane processes; unset: each process polls ten times a second while gateways watch',
        example: 'redis://127.0.0.1:6379',
        secret: true,
      },
      SIGNET_PULSE_FILE: {
        what: 'file by which a restore of the database is detected (SIGNET_DATA_DIR/pulse); must be where a restore does not replace it',
        example: '/var/lib/signet/pulse',
      },
    },
  },
  {
    title: 'Key-encryption keys',
    of: ['control plane'],
    variables: {
      SIGNET_KEK_FILE: {
        what: 'file with the key-encryption keys, one `id:base64(32 bytes)` per line; the first key wraps',
        example: '/run/secrets/signet-kek',
      },
      SIGNET_KEK: {
        what: 'content of SIGNET_KEK_FILE; prefer a file, because the environment can be read from /proc',
        secret: true,
      },
      SIGNET_KEK_PROVIDER: {
        what: `${KEY_PROVIDERS.join(', ')}: the provider that wraps data keys; all other configured providers only unwrap`,
        default: KEY_PROVIDERS[0],
      },
      SIGNET_VAULT: {
        what: 'the transit engine of HashiCorp Vault or OpenBao',
        items: {
          address: { what: 'address of the server; https, or http on loopback', example: 'https://vault.example.com:8200' },
          key: { what: 'name of the transit key', example: 'signet' },
          mount: {
            what: 'path of the transit engine; a namespace comes first, as in TEAM/transit',
            default: 'transit',
          },
        },
      },
      SIGNET_VAULT_TOKEN: { what: 'token with permission to update MOUNT/encrypt/KEY and MOUNT/decrypt/KEY', secret: true },
      SIGNET_VAULT_TOKEN_FILE: {
        what: 'file with the token; read for each call, so that an agent can renew the token',
        example: '/run/secrets/vault-token',
      },
      SIGNET_AWS_KMS_KEY_ID: {
        what: 'id, ARN or alias of a symmetric KMS key; the AWS SDK reads credentials, AWS_REGION and AWS_ENDPOINT_URL_KMS',
        example: 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      },
    },
  },
  {
    title: 'Users and identity',
    of: ['control plane'],
    variables: {
      SIGNET_ADMIN_PASSWORD: {
        what: 'password of the user admin, used when the user is created; unset: a random one, printed once',
        secret: true,
      },
      SIGNET_IAM_FILE: { what: 'JSON file with users, projects and role assignments, applied at every start', example: './iam.json' },
      SIGNET_IDENTITY_FILE: {
        what: 'JSON file that configures an external identity service, Keystone or an OIDC issuer, instead of the embedded one',
        example: '/etc/signet/identity.json',
      },
      SIGNET_IDENTITY_PASSWORD: {
        what: 'password of the service user at Keystone, if the identity file names no password file',
        secret: true,
      },
    },
  },
  {
    title: 'Limits and retention',
    of: ['control plane'],
    variables: {
      SIGNET_LIMITS: {
        what: 'maximum numbers and sizes',
        items: {
          signs: { what: 'signature keys in one gateway', default: '200' },
          instances: { what: 'gateways in one project', default: '5' },
          sessions: { what: 'signing processes of one machine credential at the same time; the log warns from 80 %', default: '1000' },
          body: { what: 'maximum size of a request body, for webhook messages; most routes accept 64 KiB', default: '12MiB' },
          'token-life': { what: 'lifetime of a token', default: '24h' },
          'database-connections': { what: 'connections to MariaDB or MySQL', default: '32' },
          'database-log': {
            what: 'size to which the write-ahead log of the embedded database grows; the volume needs this space in addition to the database',
            default: '32MiB',
          },
        },
      },
      SIGNET_RATE_LIMITS: {
        what: 'number of requests per duration, such as 18000/60s, or off',
        items: {
          'login-user': { what: 'failed logins of one user; from one address, a tenth of this number', default: '100/5m' },
          'login-address': {
            what: 'failed logins from one address; wrong API keys count separately, with the same limit',
            default: '100/5m',
          },
          // Terraform's providers sleep for minutes when they receive 429 (docs/contracts/apig.md §6.6). So these limits only stop runaway
          // clients: 300 requests a second for one user, 600 for one address.
          user: { what: 'requests of one user', default: '18000/60s', local: 'off' },
          address: {
            what: 'requests of one address; machines count separately, probes do not count',
            default: '36000/60s',
            local: 'off',
          },
        },
      },
      SIGNET_RETENTION: {
        what: 'how long data is stored, or how many rows',
        items: {
          receipts: { what: 'complete receipts; pruning of the audit trail does not affect them', default: '400d' },
          'denied-rows': { what: 'rows about denied requests in the audit trail; the oldest are deleted', default: '300000' },
          'webhook-payloads': { what: 'payload of a message, unless the message requests a shorter time', default: '720h' },
          'webhook-messages': { what: 'finished messages, without their payloads', default: '90d' },
        },
      },
    },
  },
  {
    title: 'Signature keys and webhooks',
    of: ['control plane'],
    variables: {
      SIGNET_SIGN_RULES: {
        what: 'rules for which the contract allows two behaviours',
        items: {
          omitted: { what: 'keep or regenerate: what PUT does with a key or secret that its body omits', default: 'keep' },
          'leading-digit': { what: 'accept or refuse: whether a basic key may start with a digit', default: 'accept' },
        },
      },
      SIGNET_WEBHOOKS: {
        what: 'delivery of webhooks',
        items: {
          delivery: { what: 'on or off: with off, messages are accepted and stored, but not sent', default: 'on' },
          http: { what: 'refuse or allow: whether endpoints may have http:// URLs, for local use', default: 'refuse' },
          'check-dns': {
            what: 'on or off: whether the host name is resolved when an endpoint is created; the address of each connection is checked in any case',
            default: 'on',
          },
          timeout: { what: 'time limit of an attempt, including the connection', default: '20s' },
          concurrency: { what: 'concurrent attempts of one process, at most a quarter of them to one endpoint', default: '512' },
          'disable-after': {
            what: 'time without a successful delivery after which a failing endpoint is disabled; 0: never',
            default: '120h',
          },
        },
      },
      SIGNET_WEBHOOK_ALLOW_CIDRS: {
        what: 'non-public address ranges, separated by commas, to which webhooks may be sent (none)',
        example: '10.1.0.0/16,fd00::/8',
      },
    },
  },
  {
    title: 'The local gateway',
    of: ['control plane'],
    variables: {
      SIGNET_EMBEDDED_GATEWAY: {
        what: 'on (default) or off: whether a gateway node runs in the same process, on SIGNET_GATEWAY_LISTEN; local mode only',
        example: 'off',
      },
    },
  },
  {
    title: 'Connection of a gateway node to its control plane',
    of: ['gateway'],
    variables: {
      SIGNET_CONTROL_PLANE_URL: {
        what: 'base URL of the control plane; use https unless both planes share a host or a private network',
        example: 'https://signet.example.com',
      },
      SIGNET_CONTROL_PLANE_TLS: {
        what: 'TLS files for a control plane with https',
        items: {
          ca: {
            what: "file with the authority (PEM) of the server certificate; unset: the system's authorities",
            example: '/etc/signet/ca.crt',
          },
          cert: {
            what: 'file with the certificate (PEM) of this node, if the control plane requires one',
            example: '/etc/signet/node.crt',
          },
          key: { what: 'file with the key of the certificate (PEM)', example: '/etc/signet/node.key' },
        },
      },
      SIGNET_GATEWAY_TOKEN: { what: 'credential printed by signet admin gateway-token', secret: true },
      SIGNET_GATEWAY_TOKEN_FILE: {
        what: 'file with the credential; prefer it, because the environment can be read from /proc, and because a renewed file takes effect without a restart',
        example: '/run/secrets/signet-gateway',
      },
      SIGNET_INSTANCE_ID: { what: 'id of the gateway (instance) for which this node signs' },
      SIGNET_NODE_ID: { what: 'name of this node in receipts, for people (HOSTNAME-PID)', example: 'gateway-1' },
      SIGNET_GATEWAY_STATE_DIR: {
        what: 'local folder of this node alone; with its state, the next process proves that this one has ended; unset: receipts wait for the lease of this process',
        example: '/var/lib/signet-gateway',
      },
    },
  },
  {
    title: 'Where a gateway node listens',
    of: ['control plane', 'gateway'],
    variables: {
      SIGNET_GATEWAY_LISTEN: {
        what: 'addresses, each as HOST:PORT or a port of 127.0.0.1; signet serve reads them for the embedded gateway',
        items: {
          proxy: { what: 'signing proxy; runs only if an upstream is set', default: '127.0.0.1:8710' },
          sign: { what: '/sign, /readyz, /healthz and /metrics; must not be reachable from public networks', default: '127.0.0.1:8711' },
          'demo-backend': {
            what: 'port of the backend behind the embedded gateway; this backend accepts signed requests only',
            default: '8720',
            of: 'control plane',
          },
        },
      },
    },
  },
  {
    title: 'Signing and the backend',
    of: ['gateway'],
    variables: {
      SIGNET_GATEWAY_SIGN_HOSTS: {
        what: 'host names under which /v1/sign answers, separated by commas, in addition to localhost and addresses (none)',
        example: 'signer.internal',
      },
      SIGNET_GATEWAY_UPSTREAM: {
        what: 'base URL of the backend behind the signing proxy; unset: no proxy',
        example: 'http://127.0.0.1:8080',
      },
      SIGNET_GATEWAY_UPSTREAM_TLS: {
        what: 'TLS files for an upstream with https',
        items: {
          ca: {
            what: "file with the authority (PEM) of the server certificate; unset: the system's authorities",
            example: '/etc/signet/backend-ca.crt',
          },
          cert: { what: 'file with the certificate (PEM) of this node, if the backend requires one', example: '/etc/signet/node.crt' },
          key: { what: 'file with the key of the certificate (PEM)', example: '/etc/signet/node.key' },
        },
      },
      SIGNET_GATEWAY_ENVIRONMENT: { what: 'environment of every request; unset: the header X-Stage, or RELEASE', example: 'RELEASE' },
      SIGNET_GATEWAY_RULES: {
        what: 'rules for requests',
        items: {
          unbound: { what: 'refuse or unsigned: what happens to requests for an API without a key', default: 'refuse' },
          'large-body': { what: 'refuse or unsigned-payload: what happens to a body above the limit', default: 'refuse' },
          host: {
            what: 'preserve or upstream: whether the Host of the client or of the upstream is sent and signed',
            default: 'preserve',
          },
        },
      },
      SIGNET_GATEWAY_LIMITS: {
        what: 'sizes',
        items: {
          body: { what: 'maximum size of a body that is signed', default: '12MiB' },
          buffer: { what: 'maximum total size of buffered bodies; further requests get 503', default: '256MiB' },
          'body-rate': {
            what: 'minimum average rate of a body, in bytes per second, after 5 s; slower requests get 408',
            default: '1KiB',
          },
        },
      },
      SIGNET_GATEWAY_TIMEOUTS: {
        what: 'durations',
        items: {
          body: { what: 'time limit for the arrival of a signed body', default: '60s' },
          upstream: { what: 'time limit until the backend begins its response', default: '60s' },
          idle: { what: 'maximum pause within a response or on an upgraded connection', default: '5m' },
        },
      },
      SIGNET_GATEWAY_HAPROXY: {
        what: 'an HAProxy whose maps this node updates',
        items: {
          socket: { what: 'admin socket of the HAProxy: a path or HOST:PORT', example: '/run/haproxy/admin.sock' },
          maps: { what: 'folder of the map files; the same as in the HAProxy configuration', default: '/etc/haproxy/signet' },
          master: {
            what: 'socket of the HAProxy master process (haproxy -W -S); with it, deletions after a reload are acknowledged as soon as the old workers have ended',
            example: '/run/haproxy/master.sock',
          },
          'on-stop': {
            what: 'keep or empty: what happens to the maps when this node stops; with keep, HAProxy signs until the lease has ended',
            default: 'keep',
          },
          'hard-stop-after': {
            what: 'value of hard-stop-after in the HAProxy configuration: how long old workers keep old keys after a reload',
            default: '10s',
          },
        },
      },
    },
  },
  {
    title: 'How commands call the service',
    of: ['command line'],
    variables: {
      SIGNET_URL: { what: 'URL of the service; unset: the one in the profile', example: 'https://signet.example.com' },
      SIGNET_PROFILE: { what: 'profile that signet login created', default: 'default' },
      SIGNET_PROJECT: { what: 'id of the project; unset: the project of the credential' },
      SIGNET_GATEWAY: { what: 'id or name of the gateway; unset: the one in the profile, or the only gateway' },
      SIGNET_TOKEN: { what: 'token instead of a profile', secret: true },
      SIGNET_API_KEY: { what: 'API key instead of a profile, for webhooks', secret: true },
      SIGNET_ACCESS_KEY: { what: 'access key (AK) instead of a profile' },
      SIGNET_SECRET_KEY: { what: 'secret key (SK) of the access key', secret: true },
      SIGNET_SIGN_TYPE: { what: 'type of the key for signet sign and signet verify: hmac, basic, public_key or aes', default: 'hmac' },
      SIGNET_SIGN_ALGORITHM: { what: 'cipher of an aes key: aes-128-cfb or aes-256-cfb' },
      SIGNET_SIGN_KEY: { what: 'key for signet sign and signet verify', secret: true },
      SIGNET_SIGN_SECRET: { what: 'secret of this key', secret: true },
    },
  },
];

/** Every variable, by name. */
export const VARIABLES: ReadonlyMap<string, Variable> = new Map(SECTIONS.flatMap(({ variables }) => Object.entries(variables)));

/** The variables of one plane, each with the items that this plane reads. */
export const variablesOf = (plane: Plane): [name: string, variable: Variable][] =>
  SECTIONS.filter(({ of }) => of.includes(plane)).flatMap(({ variables }) =>
    Object.entries(variables).map(([name, variable]): [string, Variable] => [
      name,
      variable.items === undefined
        ? variable
        : { ...variable, items: Object.fromEntries(Object.entries(variable.items).filter(([, { of = plane }]) => of === plane)) },
    ]),
  );

/** The name by which an item is read: `SIGNET_LIMITS.signs`. */
export const itemName = (variable: string, item: string) => `${variable}.${item}`;

/** Every setting, by the variable's name or by {@link itemName}. */
export const SETTINGS: ReadonlyMap<string, Setting> = new Map(
  [...VARIABLES].flatMap(([name, variable]): [string, Setting][] =>
    variable.items === undefined
      ? [[name, variable]]
      : Object.entries(variable.items).map(([item, setting]) => [itemName(name, item), setting]),
  ),
);

/**
 * The default of a variable or an item.
 * @param name the name of a variable, or an {@link itemName}
 * @param local whether the control plane runs in the local mode
 * @throws Error for a setting without a default
 */
export function defaultOf(name: string, local: boolean): string {
  const setting = SETTINGS.get(name);
  const value = (local ? setting?.local : undefined) ?? setting?.default;
  if (value === undefined) throw new Error(`${name} has no default`);
  return value;
}
