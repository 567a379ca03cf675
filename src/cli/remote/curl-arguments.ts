import { usage } from '../exit-codes.js';

/** A request as curl would send it, from its arguments. */
export interface CurlRequest {
  readonly method: string;
  readonly url: string;
  /** Path and query, as sent. */
  readonly target: string;
  readonly host: string;
  /** What the body is made of, in order; curl joins it by `&`. */
  readonly data: readonly BodyPart[];
  /** The arguments without the body and without Host. */
  readonly others: readonly string[];
}

export interface BodyPart {
  /** A file, `-` for standard input; otherwise the text itself. */
  readonly from: 'text' | 'file';
  readonly value: string;
  /** curl drops line breaks and zero bytes of a file given with `-d`. */
  readonly asIs: boolean;
}

/** Options without influence on what is signed. */
const PLAIN_FLAGS = new Set(
  [
    '-s --silent -S --show-error -v --verbose -i --include -k --insecure -f --fail --fail-with-body -N --no-buffer -4 --ipv4 -6 --ipv6',
    '-g --globoff --path-as-is -q --disable --compressed --http1.1 --http2 --no-progress-meter -# --progress-bar --tlsv1.2 --tlsv1.3',
  ].flatMap((line) => line.split(' ')),
);
const PLAIN_VALUES = new Set(
  [
    '-o --output -w --write-out -m --max-time --connect-timeout -D --dump-header --cacert --capath -E --cert --key --resolve --connect-to',
    '-A --user-agent -e --referer --unix-socket --interface --limit-rate',
  ].flatMap((line) => line.split(' ')),
);
const METHOD = new Set(['-X', '--request']);
const HEADER = new Set(['-H', '--header']);
const DATA: Readonly<Record<string, Pick<BodyPart, 'asIs'> & { readonly files: boolean }>> = {
  '-d': { asIs: false, files: true },
  '--data': { asIs: false, files: true },
  '--data-ascii': { asIs: false, files: true },
  '--data-binary': { asIs: true, files: true },
  '--data-raw': { asIs: true, files: false },
};
const HEAD = new Set(['-I', '--head']);

