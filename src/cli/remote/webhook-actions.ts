import { items, type Schema } from 'signet-client';
import { usage } from '../exit-codes.js';
import type { Io } from '../io.js';
import { all, connect, type Connection, only } from './connection.js';
import type { Confirmation, ConnectionOptions, WaitOptions } from './options.js';
import type { Columns } from './output.js';
import { printable } from './printable.js';
import { confirm, content, given } from './prompt.js';
import { finish, OUTCOME_FIELDS } from './receipts.js';

type Endpoint = Schema<'ListedWebhookEndpointView'>;
const ENDPOINT_COLUMNS: Columns<Endpoint> = {
  ID: ({ id }) => id,
  URL: ({ url }) => url,
  PAUSED: ({ paused }) => paused,
  DESCRIPTION: ({ description }) => description,
  CREATED: ({ created_at }) => created_at,
};

export async function endpoints(io: Io, options: ConnectionOptions): Promise<void> {
  const { client, out } = await connect(io, options);
  out.list(await all(items(client, '/v1/endpoints')), ENDPOINT_COLUMNS);
}

/** An endpoint by its id or its URL. */
async function endpointNamed({ client }: Connection, name: string): Promise<Endpoint> {
  const found = await all(items(client, '/v1/endpoints'));
  return only(
    'endpoint',
    name,
    found.filter(({ id, url }) => id === name || url === name),
    ({ id }) => id,
  );
}

export async function createEndpoint(io: Io, url: string, options: ConnectionOptions & { description?: string }): Promise<void> {
  const { client, out } = await connect(io, options);
  const body = { url, ...(options.description !== undefined && { description: options.description }) };
  const { data } = (await client.POST('/v1/endpoints', { body })).data;
  out.one(data, {
    ...ENDPOINT_COLUMNS,
    'SIGNING KEY': ({ signing_key_id }: typeof data) => signing_key_id,
    SECRET: ({ signing_secret }: typeof data) => signing_secret,
  });
}

export async function showEndpoint(io: Io, name: string, options: ConnectionOptions): Promise<void> {
  const connection = await connect(io, options);
  const path = { id: (await endpointNamed(connection, name)).id };
  const [{ data: shown }, { data: state }] = await Promise.all([
    connection.client.GET('/v1/endpoints/{id}', { params: { path } }),
    connection.client.GET('/signet/v1/endpoints/{id}', { params: { path } }),
  ]);
  connection.out.one(
    { ...shown.data, ...state },
    {
      ...ENDPOINT_COLUMNS,
      'FAILING SINCE': (row) => row.failing_since,
      DISABLED: (row) => row.disabled_reason,
      EVENTS: (row) => row.events.join(', '),
    },
  );
}

export async function pauseEndpoint(io: Io, name: string, options: ConnectionOptions & WaitOptions): Promise<void> {
  const connection = await connect(io, options);
  const { id, url } = await endpointNamed(connection, name);
  const { response } = await connection.client.POST('/v1/endpoints/{id}/pause', { params: { path: { id } } });
  await finish(connection, response, options, (outcome) =>
    connection.out.one({ id, url, ...outcome }, { PAUSED: (row) => row.url, ...OUTCOME_FIELDS }),
  );
}

export async function resumeEndpoint(io: Io, name: string, options: ConnectionOptions): Promise<void> {
  const connection = await connect(io, options);
  const { id, url } = await endpointNamed(connection, name);
  const { data } = (await connection.client.POST('/v1/endpoints/{id}/resume', { params: { path: { id } } })).data;
  connection.out.one({ ...data, url }, { RESUMED: (row) => row.url, 'QUEUED AGAIN': (row) => row.messages_requeued });
}

export async function deleteEndpoint(io: Io, name: string, options: ConnectionOptions & WaitOptions & Confirmation): Promise<void> {
  const connection = await connect(io, options);
  const { id, url } = await endpointNamed(connection, name);
  await confirm(io, `Delete the endpoint ${printable(url)} with its keys? Messages that wait for it are not delivered.`, options);
  const { response } = await connection.client.DELETE('/v1/endpoints/{id}', { params: { path: { id } } });
  await finish(connection, response, options, (outcome) =>
    connection.out.one({ id, url, ...outcome }, { DELETED: (row) => row.url, ...OUTCOME_FIELDS }),
  );
}

type SigningKey = Schema<'SigningKeyDetailView'>;
const SIGNING_KEY_COLUMNS: Columns<SigningKey> = {
  ID: ({ id }) => id,
  TYPE: ({ type }) => type,
  HINT: ({ key_hint }) => key_hint,
  'LAST USED': ({ last_used_at }) => last_used_at,
  EXPIRES: ({ expires_at }) => expires_at,
};

const SIGNING_KEYS = '/signet/v1/endpoints/{id}/signing-keys';

export async function signingKeys(io: Io, name: string, options: ConnectionOptions): Promise<void> {
  const connection = await connect(io, options);
  const { id } = await endpointNamed(connection, name);
  connection.out.list((await connection.client.GET(SIGNING_KEYS, { params: { path: { id } } })).data.signing_keys, SIGNING_KEY_COLUMNS);
}

interface NewSigningKey extends ConnectionOptions, WaitOptions {
  readonly type?: SigningKey['type'];
  readonly secretFile?: string;
  readonly overlap?: number;
}

