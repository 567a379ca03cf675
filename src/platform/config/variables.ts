/** Possible providers of key-encryption keys; vault/key-providers.ts opens each. */
export const KEY_PROVIDERS = ['ring', 'vault', 'aws-kms'] as const;
export type KeyProviderName = (typeof KEY_PROVIDERS)[number];

/** Possible levels of the log. */
export const LEVELS: readonly string[] = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/** A value that the configuration reads. */
export interface Setting {
  /** Description for `--help`, `.env.example` and docs/configuration.md. */
  what: string;
  /** Value if it is not set. */
  default?: string;
  /** Default in the local mode of the control plane, if different. */
  local?: string;
  /** Example value, for a setting without a default. */
  example?: string;
}

/** One of several settings that a variable holds. */
interface Item extends Setting {
  /** The plane that reads it; absent: the planes of its variable. */
  of?: Plane;
}

export interface Variable extends Setting {
  /** Never shown. A `SIGNET_` variable is removed from the environment after it was read. */
  secret?: true;
  /** Items by name, written as `name=value,name=value`; the variable itself has no default. */
  items?: Readonly<Record<string, Item>>;
}

/** Who reads a variable: the two planes, and the commands that call the service. */
export type Plane = 'control plane' | 'gateway' | 'command line';

interface Section {
  title: string;
  of: readonly Plane[];
  variables: Readonly<Record<string, Variable>>;
}

