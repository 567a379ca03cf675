import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import type { Io } from '../io.js';
import type { Format } from './options.js';
import { Result } from './output.js';

const HOSTILE = 'a\u001b]0;x\u0007\u009b31m\u202eb\u2028c\ud800';
const ROWS = [
  { id: 1, name: '注文の鍵' },
  { id: 22, name: 'orders' },
];
const COLUMNS = { NAME: ({ name }: { name: string }) => name, ID: ({ id }: { id: number }) => id };

function printed(
  format: Format,
  write: (out: Result) => void,
  { columns, env = {} }: { columns?: number; env?: Record<string, string> } = {},
) {
  let text = '';
  const stdout = { write: (chunk: string | Uint8Array) => (text += String(chunk)), ...(columns !== undefined && { isTTY: true, columns }) };
  write(new Result({ stdout, env } as unknown as Io, format));
  return text;
}

describe('a table', () => {
  it('is aligned for characters that take two columns', () => {
    expect(printed('table', (out) => out.list(ROWS, COLUMNS))).toBe('NAME      ID\n注文の鍵  1\norders    22\n');
  });

  it('is cut to the terminal between characters, and only there', () => {
    const long = [{ id: 1, name: '注文の鍵注文の鍵' }];
    expect(printed('table', (out) => out.list(long, COLUMNS), { columns: 15, env: { NO_COLOR: '1' } })).toBe(
      'NAME         ID\n注文の鍵注…  1\n',
    );
    expect(printed('table', (out) => out.list(long, COLUMNS))).toContain('注文の鍵注文の鍵');
  });

  it('has bold headings on a terminal, unless NO_COLOR is set', () => {
    const list = (out: Result) => out.list(ROWS, COLUMNS);
    expect(printed('table', list, { columns: 80 })).toContain('\u001b[1mNAME');
    for (const text of [printed('table', list, { columns: 80, env: { NO_COLOR: '1' } }), printed('table', list)])
      expect(text).not.toContain('\u001b');
  });
});

describe('a name that a terminal would obey', () => {
  it.each(['table', 'json', 'yaml'] as const)('is printed as escapes in %s, by every kind of result', (format) => {
    const row = { id: 1, name: HOSTILE };
    for (const write of [
      (out: Result) => out.list([row], COLUMNS),
      (out: Result) => out.one(row, COLUMNS),
      (out: Result) => out.event(row, COLUMNS),
    ]) {
      const text = printed(format, write);
      expect(text).not.toMatch(/[\p{Cf}\p{Cs}\p{Zl}]|(?!\n)\p{Cc}/u);
      expect(text).toContain('\\u009b31m\\u202eb');
    }
  });

  it('is the same text again for a program that reads JSON or YAML', () => {
    const row = [{ id: 1, name: HOSTILE }];
    expect(JSON.parse(printed('json', (out) => out.list(row, COLUMNS)))).toEqual(row);
    expect(parse(printed('yaml', (out) => out.list(row, COLUMNS)))).toEqual(row);
  });
});
