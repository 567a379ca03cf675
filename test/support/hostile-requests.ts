import type { GatewayPublication } from '../../src/lib/protocol/protocol.js';

/** Every set-up that signs requests, in the order of the tables in the documents. */
export const ENTRYPOINTS = ['signing proxy', 'nginx', 'haproxy', 'caddy', 'envoy', 'traefik', 'apisix'] as const;
export type Entrypoint = (typeof ENTRYPOINTS)[number];

/** The APIs of the table. A key has the name of its API, and that of `message` is of RFC 9421; `keyless` has no key, and the key of `gone` was deleted. */
export const HOSTILE_APIS = {
  public: { req_uri: '/public' },
  admin: { req_uri: '/admin' },
  items: { req_uri: '/items/{id}/parts', match_mode: 'NORMAL', req_method: 'GET' },
  pairs: { req_uri: '/{a}/{b}', match_mode: 'NORMAL', req_method: 'GET', env_name: 'PAIRS' },
  posted: { req_uri: '/posted', match_mode: 'NORMAL', req_method: 'POST' },
  staged: { req_uri: '/staged', env_name: 'TEST' },
  gone: { req_uri: '/gone' },
  keyless: { req_uri: '/keyless' },
  message: { req_uri: '/message' },
} satisfies Record<string, Partial<GatewayPublication>>;

/** The request reaches the backend once, and its signature covers exactly the bytes that arrive. */
interface Passed {
  /** The target at the backend; default: as sent. */
  target: string;
  /** The API whose key signs; default: `public`. */
  key?: keyof typeof HOSTILE_APIS;
  method?: string;
  body?: string;
  host?: string;
  /** The headers that must not arrive, in lower case. */
  absent?: readonly string[];
  present?: Readonly<Record<string, string>>;
}

/**
 * A status means that the request is refused with it and does not reach the backend. `unverified` means that it arrives and the backend's
 * verifier refuses it.
 */
export type Expected = number | Passed | 'unverified';

export interface HostileRequest {
  /** Description of the attack. */
  name: string;
  /** The bytes that are sent, one character per byte. */
  bytes: string;
  expected: Expected;
  /** Gateways that answer such a request themselves, with their status. */
  except?: Partial<Record<Entrypoint, Expected>>;
}

