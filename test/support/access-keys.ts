import { type RawAnswer, raw } from './raw-http.js';
import { type Pair, signRaw, type Unsigned } from './raw-signer.js';
import { FULL_ACCESS, type Client, type TestService } from './service.js';

/** A user of a project, by token and by access key. */
export interface Signer {
  client: Client;
  key: Pair;
}

export async function signer(service: TestService, options: { project?: string; role?: string } = { role: FULL_ACCESS }): Promise<Signer> {
  const client = await service.client(options);
  const { body, status, text } = await client.post('/v3.0/OS-CREDENTIAL/credentials', { credential: { description: 'of a test' } });
  if (status !== 201) throw new Error(`no access key: ${status} ${text}`);
  return { client, key: { access: body.credential.access, secret: body.credential.secret } };
}

const portOf = (baseUrl: string) => Number(new URL(baseUrl).port);
const hostOf = (baseUrl: string) => new URL(baseUrl).host;

export interface SignedRequest extends Partial<Unsigned> {
  target: string;
  form?: 'Access' | 'Credential';
  /** The time of the signature, in milliseconds since the epoch. */
  at?: number;
  /** Headers that are sent unsigned after the signed ones, and override them. */
  unsigned?: Record<string, string>;
  /** Values that are sent in place of the signed method, target or body. */
  sent?: { method?: string; target?: string; body?: string };
}

/** Signs and sends a request on a new socket. Signs `host` unless the headers override it. */
export function send(baseUrl: string, key: Pair, request: SignedRequest): Promise<RawAnswer> {
  const { form = 'Access', method = 'GET', target, body, at, unsigned = {}, sent = {} } = request;
  const headers = request.headers ?? { host: hostOf(baseUrl) };
  const signed = signRaw(form, key, { method, target, headers, ...(body !== undefined && { body }) }, at);
  const bytes = sent.body ?? body;
  return raw(portOf(baseUrl), sent.method ?? method, sent.target ?? target, {
    headers: { host: hostOf(baseUrl), ...signed, ...unsigned },
    ...(bytes !== undefined && { body: bytes }),
  });
}
