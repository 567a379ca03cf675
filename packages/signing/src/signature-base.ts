import { splitTarget } from './canonical-request.js';
import { type BareItem, serializeString } from './structured-fields.js';

/** Names in the headers of RFC 9421 §4. */
export const SIGNATURE_INPUT = 'signature-input';
export const SIGNATURE = 'signature';
export const CONTENT_DIGEST = 'content-digest';

/** What a signature must cover, apart from the body; what gateways sign (docs/signing.md). */
export const REQUIRED_COMPONENTS = ['@method', '@authority', '@path', '@query'] as const;

/** Marks the signature that verifiers of signature keys look for, among others in one request (RFC 9421 §2.3). */
export const SIGNATURE_TAG = 'signet';

/** What derived components are made of (RFC 9421 §2.2). */
export interface MessageTarget {
  method: string;
  /** Host, or `:authority`. */
  authority: string;
  /** In origin-form, or absolute. */
  target: string;
}

/**
 * The value of a derived component (RFC 9421 §2.2); undefined for one that is not known here. The parts of the target count as sent, without
 * any decoding. A port 80 or 443 is left out of the authority: neither side knows the scheme that the client used.
 */
export function derivedComponent(name: string, { method, authority, target }: MessageTarget): string | undefined {
  if (name === '@method') return method;
  if (name === '@authority') return authority.toLowerCase().replace(/:(?:80|443)$/, '');
  if (name === '@path') return splitTarget(target).path || '/';
  if (name === '@query') return `?${splitTarget(target).query}`;
  return undefined;
}

/** A parameter of a signature as a line has it. */
const serializeParameter = (key: string, { type, value }: BareItem): string =>
  `;${key}=${type === 'string' ? serializeString(value) : value}`;

/** The value of `@signature-params` (RFC 9421 §2.3): the member of Signature-Input. */
export const signatureParameters = (components: readonly string[], parameters: Iterable<readonly [string, BareItem]>): string =>
  `(${components.map(serializeString).join(' ')})${[...parameters].map(([key, item]) => serializeParameter(key, item)).join('')}`;

/** The bytes that are signed (RFC 9421 §2.5), all of them ASCII. */
export const signatureBase = (values: Iterable<readonly [component: string, value: string]>, parameters: string): string =>
  `${[...values].map(([component, value]) => `${serializeString(component)}: ${value}\n`).join('')}"@signature-params": ${parameters}`;
