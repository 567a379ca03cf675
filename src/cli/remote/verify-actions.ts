import { explain as compare, type Refusal, verifySignature } from 'signet-signing';
import { Exit, usage } from '../exit-codes.js';
import type { Io } from '../io.js';
import { format } from './connection.js';
import type { FormatOptions } from './options.js';
import { Result } from './output.js';
import { content } from './prompt.js';
import { isRequest, rawRequest } from './raw-request.js';
import { type MaterialOptions, signingMaterial } from './signing-material.js';

export interface VerifyOptions extends MaterialOptions {
  readonly at?: string;
  readonly skew?: number;
  readonly header?: string;
  readonly allowUnsignedBody?: boolean;
}

/** Verifies a request that was recorded. @throws Exit `invalid` when its signature is not valid */
export async function verify(io: Io, file: string, options: VerifyOptions): Promise<void> {
  if (file === '-' && options.material === '-') throw usage('only one of the request and --material can be standard input');
  const out = new Result(io, format(options));
  const key = await signingMaterial(io, options);
  const request = rawRequest(file, await content(io, file));
  const now = options.at === undefined ? undefined : instant(options.at);
  const verdict = verifySignature(request, {
    keys: [key],
    ...(now !== undefined && { now: () => now }),
    ...(options.skew !== undefined && { skewSeconds: options.skew }),
    ...(options.header !== undefined && { signatureHeader: options.header }),
    ...(options.allowUnsignedBody === true && { allowUnsignedPayload: true }),
  });
  if (!verdict.ok) return refused(out, verdict);
  out.one(verdict, {
    VALID: ({ ok }) => ok,
    KEY: ({ keyId }) => keyId,
    'BODY SIGNED': ({ bodySigned }) => bodySigned,
    'SIGNED HEADERS': ({ signedHeaders }) => signedHeaders.join(', '),
  });
}

function refused(out: Result, { code, hint }: Refusal): never {
  out.one({ ok: false, code, hint }, { VALID: ({ ok }) => ok, CODE: (row) => row.code, HINT: (row) => row.hint });
  throw new Exit('invalid', `the signature is not valid: ${code} (docs/result-codes.md)`);
}

function instant(text: string): number {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw usage('--at must be an instant in UTC, e.g. 2026-01-31T00:00:00Z');
  return ms;
}

/** Compares what was received with what was signed. @throws Exit `invalid` when they differ */
export async function explain(io: Io, received: string, signed: string, options: FormatOptions & { header?: string }): Promise<void> {
  if (received === '-' && signed === '-') throw usage('only one of the two can be standard input');
  const out = new Result(io, format(options));
  const theirs = await content(io, signed);
  const told = compare(
    rawRequest(received, await content(io, received)),
    isRequest(theirs) ? rawRequest(signed, theirs) : theirs.toString('utf8').replace(/\r?\n$/, ''),
    options.header ?? 'authorization',
  );
  if (!told.ok) return refused(out, told);
  const { firstDifference: difference } = told;
  if (difference === undefined) {
    out.one({ same: true }, { SAME: ({ same }) => same });
    io.stderr.write('both are the same: if the signature does not match, the secret differs\n');
    return;
  }
  out.one(
    { same: false, ...difference },
    {
      SAME: ({ same }) => same,
      PART: ({ part }) => part,
      RECEIVED: (row) => row.received,
      SIGNED: (row) => row.signed,
      COLUMN: ({ column }) => column,
    },
  );
  throw new Exit('invalid', `they differ first in: ${difference.part}`);
}
