/** A request before it is sent, without its credentials. */
export interface RequestToAuthenticate {
  method: string;
  url: URL;
  body: Uint8Array | undefined;
}

/** Proves who calls. Holds its secret in a closure: neither `toString` nor an inspection shows it. */
export interface Credentials {
  /** @returns headers to set on this request */
  headersFor(request: RequestToAuthenticate): Record<string, string> | Promise<Record<string, string>>;
}

/** A secret, or a function that returns the current one, called for each request. */
type Secret = string | (() => string | Promise<string>);

/** The body and the newline of a file that the secret was read from are not visible ASCII. */
const VISIBLE = /^[\x21-\x7e]+$/;

/** A platform's own error about a header with a line break quotes the value. @throws TypeError without the value */
export function visible(what: string, value: unknown): string {
  if (typeof value !== 'string' || !VISIBLE.test(value)) throw new TypeError(`${what} is visible ASCII without spaces or line breaks`);
  return value;
}

function secretHeader(what: string, secret: Secret, header: (value: string) => Record<string, string>): Credentials {
  if (typeof secret !== 'function') visible(what, secret);
  return { headersFor: async () => header(visible(what, typeof secret === 'function' ? await secret() : secret)) };
}

/** A token of the identity service, sent as `X-Auth-Token`. */
export const token = (secret: Secret): Credentials => secretHeader('a token', secret, (value) => ({ 'X-Auth-Token': value }));

/** An API key of `/v1`, or the credential of a gateway node or a verifier, sent as `Authorization: Bearer`. */
export const apiKey = (secret: Secret): Credentials =>
  secretHeader('an API key', secret, (value) => ({ Authorization: `Bearer ${value}` }));
