import { parseAuthorization } from './parsed-authorization.js';
import type { ReceivedRequest, SignedContent } from './received.js';
import type { Refusal } from './errors.js';

/** The first line in which two canonical requests differ. */
export interface Difference {
  /** `method`, `uri`, `query`, `header host`, …, `signedHeaders` or `payload`. */
  part: string;
  received: string | undefined;
  signed: string | undefined;
  /** Index of the first different character. */
  column: number;
}

export interface Explanation {
  ok: true;
  received: { canonicalRequest: string; stringToSign: string };
  signed: { canonicalRequest: string };
  /** Undefined if both are equal, which means that the secret differs. */
  firstDifference: Difference | undefined;
}

/**
 * Compares the verifier's canonical request with the signer's. Neither contains a secret.
 * @param signed the signer's canonical request from its log, or the request as the signer sent it
 */
export function explain(
  received: ReceivedRequest,
  signed: string | ReceivedRequest,
  signatureHeader = 'authorization',
): Explanation | Refusal {
  const here = read(received, signatureHeader);
  if (!here.ok) return here;
  const there = typeof signed === 'string' ? signed : read(signed, signatureHeader);
  if (typeof there !== 'string' && !there.ok) return there;
  const theirs = typeof there === 'string' ? there : there.canonicalRequest;
  return {
    ok: true,
    received: { canonicalRequest: here.canonicalRequest, stringToSign: here.stringToSign },
    signed: { canonicalRequest: theirs },
    firstDifference: firstDifference(here.canonicalRequest, theirs),
  };
}

function read(request: ReceivedRequest, signatureHeader: string): SignedContent | Refusal {
  const authorization = parseAuthorization(request, signatureHeader);
  return authorization.ok ? authorization.signedContent(request) : authorization;
}

function firstDifference(received: string, signed: string): Difference | undefined {
  const ours = received.split('\n');
  const theirs = signed.split('\n');
  for (let line = 0; line < Math.max(ours.length, theirs.length); line++) {
    const [a, b] = [ours[line], theirs[line]];
    if (a === b) continue;
    return { part: partName(ours, line), received: a, signed: b, column: firstColumn(a ?? '', b ?? '') };
  }
  return undefined;
}

/** The component of a signature base; else of a canonical request: method, URI, query, one line per header, an empty line, signed headers, payload (docs/contracts/apig.md §6.2). */
function partName(lines: readonly string[], line: number): string {
  const component = /^"([^"]*)": /.exec(lines[line] ?? '')?.[1];
  if (component !== undefined) return component;
  const fixed = ['method', 'uri', 'query'][line] ?? { 2: 'signedHeaders', 1: 'payload' }[lines.length - line];
  if (fixed !== undefined) return fixed;
  const name = lines[line]?.split(':', 1)[0];
  return name === undefined || name === '' ? 'number of lines' : `header ${name}`;
}

function firstColumn(a: string, b: string): number {
  let column = 0;
  while (column < a.length && a[column] === b[column]) column++;
  return column;
}