export async function addSigningKey(io: Io, name: string, options: NewSigningKey): Promise<void> {
  const { type, secretFile, overlap } = options;
  const body = {
    ...(type !== undefined && { type }),
    ...(secretFile !== undefined && { secret: await given(io, 'secret', secretFile) }),
    ...(overlap !== undefined && { overlap_seconds: overlap }),
  };
  const connection = await connect(io, options);
  const { id } = await endpointNamed(connection, name);
  const { data, response } = await connection.client.POST(SIGNING_KEYS, { params: { path: { id } }, body });
  await finish(connection, response, options, (outcome) =>
    connection.out.one(
      { ...data, ...outcome },
      {
        ...SIGNING_KEY_COLUMNS,
        SECRET: ({ signing_secret }: typeof data) => signing_secret,
        'PUBLIC KEY': ({ public_key }: typeof data) => public_key,
        ...OUTCOME_FIELDS,
      },
    ),
  );
}

export async function deleteSigningKey(
  io: Io,
  name: string,
  keyId: string,
  options: ConnectionOptions & WaitOptions & Confirmation,
): Promise<void> {
  const connection = await connect(io, options);
  const { id, url } = await endpointNamed(connection, name);
  await confirm(
    io,
    `Delete the signing key ${printable(keyId)} of ${printable(url)}? Receivers that only have this one refuse deliveries.`,
    options,
  );
  const { response } = await connection.client.DELETE('/v1/endpoints/{id}/signing-keys/{keyId}', { params: { path: { id, keyId } } });
  await finish(connection, response, options, (outcome) =>
    connection.out.one({ id: keyId, ...outcome }, { DELETED: (row) => row.id, ...OUTCOME_FIELDS }),
  );
}

interface MessageFilter extends ConnectionOptions {
  readonly endpoint?: string;
  readonly status?: Schema<'LogEntryView'>['status'];
  readonly limit: number;
}

export async function messages(io: Io, options: MessageFilter): Promise<void> {
  const connection = await connect(io, options);
  const query = {
    ...(options.endpoint !== undefined && { endpoint_id: (await endpointNamed(connection, options.endpoint)).id }),
    ...(options.status !== undefined && { status: options.status }),
    limit: Math.min(options.limit, 100),
  };
  const found = [];
  for await (const message of items(connection.client, '/v1/logs', { params: { query } })) {
    found.push(message);
    if (found.length === options.limit) break;
  }
  connection.out.list(found, {
    ID: ({ message_id }) => message_id,
    STATUS: ({ status }) => status,
    ATTEMPTS: ({ attempt_count }) => attempt_count,
    ANSWER: ({ response_status }) => response_status,
    ENDPOINT: ({ endpoint }) => endpoint,
    CREATED: ({ created_at }) => created_at,
    ERROR: ({ last_error }) => last_error,
  });
}

const MESSAGE_FIELDS: Columns<Schema<'MessageView'>> = {
  ID: ({ id }) => id,
  STATUS: ({ status }) => status,
  ATTEMPTS: ({ attempt_count }) => attempt_count,
  ANSWER: ({ response_status }) => response_status,
  ENDPOINT: ({ endpoint_id }) => endpoint_id,
  'NEXT ATTEMPT': ({ next_attempt_at }) => next_attempt_at,
  ERROR: ({ last_error }) => last_error,
  CREATED: ({ created_at }) => created_at,
};

export async function showMessage(io: Io, id: string, options: ConnectionOptions): Promise<void> {
  const { client, out } = await connect(io, options);
  out.one((await client.GET('/v1/messages/{id}', { params: { path: { id } } })).data.data, MESSAGE_FIELDS);
}

export async function attempts(io: Io, id: string, options: ConnectionOptions): Promise<void> {
  const { client, out } = await connect(io, options);
  const { data } = (await client.GET('/v1/messages/{id}/attempts', { params: { path: { id } } })).data;
  out.list(data, {
    ATTEMPT: ({ attempt_no }) => attempt_no,
    ANSWER: ({ response_status }) => response_status,
    MS: ({ response_latency_ms }) => response_latency_ms,
    TIME: ({ created_at }) => created_at,
    ERROR: ({ error_text }) => error_text,
  });
}

export async function send(
  io: Io,
  endpoint: string,
  options: ConnectionOptions & { payload: string; idempotencyKey?: string },
): Promise<void> {
  const payload = objectIn((await content(io, options.payload)).toString('utf8'));
  const connection = await connect(io, options);
  const { id: endpoint_id } = await endpointNamed(connection, endpoint);
  const body = { endpoint_id, payload, ...(options.idempotencyKey !== undefined && { idempotency_key: options.idempotencyKey }) };
  const { data } = (await connection.client.POST('/v1/webhooks/send', { body })).data;
  connection.out.one(data, { MESSAGE: (row) => row.message_id, STATUS: (row) => row.status });
}

function objectIn(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw usage('--payload: the file must be one JSON object');
  return value as Record<string, unknown>;
}

export async function replay(io: Io, id: string, options: ConnectionOptions): Promise<void> {
  const { client, out } = await connect(io, options);
  const { data } = (await client.POST('/v1/messages/{id}/replay', { params: { path: { id } } })).data;
  out.one(data, { MESSAGE: (row) => row.message_id, STATUS: (row) => row.status });
}

export async function cancelMessage(io: Io, id: string, options: ConnectionOptions & Confirmation): Promise<void> {
  const { client, out } = await connect(io, options);
  await confirm(io, `Give up the delivery of message ${printable(id)}?`, options);
  out.one((await client.POST('/v1/messages/{id}/cancel', { params: { path: { id } } })).data.data, MESSAGE_FIELDS);
}
