import {
  CONTENT_DIGEST,
  derivedComponent,
  REQUIRED_COMPONENTS,
  SIGNATURE,
  SIGNATURE_INPUT,
  SIGNATURE_TAG,
  signatureBase,
  signatureParameters,
} from './signature-base.js';
import { type Digests, hasDigests, parseContentDigest } from './content-digest.js';
import { type Refusal, refuse } from './errors.js';
import type { HeaderReader } from './headers.js';
import {
  bodyHash,
  type ParsedAuthorization,
  type ReceivedBody,
  type RequestHead,
  SIGNED_CHARS_MAX,
  SIGNED_HEADERS_MAX,
  type SignedContent,
} from './received.js';
import { messageSchemeNamed } from './schemes.js';
import { type BareItem, type Dictionary, type InnerList, isInnerList, parseDictionary } from './structured-fields.js';

/** Types of the parameters of RFC 9421 §2.3. A signature with any other parameter is refused: it could mean a restriction. */
const PARAMETERS: Readonly<Record<string, BareItem['type']>> = {
  created: 'integer',
  expires: 'integer',
  keyid: 'string',
  alg: 'string',
  nonce: 'string',
  tag: 'string',
};
const SECONDS = /^(?:0|[1-9]\d{0,14})$/;
/** Field names in lower case (RFC 9421 §2.1). */
const FIELD = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** A signature base is ASCII, and a header value that is not would be read differently by servers in different languages. */
const PRINTABLE = /^[\t -~]*$/;

/**
 * Looks for a message signature of a signature key: the one with our tag.
 * @param alternative whether the request has an Authorization header that may be a signature instead
 * @returns undefined when there is none, which is decided before anything else is checked
 */
export function parseMessageSignature(
  request: RequestHead,
  header: HeaderReader,
  alternative: boolean,
): ParsedAuthorization | Refusal | undefined {
  const text = header(SIGNATURE_INPUT);
  if (text === undefined) return undefined;
  const inputs = text.length > SIGNED_CHARS_MAX ? undefined : parseDictionary(strip(text));
  if (inputs === undefined) return alternative ? undefined : refuse('malformed', 'Signature-Input is not a dictionary with each key once');
  const tagged = [...inputs].filter(([, { parameters }]) => isTagged(parameters));
  const [first, second] = tagged;
  if (first === undefined) return undefined;
  if (second !== undefined) return refuse('malformed', `more than one signature has the tag ${SIGNATURE_TAG}`);
  const [label, member] = first;
  if (!isInnerList(member)) return refuse('malformed', 'a member of Signature-Input is an inner list');
  const signature = signatureNamed(label, header);
  if (typeof signature !== 'string') return signature;
  return read(request, header, text.length, member, signature);
}

const isTagged = (parameters: ReadonlyMap<string, BareItem>) => {
  const tag = parameters.get('tag');
  return tag?.type === 'string' && tag.value === SIGNATURE_TAG;
};

function signatureNamed(label: string, header: HeaderReader): string | Refusal {
  const text = header(SIGNATURE);
  if (text === undefined) return refuse('malformed', 'there is a Signature-Input header and no Signature header');
  const signatures: Dictionary | undefined = text.length > SIGNED_CHARS_MAX ? undefined : parseDictionary(strip(text));
  if (signatures === undefined) return refuse('malformed', 'Signature is not a dictionary with each key once');
  const member = signatures.get(label);
  if (member === undefined || isInnerList(member) || member.bare.type !== 'bytes' || member.parameters.size > 0)
    return refuse('malformed', 'Signature has no byte sequence with the label of Signature-Input');
  return member.bare.value;
}