/** Headers that the signature sets, or that change how curl sends the body. */
const OURS = new Set(['authorization', 'x-sdk-date', 'x-sdk-content-sha256', 'content-length', 'transfer-encoding']);

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
/** Visible ASCII; curl encodes other characters itself, expands braces and brackets, and drops what follows `#`. */
const URL_FORM = /^(https?):\/\/([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?(\/[!"$-Z\\^-z|~]*)?(\?[!"$-Z\\^-z|~]*)?$/;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: ':80', https: ':443' };

/** Short options may be joined, `-sS`, and have their value attached, `-XPOST`; long ones have no `=`. */
function* optionsIn(args: readonly string[]): Generator<[option: string | undefined, value: string]> {
  const takesValue = (option: string) => METHOD.has(option) || HEADER.has(option) || option in DATA || PLAIN_VALUES.has(option);
  for (let i = 0; i < args.length; i++) {
    const argument = args[i]!;
    if (argument === '--url') yield [undefined, valueAt(args, ++i, argument)];
    else if (!argument.startsWith('-') || argument === '-') yield [undefined, argument];
    else if (argument.startsWith('--')) yield [argument, takesValue(argument) ? valueAt(args, ++i, argument) : ''];
    else
      for (let at = 1; at < argument.length; at++) {
        const option = `-${argument[at]}`;
        if (!takesValue(option)) {
          yield [option, ''];
          continue;
        }
        const attached = argument.slice(at + 1);
        yield [option, attached === '' ? valueAt(args, ++i, option) : attached];
        break;
      }
  }
}

function valueAt(args: readonly string[], i: number, option: string): string {
  const value = args[i];
  if (value === undefined) throw usage(`${option} needs a value`);
  return value;
}

/**
 * Reads the arguments of curl. A request that cannot be predicted byte by byte is refused: signed wrongly, it would only fail at its receiver,
 * with a hint at the secret.
 * @throws Exit `usage`
 */
export function curlRequest(args: readonly string[]): CurlRequest {
  let method: string | undefined;
  let url: string | undefined;
  let host: string | undefined;
  let head = false;
  const data: BodyPart[] = [];
  const others: string[] = [];
  for (const [option, value] of optionsIn(args)) {
    if (option === undefined) {
      if (url !== undefined) throw usage('one URL is signed at a time');
      url = value;
      others.push(value);
    } else if (METHOD.has(option)) {
      if (!TOKEN.test(value)) throw usage(`${option}: the method must be a token`);
      method = value;
      others.push(option, value);
    } else if (HEADER.has(option)) {
      const named = hostIn(value);
      if (named === undefined) others.push(option, value);
      else host = named;
    } else if (Object.hasOwn(DATA, option)) {
      const { files, asIs } = DATA[option]!;
      const file = files && value.startsWith('@');
      data.push({ from: file ? 'file' : 'text', value: file ? value.slice(1) : value, asIs });
    } else if (HEAD.has(option) || PLAIN_FLAGS.has(option)) {
      head ||= HEAD.has(option);
      others.push(option);
    } else if (PLAIN_VALUES.has(option)) others.push(option, value);
    else throw usage(`${option}: it is not known how this changes the request, so it is not signed`);
  }
  if (url === undefined) throw usage('name the URL');
  if (head && data.length > 0) throw usage('-I has no body');
  if (data.filter(({ from, value }) => from === 'file' && value === '-').length > 1) throw usage('standard input is read once');
  const [, scheme = '', name, port = '', path = '/', query = ''] = URL_FORM.exec(url) ?? [];
  if (name === undefined)
    throw usage('the URL must be http or https, in visible ASCII, without user, #, braces, brackets and backquotes: percent-encode them');
  return {
    method: method ?? (head ? 'HEAD' : data.length > 0 ? 'POST' : 'GET'),
    url,
    target: path + query,
    host: host ?? `${name.toLowerCase()}${port === DEFAULT_PORTS[scheme] ? '' : port}`,
    data,
    others,
  };
}

/** The Host that a header sets. @throws Exit `usage` for a header that would break the signature */
function hostIn(header: string): string | undefined {
  if (header.startsWith('@')) throw usage('-H @file: name each header');
  const [, name = '', mark, value = ''] = /^([^:;]+)([:;])\s*(.*)$/s.exec(header) ?? [];
  if (!TOKEN.test(name) || /[\r\n]/.test(value)) throw usage('-H: a header is Name: value, in one line');
  const lower = name.toLowerCase();
  if (OURS.has(lower)) throw usage(`-H ${name}: this header comes from the signature or the body`);
  if (lower !== 'host') return undefined;
  if (mark !== ':' || !/^[!-~]+$/.test(value)) throw usage('-H Host: a request needs one, in visible ASCII');
  return value;
}

/** The body as curl sends it; undefined when there is none. @param read content of a file, `-` for standard input */
export async function bodyOf({ data }: CurlRequest, read: (file: string) => Promise<Buffer>): Promise<Buffer | undefined> {
  if (data.length === 0) return undefined;
  const parts: Buffer[] = [];
  for (const { from, value, asIs } of data) {
    if (parts.length > 0) parts.push(Buffer.from('&'));
    const bytes = from === 'text' ? Buffer.from(value, 'utf8') : await read(value);
    parts.push(from === 'text' || asIs ? bytes : Buffer.from(bytes.filter((byte) => byte !== 0x0a && byte !== 0x0d && byte !== 0)));
  }
  return Buffer.concat(parts);
}

/** A word as a POSIX shell reads it back. */
export const quoted = (word: string): string => (/^[A-Za-z0-9@%+=:,./_-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** A part of the body as an argument. */
export const dataArgument = ({ from, value, asIs }: BodyPart): string[] =>
  from === 'text' ? ['--data-raw', value] : [asIs ? '--data-binary' : '-d', `@${value}`];
