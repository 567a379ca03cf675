import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type DigestRow, digestOf, digestText, EMPTY_DIGEST, withoutRow, withRow } from './digest.js';
import { reportBytes } from './report-bytes.js';

const row = fc.record<DigestRow>({
  environment: fc.string(),
  method: fc.constantFrom('GET', 'ANY'),
  path: fc.string(),
  matchMode: fc.constantFrom('NORMAL', 'SWA'),
  publishId: fc.string(),
  signId: fc.option(fc.string()),
  secretVersion: fc.option(fc.nat()),
});

describe('the digest of a table', () => {
  it('does not depend on the order of rows', () => {
    fc.assert(fc.property(fc.array(row), (rows) => digestOf(rows) === digestOf(rows.toReversed())));
  });

  it('does not change when a row is added and removed again', () => {
    fc.assert(
      fc.property(fc.array(row), row, (rows, other) => {
        const digest = digestOf(rows);
        return withoutRow(withRow(digest, other), other) === digest && withRow(digest, other) !== digest;
      }),
    );
  });

  it('is SHA-256 of the row as a JSON array, as 64 digits', () => {
    const text = '["RELEASE","GET","/a","NORMAL","p","s",1]';
    const one = { environment: 'RELEASE', method: 'GET', path: '/a', matchMode: 'NORMAL', publishId: 'p', signId: 's', secretVersion: 1 };
    expect(digestText(withRow(EMPTY_DIGEST, one))).toBe(createHash('sha256').update(text).digest('hex'));
    expect(digestText(EMPTY_DIGEST)).toBe('0'.repeat(64));
  });

  it('is a sum modulo 2^256', () => {
    const one = { environment: '', method: '', path: '', matchMode: '', publishId: '', signId: null, secretVersion: null };
    expect(digestText(withoutRow(EMPTY_DIGEST, one))).toMatch(/^[0-9a-f]{64}$/);
    expect(withRow(withoutRow(EMPTY_DIGEST, one), one)).toBe(EMPTY_DIGEST);
  });
});

describe('the signed bytes of a report', () => {
  it('are fixed, so that every implementation signs the same bytes', () => {
    const report = {
      gatewayId: 'g',
      epoch: 'e',
      sessionId: 's',
      counter: 7,
      revision: 41,
      newestRevision: 42,
      digest: '0'.repeat(64),
      leaseSeconds: null,
      leaving: false,
    };
    expect(reportBytes(report).toString()).toBe(`["signet/report/1","g","e","s",7,41,42,"${'0'.repeat(64)}",null,false]`);
  });
});
