import type { ReceivedRequest } from 'signet-signing';
import { usage } from '../exit-codes.js';

const REQUEST_LINE = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+) (\S+) HTTP\/\d(?:\.\d)?$/;
const FIELD = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*(.*?)[ \t]*$/;

/** Whether a file begins like a request, and not like a canonical request. */
export const isRequest = (bytes: Buffer): boolean => REQUEST_LINE.test(lineIn(bytes));

const lineIn = (bytes: Buffer) =>
  bytes
    .subarray(0, bytes.indexOf('\n') < 0 ? undefined : bytes.indexOf('\n'))
    .toString('latin1')
    .replace(/\r$/, '');

/**
 * Reads one HTTP/1 request: request line, header lines, an empty line, the body. Lines may end with LF alone, as in a text file. What follows
 * `Content-Length` bytes of the body is the newline of an editor.
 * @throws Exit `usage` naming what is wrong
 */
export function rawRequest(what: string, bytes: Buffer): ReceivedRequest {
  const lines: string[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf('\n', at);
    const line = bytes
      .subarray(at, end < 0 ? undefined : end)
      .toString('latin1')
      .replace(/\r$/, '');
    at = end < 0 ? bytes.length : end + 1;
    if (line === '') break;
    lines.push(line);
    if (end < 0) break;
  }
  const [first = '', ...rest] = lines;
  const [, method, url] = REQUEST_LINE.exec(first) ?? [];
  if (method === undefined || url === undefined) throw usage(`${what}: the first line must be METHOD TARGET HTTP/1.1`);
  const headers: Record<string, string[]> = {};
  for (const line of rest) {
    const [, name, value] = FIELD.exec(line) ?? [];
    if (name === undefined || value === undefined) throw usage(`${what}: a header line must be Name: value`);
    (headers[name.toLowerCase()] ??= []).push(value);
  }
  if (headers['transfer-encoding'] !== undefined) throw usage(`${what}: write the body without chunks, and leave out Transfer-Encoding`);
  const [length] = headers['content-length'] ?? [];
  const body = bytes.subarray(at);
  if (length === undefined) return { method, url, headers, body };
  if (!/^\d{1,9}$/.test(length) || Number(length) > body.length) throw usage(`${what}: the body is shorter than its Content-Length`);
  return { method, url, headers, body: body.subarray(0, Number(length)) };
}
