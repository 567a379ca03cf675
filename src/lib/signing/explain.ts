import { type ReceivedRequest, readClaim } from './claim.js';
import type { Refusal } from './errors.js';

/** One line in which two canonical requests differ. */
export interface Difference {
  /** `method`, `uri`, `query`, `header host`, …, `signedHeaders` or `payload`. */
  part: string;
  received: string | undefined;
  signed: string | undefined;
  /** First character that differs, from 0. */
  column: number;
}

export interface Explanation {
  ok: true;
  received: { canonicalRequest: string; stringToSign: string };
  signed: { canonicalRequest: string };
  /** Undefined when both are the same: then the secret differs. */
  firstDifference: Difference | undefined;
}

/**
 * Sets what a verifier canonicalises beside what the signer did. Neither holds a secret.
 * @param signed the signer's canonical request from its log, or the request as the signer believes it was sent
 */
export function explain(
  received: ReceivedRequest,
  signed: string | ReceivedRequest,
  signatureHeader = 'authorization',
): Explanation | Refusal {
  const here = readClaim(received, signatureHeader);
  if (!here.ok) return here;
  const there = typeof signed === 'string' ? signed : readClaim(signed, signatureHeader);
  if (typeof there !== 'string' && !there.ok) return there;
  const theirs = typeof there === 'string' ? there : there.canonicalRequest;
  return {
    ok: true,
    received: { canonicalRequest: here.canonicalRequest, stringToSign: here.stringToSign },
    signed: { canonicalRequest: theirs },
    firstDifference: firstDifference(here.canonicalRequest, theirs),
  };
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

/** method, uri, query, one line a header, an empty one, signed headers, payload (apig §6.2). */
function partName(lines: readonly string[], line: number): string {
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