/**
 * All variables that the service reads from the environment. `.env.example`, `--help`, `signet config check` and docs/configuration.md
 * are generated from it, and the readers take the defaults from it. The readers check further conditions of a value.
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
        what: 'makes the port use TLS 1.2 and 1.3; renewed files are read again',
        items: {
          cert: { what: 'file with the certificate and its chain (PEM)', example: '/etc/signet/tls.crt' },
          key: { what: 'file with its key (PEM)', example: '/etc/signet/tls.key' },
          'client-ca': {
            what: 'file with the authority (PEM) of the client certificates that gateways and verifiers must then present',
            example: '/etc/signet/machines-ca.crt',
          },
        },
      },
      SIGNET_GATEWAY_PLAINTEXT: { what: 'refuse or allow: serve gateways and verifiers without TLS in production', default: 'refuse' },
      SIGNET_CONSOLE: { what: 'on or off: serve the web console under /console/', default: 'on' },
      SIGNET_CORS_ORIGINS: {
        what: 'origins, separated by commas, whose pages may call; unset: none',
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
        what: 'addresses and networks (CIDR), separated by commas, of trusted proxies: their X-Forwarded-* headers name the caller, and the signing proxy keeps them (none)',
        example: '10.0.0.0/8,fd00::1',
      },
      SIGNET_TIMEOUTS: {
        what: 'durations',
        items: {
          headers: { what: 'time limit for the headers of a request', default: '10s', of: 'control plane' },
          request: { what: 'time limit for a whole request', default: '60s', of: 'control plane' },
          database: {
            what: 'time that one request may wait for the database in total; after it, the answer is 503',
            default: '10s',
            of: 'control plane',
          },
          'keep-alive': {
            what: 'time after which an idle connection is closed; set it longer than that of the proxies in front',
            default: '90s',
          },
          drain: { what: 'time between SIGTERM and the closing of the port, in which /readyz answers 503', default: '3s', local: '0s' },
          shutdown: {
            what: 'time after drain in which requests can finish and idle connections stay open',
            default: '30s',
            local: '1s',
          },
        },
      },
    },
  },
  {
    title: 'Where it stores',
    of: ['control plane'],
    variables: {
      SIGNET_DATA_DIR: { what: 'folder of the embedded database and of the local key-encryption key', default: 'data' },
      DATABASE_URL: {
        what: 'MariaDB or MySQL instead of the embedded SQLite; user and password are percent-encoded; its query may have ssl-mode (VERIFY_IDENTITY, the default for other machines, VERIFY_CA, REQUIRED, DISABLED), ssl-ca, ssl-cert and ssl-key',
        example: 'mysql://signet:password@127.0.0.1:3306/signet',
        secret: true,
      },
      REDIS_URL: {
        what: 'Redis that carries change notices between control-plane processes; unset: each process polls ten times a second while gateways watch',
        example: 'redis://127.0.0.1:6379',
        secret: true,
      },
      SIGNET_PULSE_FILE: {
        what: 'file that detects a restore of the database (SIGNET_DATA_DIR/pulse); keep it where a restore does not replace it',
        example: '/var/lib/signet/pulse',
      },
    },
  },
  {
    title: 'Key-encryption keys',
    of: ['control plane'],
    variables: {
      SIGNET_KEK_FILE: {
        what: 'file with the key-encryption keys, one `id:base64(32 bytes)` a line; the first one wraps',
        example: '/run/secrets/signet-kek',
      },
      SIGNET_KEK: {
        what: 'the same lines in the environment; prefer a file, because the environment can be read from /proc',
        secret: true,
      },
      SIGNET_KEK_PROVIDER: {
        what: `${KEY_PROVIDERS.join(', ')}: the provider that wraps data keys; other configured providers only unwrap`,
        default: KEY_PROVIDERS[0],
      },
      SIGNET_VAULT: {
        what: 'the transit engine of HashiCorp Vault or OpenBao',
        items: {
          address: { what: 'its address; https, or http on loopback', example: 'https://vault.example.com:8200' },
          key: { what: 'name of the transit key', example: 'signet' },
          mount: {
            what: 'path of the transit engine, after its namespace if it has one: TEAM/transit',
            default: 'transit',
          },
        },
      },
      SIGNET_VAULT_TOKEN: { what: 'token with permission to update MOUNT/encrypt/KEY and MOUNT/decrypt/KEY', secret: true },
      SIGNET_VAULT_TOKEN_FILE: {
        what: 'file with that token; it is read for each call, so an agent can renew it',
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
        what: 'password of the user admin, used when it is created; random and printed once if unset',
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
        what: 'number of requests in a time, such as 18000/60s, or off',
        items: {
          'login-user': { what: 'failed logins of one user; a tenth of this from one address', default: '100/5m' },
          'login-address': { what: 'failed logins from one address, and separately wrong API keys', default: '100/5m' },
          // Terraform's providers sleep for minutes when they are answered 429 (docs/contracts/apig.md §6.6), so these limits stop only
          // runaway clients, not busy ones: 300 requests a second for one user, 600 for one address.
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
          receipts: { what: 'complete receipts, independent of the pruning of the audit trail', default: '400d' },
          'denied-rows': { what: 'rows about denied requests in the audit trail; the oldest are deleted', default: '300000' },
          'webhook-payloads': { what: 'payload of a message, unless the message requests less', default: '720h' },
          'webhook-messages': { what: 'finished message, without its payload', default: '90d' },
        },
      },
    },
  },
  {
    title: 'Signature keys and webhooks',
    of: ['control plane'],
    variables: {
      SIGNET_SIGN_RULES: {
        what: 'where the contract can be read in two ways',
        items: {
          omitted: { what: 'keep or regenerate: effect of PUT on a key or secret that is not in its body', default: 'keep' },
          'leading-digit': { what: 'accept or refuse: a basic key that starts with a digit', default: 'accept' },
        },
      },
      SIGNET_WEBHOOKS: {
        what: 'deliveries',
        items: {
          delivery: { what: 'on or off: with off, messages are accepted and stored, but not sent', default: 'on' },
          http: { what: 'refuse or allow: http:// endpoints, for local use', default: 'refuse' },
          'check-dns': {
            what: 'on or off: whether the host name is resolved when an endpoint is created; every connection is checked in any case',
            default: 'on',
          },
          timeout: { what: 'time limit of an attempt, including the connection', default: '20s' },
          concurrency: { what: 'concurrent attempts of one process, at most a quarter of them to one endpoint', default: '512' },
          'disable-after': {
            what: 'time without a success after which a failing endpoint is paused; 0: never',
            default: '120h',
          },
        },
      },
      SIGNET_WEBHOOK_ALLOW_CIDRS: {
        what: 'non-public address ranges, separated by commas, that webhooks may reach (none)',
        example: '10.1.0.0/16,fd00::/8',
      },
    },
  },
  {
    title: 'The local gateway',
    of: ['control plane'],
    variables: {
      SIGNET_EMBEDDED_GATEWAY: {
        what: 'on (default) or off, local mode only: a gateway node in the same process, on SIGNET_GATEWAY_LISTEN',
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
          ca: { what: "file with the authority (PEM) of its certificate, instead of the system's", example: '/etc/signet/ca.crt' },
          cert: {
            what: 'file with the certificate (PEM) of this node, if the control plane requires one',
            example: '/etc/signet/node.crt',
          },
          key: { what: 'file with its key (PEM)', example: '/etc/signet/node.key' },
        },
      },
      SIGNET_GATEWAY_TOKEN: { what: 'credential printed by signet admin gateway-token', secret: true },
      SIGNET_GATEWAY_TOKEN_FILE: {
        what: 'file with the credential. Prefer it: the environment can be read from /proc, and a renewed credential takes effect without a restart',
        example: '/run/secrets/signet-gateway',
      },
      SIGNET_INSTANCE_ID: { what: 'gateway (instance) whose keys this node holds' },
      SIGNET_NODE_ID: { what: 'name of this node in receipts, for people (HOSTNAME-PID)', example: 'gateway-1' },
      SIGNET_GATEWAY_STATE_DIR: {
        what: 'local folder for this node alone, with which its next process proves that this one has ended; unset: receipts wait for its lease',
        example: '/var/lib/signet-gateway',
      },
    },
  },
  {
    title: 'Where a gateway node listens',
    of: ['control plane', 'gateway'],
    variables: {
      SIGNET_GATEWAY_LISTEN: {
        what: 'HOST:PORT, or a port of 127.0.0.1; serve reads it for the embedded gateway',
        items: {
          proxy: { what: 'signing proxy; runs if an upstream is set', default: '127.0.0.1:8710' },
          sign: { what: '/sign, /readyz, /healthz and /metrics; must not be reachable by the public', default: '127.0.0.1:8711' },
          'demo-backend': {
            what: 'port of the backend behind the embedded gateway, which accepts signed requests only',
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
          ca: { what: "file with the authority (PEM) of its certificate, instead of the system's", example: '/etc/signet/backend-ca.crt' },
          cert: { what: 'file with the certificate (PEM) of this node, if the backend requires one', example: '/etc/signet/node.crt' },
          key: { what: 'file with its key (PEM)', example: '/etc/signet/node.key' },
        },
      },
      SIGNET_GATEWAY_ENVIRONMENT: { what: 'environment of every request; unset: the header X-Stage, or RELEASE', example: 'RELEASE' },
      SIGNET_GATEWAY_RULES: {
        what: 'treatment of requests',
        items: {
          unbound: { what: 'refuse or unsigned: treatment of requests to an API without a key', default: 'refuse' },
          'large-body': { what: 'refuse or unsigned-payload: treatment of a body above the limit', default: 'refuse' },
          host: {
            what: "preserve or upstream: whether the client's Host or the upstream's is sent and signed",
            default: 'preserve',
          },
        },
      },
      SIGNET_GATEWAY_LIMITS: {
        what: 'sizes',
        items: {
          body: { what: 'largest body that is signed', default: '12MiB' },
          buffer: { what: 'maximum size of all buffered bodies together; further requests get 503', default: '256MiB' },
          'body-rate': {
            what: 'minimum average rate of a body per second, after 5 s; slower requests get 408',
            default: '1KiB',
          },
        },
      },
      SIGNET_GATEWAY_TIMEOUTS: {
        what: 'durations',
        items: {
          body: { what: 'time limit for the arrival of a signed body', default: '60s' },
          upstream: { what: 'time limit until the backend begins its answer', default: '60s' },
          idle: { what: 'longest pause within an answer or an upgraded connection', default: '5m' },
        },
      },
      SIGNET_GATEWAY_HAPROXY: {
        what: 'an HAProxy whose maps this node updates',
        items: {
          socket: { what: 'its admin socket: a path or HOST:PORT', example: '/run/haproxy/admin.sock' },
          maps: { what: 'folder of the map files, as in the HAProxy configuration', default: '/etc/haproxy/signet' },
          master: {
            what: 'socket of its master (haproxy -W -S); with it, deletions after a reload are acknowledged as soon as the old workers have ended',
            example: '/run/haproxy/master.sock',
          },
          'on-stop': {
            what: 'keep or empty: treatment of its maps when this node stops; with keep, HAProxy signs until the lease is over',
            default: 'keep',
          },
          'hard-stop-after': {
            what: 'the value of hard-stop-after in its configuration: how long old workers keep old keys after a reload',
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
      SIGNET_URL: { what: 'address of the service; unset: that of the profile', example: 'https://signet.example.com' },
      SIGNET_PROFILE: { what: 'profile made by signet login', default: 'default' },
      SIGNET_PROJECT: { what: 'id of the project; unset: that of the credential' },
      SIGNET_GATEWAY: { what: 'id or name of the gateway; unset: that of the profile, or the only one' },
      SIGNET_TOKEN: { what: 'token instead of a profile', secret: true },
      SIGNET_API_KEY: { what: 'API key instead of a profile, for webhooks', secret: true },
      SIGNET_ACCESS_KEY: { what: 'access key (AK) instead of a profile' },
      SIGNET_SECRET_KEY: { what: 'its secret key (SK)', secret: true },
      SIGNET_SIGN_TYPE: { what: 'type of the key of signet sign and signet verify: hmac, basic, public_key, aes', default: 'hmac' },
      SIGNET_SIGN_ALGORITHM: { what: 'cipher of an aes key: aes-128-cfb or aes-256-cfb' },
      SIGNET_SIGN_KEY: { what: 'key of signet sign and signet verify', secret: true },
      SIGNET_SIGN_SECRET: { what: 'its secret', secret: true },
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

/** The name by which readers ask for an item: `SIGNET_LIMITS.signs`. */
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
 * @param name that of a variable, or {@link itemName}
 * @param local of the control plane in the local mode
 * @throws Error for one without a default
 */
export function defaultOf(name: string, local: boolean): string {
  const setting = SETTINGS.get(name);
  const value = (local ? setting?.local : undefined) ?? setting?.default;
  if (value === undefined) throw new Error(`${name} has no default`);
  return value;
}