function read(
  request: RequestHead,
  header: HeaderReader,
  inputChars: number,
  { items, parameters }: InnerList,
  signature: string,
): ParsedAuthorization | Refusal {
  const { method, url } = request;
  if (typeof method !== 'string' || typeof url !== 'string') return refuse('malformed', 'a request has a method and a url');
  if (!/^[!-~]+$/.test(method)) return refuse('malformed', 'a method is printable ASCII');
  if (!TARGET.test(url))
    return refuse('malformed', 'a target starts with a slash or a scheme, and is printable ASCII without # and spaces');
  const claims = readParameters(parameters);
  if ('code' in claims) return claims;
  const authority = strip(header('host') ?? '');
  const values = readComponents(items, { method, target: url, authority }, header, inputChars + url.length);
  if ('code' in values) return values;
  const named = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?]*)/.exec(url)?.[1];
  if (named !== undefined && named.toLowerCase() !== authority.toLowerCase())
    return refuse('malformed', 'the target names another authority than Host');
  const scheme = messageSchemeNamed(claims.alg);
  if (scheme === undefined) return refuse('malformed', 'the signature names no algorithm that is known here');
  const covered = values.get(CONTENT_DIGEST);
  const digests = covered === undefined ? undefined : parseContentDigest(covered);
  if (covered !== undefined && digests === undefined) return refuse('malformed', 'Content-Digest has no digest of sha-256 or sha-512');

  const base = signatureBase(values, signatureParameters([...values.keys()], parameters));
  return {
    ok: true,
    scheme,
    accessId: claims.keyid,
    signedHeaders: [...values.keys()].join(';'),
    signature,
    signedAt: claims.created * 1000,
    ...(claims.expires !== undefined && { expiresAt: claims.expires * 1000 }),
    bodySigned: digests !== undefined,
    signedContent: (received) => signedContent(base, digests, received),
  };
}
/** Origin-form or absolute form. */
const TARGET = /^(?:\/|[A-Za-z][A-Za-z0-9+.-]*:\/\/)[!"$-~]*$/;

function signedContent(base: string, digests: Digests | undefined, { body, bodySha256 }: ReceivedBody): SignedContent | Refusal {
  const actual = bodyHash(body, bodySha256);
  if (actual === undefined) return refuse('malformed', 'pass the raw body bytes (or null), not a parsed body');
  if (typeof bodySha256 === 'string' && digests !== undefined && !digests.has('sha-256'))
    return refuse('malformed', 'Content-Digest has no sha-256: pass the body instead of its SHA-256');
  const known = typeof bodySha256 === 'string' ? undefined : body;
  return {
    ok: true,
    canonicalRequest: base,
    stringToSign: base,
    bodyMatches: () => digests === undefined || hasDigests(digests, known, actual),
  };
}

interface Claims {
  created: number;
  expires: number | undefined;
  keyid: string;
  alg: string;
}

function readParameters(parameters: ReadonlyMap<string, BareItem>): Claims | Refusal {
  for (const [name, { type, value }] of parameters) {
    if (!Object.hasOwn(PARAMETERS, name)) return refuse('malformed', `the signature has an unknown parameter: ${name.slice(0, 64)}`);
    if (PARAMETERS[name] !== type || (type === 'integer' && !SECONDS.test(value)))
      return refuse('malformed', `the parameter ${name} of the signature has another type`);
  }
  const value = (name: string) => parameters.get(name)?.value;
  const [created, expires, keyid, alg] = ['created', 'expires', 'keyid', 'alg'].map(value);
  if (created === undefined || !keyid || alg === undefined) return refuse('malformed', 'a signature has created, keyid and alg');
  return { created: Number(created), expires: expires === undefined ? undefined : Number(expires), keyid, alg };
}

/** The covered components in order, by name. @param chars length of what else is signed */
function readComponents(
  items: InnerList['items'],
  target: { method: string; target: string; authority: string },
  header: HeaderReader,
  chars: number,
): Map<string, string> | Refusal {
  if (items.length > SIGNED_HEADERS_MAX) return refuse('malformed', `more than ${SIGNED_HEADERS_MAX} components are signed`);
  const values = new Map<string, string>();
  let total = chars;
  for (const { bare, parameters } of items) {
    if (bare.type !== 'string' || parameters.size > 0) return refuse('malformed', 'a component is a string without parameters');
    const name = bare.value;
    const printed = name.slice(0, 64);
    if (values.has(name)) return refuse('malformed', `a component is signed twice: ${printed}`);
    const derived = name.startsWith('@');
    if (!derived && !FIELD.test(name)) return refuse('malformed', `a component is no field name in lower case: ${printed}`);
    const value = derived ? derivedComponent(name, target) : header(name);
    if (value === undefined && derived) return refuse('malformed', `a component is not known here: ${printed}`);
    if (value === undefined || (name === '@authority' && value === ''))
      return refuse('missing_signed_header', `a signed component did not arrive: ${printed}`);
    if ((total += value.length) > SIGNED_CHARS_MAX) return refuse('malformed', `more than ${SIGNED_CHARS_MAX} characters are signed`);
    if (!PRINTABLE.test(value)) return refuse('malformed', `the value of a signed component is not printable ASCII: ${printed}`);
    values.set(name, strip(value));
  }
  const missing = REQUIRED_COMPONENTS.find((name) => !values.has(name));
  return missing === undefined ? values : refuse('missing_signed_header', `${missing} is not signed`);
}

/** Without spaces and tabs at the ends. */
const strip = (text: string) => text.replace(/^[ \t]+|[ \t]+$/g, '');