const request = (method: string, target: string, headers: readonly string[] = [], body = ''): string => {
  const has = (name: string) => headers.some((line) => line.toLowerCase().startsWith(`${name}:`));
  const own = [...(has('host') ? [] : ['Host: api.example']), ...headers, ...(has('connection') ? [] : ['Connection: close'])];
  return `${method} ${target} HTTP/1.1\r\n${own.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
};
const get = (target: string, ...headers: string[]) => request('GET', target, headers);
const post = (body: string, ...headers: string[]) => request('POST', '/public/x', [`Content-Length: ${body.length}`, ...headers], body);
const chunked = (body: string, ...headers: string[]) => request('POST', '/public/x', ['Transfer-Encoding: chunked', ...headers], body);

const refusedTargets: [name: string, target: string, except?: HostileRequest['except']][] = [
  ['a dot segment into another API', '/public/../admin/x'],
  ['both dots encoded', '/public/%2e%2e/admin/x'],
  ['both dots encoded, upper case', '/public/%2E%2E/admin/x'],
  ['the second dot encoded', '/public/.%2e/admin/x'],
  ['the first dot encoded', '/public/%2e./admin/x'],
  ['the dots encoded twice', '/public/%252e%252e/admin/x'],
  ['a single dot', '/public/./x'],
  ['a single encoded dot', '/public/%2e/x'],
  ['dots at the end', '/public/x/..'],
  ['a dot at the end', '/public/.'],
  ['dots above the root', '/../public/x'],
  ['encoded dots above the root', '/%2e%2e/admin/x'],
  ['dots in an API of one parameter', '/items/../parts'],
  ['dots before a path parameter', '/public/..;/admin/x'],
  ['dots before a path parameter with a value', '/public/..;a=b/admin/x'],
  ['dots before an encoded semicolon', '/public/..%3b/admin/x'],
  ['dots before an encoded slash', '/public/..%2fadmin/x'],
  ['dots and slash encoded', '/public/%2e%2e%2fadmin/x'],
  ['an encoded slash', '/public/a%2fb'],
  ['an encoded slash, upper case', '/public/a%2Fb'],
  ['an encoded slash in a parameter', '/items/1%2F2/parts'],
  ['an encoded slash in place of the first', '/public%2fx'],
  ['a backslash', '/public/..\\admin\\x'],
  ['a backslash in place of every slash', '/public\\..\\admin'],
  ['an encoded backslash', '/public/..%5cadmin'],
  ['an encoded backslash, upper case', '/public/a%5Cb'],
  ['an encoded NUL', '/public/a%00b'],
  ['an encoded line feed', '/public/a%0ab'],
  ['an encoded header', '/public/a%0d%0aX-Stage:%20TEST'],
  ['an encoded tab', '/public/a%09b'],
  ['an encoded unit separator', '/public/a%1fb'],
  ['an encoded DEL', '/public/a%7fb'],
  ['an escape without digits', '/public/%zz'],
  ['an escape of one digit', '/public/%2'],
  ['a percent sign alone', '/public/100%'],
  ['an overlong dot', '/public/%c0%ae%c0%ae/admin/x'],
  ['an overlong slash', '/public/a%c0%afb'],
  ['a byte that UTF-8 does not have', '/public/%ff'],
  ['a character cut off', '/public/%e8%ae'],
  ['a surrogate', '/public/%ed%a0%80'],
  ['GBK', '/public/%d6%d0'],
  ['raw UTF-8', '/public/\xe8\xae\xa2'],
  ['a raw byte above 0x7F', '/public/\xff'],
  ['a raw byte above 0x7F in the query', '/public/x?a=\xff'],
  ['raw UTF-8 in the query', '/public/x?a=\xe4\xb8\xad'],
  ['a fragment', '/public/x#/../admin'],
  ['a fragment after a query', '/public/x?a=b#c'],
  ['a raw NUL', '/public/a\0b'],
  ['a raw control byte', '/public/a\x01b'],
  ['a raw DEL', '/public/a\x7fb'],
  ['a raw tab', '/public/a\tb'],
  ['a space', '/public/a b'],
  ['a vertical tab in the query', '/public/x?a=\vb'],
  ['no slash at the beginning', 'public/x'],
  ['an asterisk', '*'],
  ['a query alone', '?/public/x'],
  ['the absolute form of another host', 'http://internal.example/public/x'],
  ['the absolute form with a user', 'http://api.example@internal.example/public/x'],
  ['the absolute form with another port', 'http://api.example:81/public/x'],
  ['the absolute form with a dot segment', 'http://api.example/public/../admin/x'],
  ['another scheme', 'ftp://api.example/public/x'],
  ['a file', 'file:///public/x'],
];

const passedTargets: [name: string, target: string, key?: Passed['key'], except?: HostileRequest['except']][] = [
  ['empty segments', '/public//x//y'],
  ['a slash at the end', '/public/x/'],
  ['the API itself', '/public'],
  ['plus signs', '/public/a+b?c=d+e&c=d%2Be&+=+'],
  ['encoded UTF-8', '/public/%E8%AE%A2?n=%E4%B8%AD%F0%9F%98%80'],
  ['punctuation', "/public/!'()*?x=!'()*&x&=y"],
  ['a path parameter', '/public/a;b=c/d'],
  ['three dots', '/public/.../x'],
  ['a hidden file', '/public/.hidden'],
  ['dots within a segment', '/public/a..b'],
  ['empty pairs and two equals signs', '/public/a/?b=&&a=1=2'],
  ['escapes that need not be', '/public/%7Ea%2b?%7e=%2A'],
  ['a slash encoded twice', '/public/a%252Fb'],
  ['an encoded space', '/public/a%20b?c=%20'],
  // Go escapes this character, and verifiers treat both forms as equal.
  ['a separator', '/public/a|b', 'public', { caddy: { target: '/public/a%7Cb' } }],
  ['an encoded separator', '/public/a%7Cb'],
  ['a colon and an at sign', '/public/a:b@c'],
  ['dots in the query', '/public/x?a=../../admin'],
  ['encoded slashes in the query', '/public/x?a=%2e%2e%2fadmin'],
  ['malformed escapes in the query', '/public/x?a=%zz&b=%'],
  ['control bytes in the query', '/public/x?a=%00%0d%0a'],
  ['a query that is no UTF-8', '/public/x?a=%ff%d6%d0'],
  ['a second question mark', '/public/x?a=b?c'],
  ['the names of a query out of order and repeated', '/public/x?b=2&a=2&a=1&B=1'],
  ['a template with one parameter', '/items/7/parts', 'items'],
];

const missedTargets: [name: string, target: string, status: number][] = [
  ['an empty segment before the API', '//public/x', 404],
  ['what looks like another host', '//internal.example/public/x', 404],
  ['a prefix of a segment', '/publicx', 404],
  ['another case', '/PUBLIC/x', 404],
  ['an encoded space behind the API', '/public%20/x', 404],
  ['an empty parameter', '/items//parts', 404],
  ['a slash behind a whole template', '/items/7/parts/', 404],
  ['the method of another API', '/posted', 404],
  ['an API without a key', '/keyless', 403],
  ['an API whose key was deleted', '/gone', 403],
];

const refusedMethods: [method: string, except?: HostileRequest['except']][] = [
  // nginx and Node do not support such tokens.
  ['post', { nginx: 400 }],
  ['Get', { nginx: 400 }],
  ['TRACE'],
  ['TRACK'],
  ['PROPFIND'],
  ['QUERY'],
  ['ANY'],
  ['FOO'],
  ['GET2', { nginx: 400 }],
];

const refusedHosts: [name: string, lines: readonly string[], except?: HostileRequest['except']][] = [
  // HAProxy merges them before it applies its rules.
  ['two of the same', ['Host: api.example', 'Host: api.example'], { haproxy: { target: '/public/x' } }],
  ['two different ones', ['Host: api.example', 'Host: internal.example']],
  ['an empty one', ['Host: ']],
  ['user, path and query', ['Host: a@b/x?y']],
  ['a user', ['Host: api.example@internal.example']],
  ['a path', ['Host: api.example/x']],
  ['a list', ['Host: api.example, internal.example']],
  ['a space', ['Host: api example']],
  ['a fragment', ['Host: api.example#x']],
  ['a backslash', ['Host: api.example\\x']],
  ['a port that is none', ['Host: api.example:8o']],
  ['two ports', ['Host: api.example:80:81']],
  ['a byte above 0x7F', ['Host: api.ex\xe4mple']],
  ['a folded line', ['Host: api.example\r\n internal.example']],
  ['a space before the colon', ['Host : api.example']],
];

const HELLO: Passed = { target: '/public/x', method: 'POST', body: 'hello' };

const refusedFraming: [name: string, bytes: string, except?: HostileRequest['except']][] = [
  ['gzip, chunked', chunked('5\r\nhello\r\n0\r\n\r\n').replace('chunked', 'gzip, chunked'), { nginx: 501, caddy: 501, haproxy: 422 }],
  ['chunked, chunked', chunked('5\r\nhello\r\n0\r\n\r\n').replace('chunked', 'chunked, chunked'), { nginx: 501, caddy: 501 }],
  ['gzip', chunked('').replace('chunked', 'gzip'), { nginx: 501, caddy: 501 }],
  ['identity', chunked('').replace('chunked', 'identity'), { nginx: 501, caddy: 501 }],
  ['chunked, identity', chunked('').replace('chunked', 'chunked, identity'), { nginx: 501, caddy: 501 }],
  ['chunked twice', chunked('5\r\nhello\r\n0\r\n\r\n', 'Transfer-Encoding: chunked'), { caddy: 501 }],
  ['chunked after a vertical tab', chunked('5\r\nhello\r\n0\r\n\r\n').replace(' chunked', ' \vchunked'), { nginx: 501, caddy: 501 }],
  ['chunked with a space before the colon', chunked('5\r\nhello\r\n0\r\n\r\n').replace('Encoding:', 'Encoding :')],
  // Go ignores the coding of an HTTP/1.0 request, so the request has no body.
  [
    'chunked in HTTP/1.0',
    chunked('5\r\nhello\r\n0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0'),
    { caddy: { target: '/public/x', method: 'POST' } },
  ],
  // Go and HAProxy use the coding and drop the length, as in RFC 9112 §6.3.
  ['chunked and a length', chunked('5\r\nhello\r\n0\r\n\r\n', 'Content-Length: 5'), { caddy: HELLO, haproxy: HELLO }],
  [
    'a length and chunked',
    post('0\r\n\r\n', 'Transfer-Encoding: chunked'),
    { caddy: { target: '/public/x', method: 'POST' }, haproxy: { target: '/public/x', method: 'POST' } },
  ],
  ['two lengths', post('hello', 'Content-Length: 6')],
  ['a list of lengths', post('hello').replace('Length: 5', 'Length: 5, 6')],
  ['a length with a sign', post('hello').replace('Length: 5', 'Length: +5')],
  ['a negative length', post('hello').replace('Length: 5', 'Length: -5')],
  ['a length in hexadecimal', post('hello').replace('Length: 5', 'Length: 0x5')],
  ['a header name with a space', get('/public/x', 'X Stage: TEST')],
  // nginx reads it as a header without a value.
  ['a header without a colon', get('/public/x', 'X-Stage'), { nginx: { target: '/public/x' } }],
  ['a header value with a NUL', get('/public/x', 'X-Note: a\0b')],
  ['a bare carriage return in a header', get('/public/x', 'X-Note: a\rX-Stage: TEST')],
  // nginx answers as for HTTP/0.9, which has no status.
  ['no version', 'GET /public/x\r\n\r\n', { nginx: 0 }],
];

const refusedStages: [name: string, lines: readonly string[], target?: string][] = [
  ['method and path of a deleted API', ['X-Stage: RELEASE|GET|/gone/'], '/x'],
  ['method and path of another API', ['X-Stage: RELEASE|GET|/admin/'], '/x'],
  ['a separator alone', ['X-Stage: |']],
  ['two in one line', ['X-Stage: RELEASE, TEST']],
  ['two without a space', ['X-Stage: RELEASE,TEST']],
  ['two lines', ['X-Stage: RELEASE', 'X-Stage: TEST']],
  ['two lines of the same', ['X-Stage: RELEASE', 'X-Stage: RELEASE']],
  ['an empty one and another', ['X-Stage: ', 'X-Stage: TEST'], '/staged'],
  ['a pattern', ['X-Stage: .*']],
  ['a path', ['X-Stage: ../TEST']],
  ['an escape', ['X-Stage: TE%53T']],
  ['quotes', ['X-Stage: "RELEASE"']],
  ['a byte above 0x7F', ['X-Stage: REL\xcbASE']],
  ['a space', ['X-Stage: RELEASE TEST']],
  ['a name that is too short', ['X-Stage: AB']],
  ['a name that is too long', [`X-Stage: ${'A'.repeat(65)}`]],
];

const SIGNATURE = 'SDK-HMAC-SHA256 Access=forged, SignedHeaders=host, Signature=00';
const HASH = 'f0'.repeat(32);
/** Headers of a client that must not reach the backend: each value contains the word `forged`. */
const forged: [name: string, lines: readonly string[], except?: HostileRequest['except']][] = [
  ['the signature', [`Authorization: ${SIGNATURE}`]],
  ['the signature twice', [`Authorization: ${SIGNATURE}`, 'Authorization: Bearer forged'], { nginx: 400 }],
  ['the date', ['X-Sdk-Date: forged']],
  ['a folded date', ['X_Sdk_Date: forged']],
  ['a half-folded date', ['X-Sdk_Date: forged']],
  ['a folded hash', ['X_Sdk_Content_Sha256: forged']],
  ['a folded forwarded address', ['X_Forwarded_For: forged']],
  ['a half-folded forwarded scheme', ['X-Forwarded_Proto: forged']],
  ['a folded environment', ['X_Stage: forged']],
  ["nginx's question", ['X-Original-Uri: /forged', 'X-Original-Method: forged', 'X-Original-Host: forged']],
  ["Caddy's question", ['X-Forwarded-Uri: /forged', 'X-Forwarded-Method: forged', 'X-Forwarded-Host: forged']],
  ['both questions', ['X-Original-Uri: /forged', 'X-Forwarded-Uri: /forged']],
  ['the coding of the question', ['X-Original-Transfer-Encoding: forged']],
  ['the length of the question', ['X-Original-Content-Length: forged']],
  ['a message signature', ['Signature-Input: forged=()', 'Signature: forged=:AAAA:', 'Content-Digest: forged']],
];

/** HTTP message signatures: what reaches the backend is signed, and nothing of the client is among its signature. HAProxy cannot sign so. */
const OTHERS = ['authorization', 'x-sdk-date', 'x-sdk-content-sha256'];
const messages: [name: string, bytes: string, expected: Omit<Passed, 'key'>][] = [
  ['a GET', get('/message/a//b?c=%7e&d'), { target: '/message/a//b?c=%7e&d' }],
  ['a body', request('POST', '/message/x', ['Content-Length: 5'], 'hello'), { target: '/message/x', method: 'POST', body: 'hello' }],
  ['the default port', get('/message/x', 'Host: API.example:80'), { target: '/message/x', host: 'API.example:80' }],
  [
    'a forged one',
    get('/message/x', 'Signature-Input: signet=("@method");keyid="forged";tag="signet"', 'Signature: signet=:forged:'),
    { target: '/message/x' },
  ],
  ['a forged digest', get('/message/x', 'Content-Digest: sha-256=:forged:'), { target: '/message/x' }],
  [
    'a forged signature of another scheme',
    get('/message/x', `Authorization: ${SIGNATURE}`, 'X-Sdk-Date: forged'),
    { target: '/message/x' },
  ],
  ['folded names', get('/message/x', 'Signature_Input: forged', 'Content_Digest: forged'), { target: '/message/x' }],
  ['Connection names it', get('/message/x', 'Connection: close, Signature, Signature-Input, Content-Digest'), { target: '/message/x' }],
];

/** `Connection` removes the headers that it names: before signing, never after. */
const connections: [name: string, value: string][] = [
  ['the signature', 'close, Authorization'],
  ['the date', 'close, X-Sdk-Date'],
  ['the hash', 'close, X-Sdk-Content-Sha256'],
  ['the host', 'close, Host'],
  ['everything', 'close, Authorization, X-Sdk-Date, X-Sdk-Content-Sha256, Host, X-Stage, Content-Length'],
];

const WEBSOCKET = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Version: 13'];
const H2C = ['Connection: Upgrade, HTTP2-Settings, close', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'];
const UPGRADE = ['upgrade', 'http2-settings'];

export const HOSTILE_REQUESTS: readonly HostileRequest[] = [
  ...refusedTargets.map(([name, target, except]) => ({ name: `path: ${name}`, bytes: get(target), expected: 400, except })),
  ...passedTargets.map(([name, target, key = 'public' as const, except]) => ({
    name: `path: ${name}`,
    bytes: get(target),
    expected: { target, key },
    except,
  })),
  ...missedTargets.map(([name, target, expected]) => ({ name: `path: ${name}`, bytes: get(target), expected })),
  {
    name: 'path: a separator in a parameter',
    bytes: get('/items/a|b/parts'),
    expected: { target: '/items/a|b/parts', key: 'items' },
    except: { caddy: { target: '/items/a%7Cb/parts', key: 'items' } },
  },
  { name: 'path: longer than 32 KiB', bytes: get(`/public/${'a'.repeat(33_000)}`), expected: 414 },
  {
    name: 'path: the absolute form of the same host',
    bytes: get('http://api.example/public/x?a'),
    expected: { target: '/public/x?a' },
    except: { caddy: 400 },
  },
  { name: 'path: the absolute form without a path', bytes: get('http://api.example'), expected: 404, except: { caddy: 400 } },
  { name: 'path: an asterisk for OPTIONS', bytes: request('OPTIONS', '*'), expected: 400, except: { caddy: 200 } },

  ...refusedMethods.map(([method, except]) => ({ name: `method: ${method}`, bytes: request(method, '/public/x'), expected: 405, except })),
  {
    name: 'method: CONNECT',
    bytes: request('CONNECT', 'api.example:443', ['Host: api.example:443']),
    expected: 405,
    except: { nginx: 400 },
  },
  { name: 'method: TRACE of an API without a key', bytes: request('TRACE', '/keyless'), expected: 405 },
  ...['HEAD', 'OPTIONS', 'DELETE', 'PUT', 'PATCH'].map((method) => ({
    name: `method: ${method}`,
    bytes: request(method, '/public/x', method === 'PUT' || method === 'PATCH' ? ['Content-Length: 0'] : []),
    expected: { target: '/public/x', method },
  })),
  {
    name: 'method: another one in a header',
    bytes: get('/public/x', 'X-HTTP-Method-Override: DELETE'),
    expected: { target: '/public/x', method: 'GET' },
  },

  ...refusedHosts.map(([name, lines, except]) => ({
    name: `host: ${name}`,
    bytes: request('GET', '/public/x', lines),
    expected: 400,
    except,
  })),
  { name: 'host: none', bytes: 'GET /public/x HTTP/1.1\r\nConnection: close\r\n\r\n', expected: 400 },
  { name: 'host: none in HTTP/1.0', bytes: 'GET /public/x HTTP/1.0\r\n\r\n', expected: 400 },
  { name: 'host: an address', bytes: get('/public/x', 'Host: [::1]:8080'), expected: { target: '/public/x', host: '[::1]:8080' } },
  {
    name: 'host: upper case',
    bytes: get('/public/x', 'Host: API.Example:8080'),
    expected: { target: '/public/x', host: 'API.Example:8080' },
  },

  ...refusedFraming.map(([name, bytes, except]) => ({ name: `framing: ${name}`, bytes, expected: 400, except })),
  { name: 'framing: a body', bytes: post('hello'), expected: { target: '/public/x', method: 'POST', body: 'hello' } },
  {
    name: 'framing: a body in chunks with an extension',
    bytes: chunked('2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'),
    expected: { target: '/public/x', method: 'POST', body: 'hello' },
  },
  {
    name: 'framing: a signature in a trailer',
    bytes: chunked('5\r\nhello\r\n0\r\nAuthorization: forged\r\nX-Sdk-Date: forged\r\n\r\n', 'Trailer: Authorization, X-Sdk-Date'),
    expected: { target: '/public/x', method: 'POST', body: 'hello' },
  },
  {
    name: 'framing: a request in the body of a GET',
    bytes: request('GET', '/public/x', ['Content-Length: 46'], 'GET /admin/x HTTP/1.1\r\nHost: api.example\r\n\r\n..'),
    expected: { target: '/public/x', body: 'GET /admin/x HTTP/1.1\r\nHost: api.example\r\n\r\n..' },
    except: { caddy: 'unverified' },
  },

  ...refusedStages.map(([name, lines, target = '/public/x']) => ({
    name: `X-Stage: ${name}`,
    bytes: get(target, ...lines),
    expected: 400,
  })),
  { name: 'X-Stage: an empty one', bytes: get('/public/x', 'X-Stage: '), expected: { target: '/public/x' } },
  { name: 'X-Stage: of another environment', bytes: get('/staged/x', 'X-Stage: TEST'), expected: { target: '/staged/x', key: 'staged' } },
  { name: 'X-Stage: spaces around it', bytes: get('/staged/x', 'X-Stage:   TEST  '), expected: { target: '/staged/x', key: 'staged' } },
  { name: 'X-Stage: another case', bytes: get('/staged/x', 'X-Stage: test'), expected: 404 },
  { name: 'X-Stage: of no environment', bytes: get('/public/x', 'X-Stage: NOWHERE'), expected: 404 },
  { name: 'X-Stage: folded', bytes: get('/staged/x', 'X_Stage: TEST'), expected: 404 },
  { name: 'X-Stage: two parameters', bytes: get('/a/b', 'X-Stage: PAIRS'), expected: { target: '/a/b', key: 'pairs' } },

  ...forged.map(([name, lines, except]) => ({
    name: `forged: ${name}`,
    bytes: get('/public/x', ...lines),
    expected: { target: '/public/x' },
    except,
  })),
  ...forged.map(([name, lines, except]) => ({
    name: `forged with a body: ${name}`,
    bytes: post('hello', ...lines),
    expected: { target: '/public/x', method: 'POST', body: 'hello' },
    except,
  })),
  {
    name: 'forged: the hash of another body',
    bytes: post('hello', `X-Sdk-Content-Sha256: ${HASH}`),
    expected: { target: '/public/x', method: 'POST', body: 'hello' },
  },
  {
    name: 'forged: a body that is not covered',
    bytes: get('/public/x', 'X-Sdk-Content-Sha256: UNSIGNED-PAYLOAD'),
    expected: { target: '/public/x', absent: ['x-sdk-content-sha256'] },
  },
  {
    name: 'forged: a part of a body',
    bytes: get('/public/x', 'X-Envoy-Auth-Partial-Body: true', 'X-Original-Transfer-Encoding: chunked', 'X-Original-Content-Length: 9'),
    expected: { target: '/public/x', absent: ['x-sdk-content-sha256'] },
  },
  ...messages.map(([name, bytes, expected]) => ({
    name: `message signature: ${name}`,
    bytes,
    expected: { absent: OTHERS, key: 'message' as const, ...expected },
    except: { haproxy: 500 },
  })),
  ...connections.map(([name, value]) => ({
    name: `connection: ${name}`,
    bytes: get('/public/x', `Connection: ${value}`),
    expected: { target: '/public/x' },
  })),

  { name: 'upgrade: h2c', bytes: get('/public/x', ...H2C), expected: { target: '/public/x', absent: UPGRADE } },
  {
    name: 'upgrade: h2c with a body',
    bytes: post('hello', ...H2C),
    expected: { target: '/public/x', method: 'POST', body: 'hello', absent: UPGRADE },
  },
  {
    name: 'upgrade: TLS',
    bytes: get('/public/x', 'Connection: Upgrade, close', 'Upgrade: TLS/1.2, HTTP/1.1'),
    expected: { target: '/public/x', absent: UPGRADE },
  },
  {
    name: 'upgrade: websocket or h2c',
    bytes: get('/public/x', 'Connection: Upgrade, close', 'Upgrade: websocket, h2c'),
    expected: { target: '/public/x', absent: UPGRADE },
    // The request has no Sec-WebSocket-Key.
    except: { haproxy: 400 },
  },
  {
    name: 'upgrade: websocket by POST with a body',
    bytes: post('hello', ...WEBSOCKET),
    expected: { target: '/public/x', method: 'POST', body: 'hello', absent: UPGRADE },
  },
  {
    name: 'upgrade: websocket that the connection does not name',
    bytes: get('/public/x', 'Upgrade: websocket', 'Connection: close'),
    expected: { target: '/public/x', absent: UPGRADE },
  },
  {
    name: 'upgrade: websocket',
    bytes: get('/public/x', ...WEBSOCKET),
    expected: { target: '/public/x', present: { upgrade: 'websocket' } },
  },
  { name: 'upgrade: websocket of a dot segment', bytes: get('/public/../admin/x', ...WEBSOCKET), expected: 400 },
  { name: 'upgrade: websocket of an API without a key', bytes: get('/keyless', ...WEBSOCKET), expected: 403 },
  { name: 'upgrade: websocket of another host', bytes: get('http://internal.example/public/x', ...WEBSOCKET), expected: 400 },
  {
    name: 'upgrade: websocket in absolute form',
    bytes: get('http://api.example/public/x', ...WEBSOCKET),
    expected: { target: '/public/x', present: { upgrade: 'websocket' } },
    except: { caddy: 400 },
  },
];
