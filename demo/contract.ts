import type { Answer } from './client.ts';

/** Forms of what the server makes up (docs/contracts/apig.md §4.3, §4.4). */
export const ID = /^[0-9a-f]{32}$/;
export const WRITTEN = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/;

/** A time as a later read gives it: in seconds (docs/contracts/apig.md §4.4). */
export const stored = (written: string) => `${written.slice(0, 19)}Z`;

/** The id in the seed page's example. */
export const EXAMPLE_ID = '0b0e8f456b8742218af75f945307173c';

export type SignType = 'hmac' | 'basic' | 'public_key' | 'aes';
export type Algorithm = 'aes-128-cfb' | 'aes-256-cfb';
export type Kind = Exclude<SignType, 'aes'> | Algorithm;

export const KINDS: readonly Kind[] = ['hmac', 'basic', 'public_key', 'aes-128-cfb', 'aes-256-cfb'];

/** The part of a body that says what kind of key it is. */
export const kindFields = (kind: Kind): { sign_type: SignType; sign_algorithm?: Algorithm } =>
  kind === 'aes-128-cfb' || kind === 'aes-256-cfb' ? { sign_type: 'aes', sign_algorithm: kind } : { sign_type: kind };

/** What key and secret of each kind look like (docs/contracts/apig.md §1.3). */
export const FORMS: Record<Kind, { key: RegExp; secret: RegExp }> = {
  hmac: { key: /^[A-Za-z0-9][A-Za-z0-9_-]{7,31}$/, secret: /^[A-Za-z0-9][A-Za-z0-9_\-!@#$%]{15,63}$/ },
  basic: { key: /^[A-Za-z][A-Za-z0-9_-]{3,31}$/, secret: /^[A-Za-z0-9][A-Za-z0-9_\-!@#$%]{7,63}$/ },
  public_key: { key: /^[A-Za-z0-9+/][A-Za-z0-9_\-+/=]{7,511}$/, secret: /^[A-Za-z0-9+/][A-Za-z0-9_\-!@#$%+/=]{15,2047}$/ },
  'aes-128-cfb': {
    key: /^[A-Za-z0-9+/][A-Za-z0-9_\-!@#$%+/=]{15}$/,
    secret: /^[A-Za-z0-9+/][A-Za-z0-9_\-!@#$%+/=]{15}$/,
  },
  'aes-256-cfb': {
    key: /^[A-Za-z0-9+/][A-Za-z0-9_\-!@#$%+/=]{31}$/,
    secret: /^[A-Za-z0-9+/][A-Za-z0-9_\-!@#$%+/=]{15}$/,
  },
};

const error = (status: number, error_code: string, error_msg: string | RegExp): Answer => ({ status, body: { error_code, error_msg } });
const HELP = 'Please refer to the support documentation';

/** The errors of the nine operations, word for word (docs/contracts/apig.md §1.9, §2.5, §5.3). */
export const tokenMissing = error(401, 'APIG.1000', 'The token is missing.');
export const tokenWrong = error(401, 'APIG.1002', 'Incorrect token or token resolution failed');
export const forbidden = error(403, 'APIG.1005', 'No permissions to request this method');
export const unparsable = error(400, 'APIG.2000', /^Parameter error: ./);
export const missing = (field: string) =>
  error(400, 'APIG.2001', `The request parameters must be specified,parameterName:${field}. ${HELP}`);
const invalid = (code: string, field: string) => error(400, code, `Invalid parameter value,parameterName:${field}. ${HELP}`);
/** In the body of a key. */
export const badField = (field: string) => invalid('APIG.2011', field);
/** In a query or a path, and in the body of a binding. */
export const badParameter = (parameter: string) => invalid('APIG.2012', parameter);
export const apiNotFound = (id: string) => error(404, 'APIG.3002', `API ${id} does not exist`);
export const publicationNotFound = error(404, 'APIG.3015', 'The API publication record does not exist.');
export const signNotFound = (id: string) => error(404, 'APIG.3017', `Signature key ${id} does not exist`);
export const bindingNotFound = error(404, 'APIG.3018', 'The signature key binding record does not exist');
export const gatewayNotFound = (id: string) => error(404, 'APIG.3030', `The instance does not exist;id:${id}`);
export const quotaExceeded = error(403, 'APIG.3105', 'The number of signature keys exceeds the maximum allowed limit.');
export const nameTaken = error(400, 'APIG.3207', 'The signature key name already exists.');
export const typeUnsupported = (type: string, gateway: string) =>
  error(412, 'APIG.3548', `sign_type=${type} not supported by instance ${gateway}`);

export const NO_CONTENT: Answer = { status: 204 };
