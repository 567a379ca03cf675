import { createScanner, type JSONScanner } from 'jsonc-parser';

/** Kinds of tokens of `jsonc-parser`. Its const enum cannot be imported under `isolatedModules`. */
const TOKEN = { openBrace: 1, closeBrace: 2, openBracket: 3, closeBracket: 4, comma: 5, string: 10, number: 11, end: 17 } as const;

export interface PayloadText {
  /** The value exactly as it was sent, with its whitespace, escapes and digits. */
  text: string;
  /** Nesting depth; 1 for a flat object. */
  depth: number;
}

/**
 * Returns the text of the `payload` member of a request body. If there are several members of this name, the last one counts, as in
 * `JSON.parse`.
 * @param body the text of a JSON object that `JSON.parse` has accepted
 */
export function cutPayload(body: string): PayloadText | undefined {
  const scanner = createScanner(body, true);
  let found: PayloadText | undefined;
  let depth = 0;
  let deepest = 0;
  let from = -1;
  /** At depth 1, a string after `{` or `,` is a member name. */
  let nameNext = false;
  for (let token: number = scanner.scan(); token !== TOKEN.end; token = scanner.scan()) {
    if (depth === 1 && nameNext && token === TOKEN.string) {
      nameNext = false;
      const wanted = scanner.getTokenValue() === 'payload';
      scanner.scan();
      if (!wanted) continue;
      token = scanner.scan();
      from = scanner.getTokenOffset();
      deepest = 0;
    }
    if (token === TOKEN.openBrace || token === TOKEN.openBracket) {
      depth++;
      deepest = Math.max(deepest, depth - 1);
      nameNext = depth === 1;
    } else if (token === TOKEN.closeBrace || token === TOKEN.closeBracket) depth--;
    else if (token === TOKEN.comma && depth === 1) nameNext = true;
    if (from !== -1 && depth === 1) {
      found = { text: body.slice(from, scanner.getPosition()), depth: deepest };
      from = -1;
    }
  }
  return found;
}

/**
 * Returns canonical JSON, for comparing payloads: RFC 8785, but without loss. Numbers that a double cannot represent keep their digits,
 * zero keeps its sign, and duplicate members keep their order.
 * @param text JSON that `JSON.parse` has accepted. The function is recursive; the depth of payloads is limited
 */
export function canonicalJson(text: string): string {
  const scanner = createScanner(text, true);
  scanner.scan();
  return canonicalValue(scanner);
}

/** Returns the canonical text of the value that begins at the scanner's token. Leaves the scanner at the last token of the value. */
function canonicalValue(scanner: JSONScanner): string {
  const token: number = scanner.getToken();
  if (token === TOKEN.string) return JSON.stringify(scanner.getTokenValue());
  if (token === TOKEN.number) return canonicalNumber(scanner.getTokenValue());
  if (token === TOKEN.openBracket) {
    const items: string[] = [];
    for (let next: number = scanner.scan(); next !== TOKEN.closeBracket; next = scanner.scan())
      if (next !== TOKEN.comma) items.push(canonicalValue(scanner));
    return `[${items.join(',')}]`;
  }
  if (token !== TOKEN.openBrace) return scanner.getTokenValue();
  const members: { name: string; value: string }[] = [];
  for (let next: number = scanner.scan(); next !== TOKEN.closeBrace; next = scanner.scan()) {
    if (next === TOKEN.comma) continue;
    const name = scanner.getTokenValue();
    scanner.scan();
    scanner.scan();
    members.push({ name, value: canonicalValue(scanner) });
  }
  // Sorts by UTF-16 code units. The sort is stable.
  members.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return `{${members.map(({ name, value }) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}

const PLAIN_INTEGER = /^(?:0|-?[1-9]\d{0,14})$/;

function canonicalNumber(text: string): string {
  if (PLAIN_INTEGER.test(text)) return text;
  const exact = decimalOf(text);
  const double = String(Number(text));
  return Number.isFinite(Number(text)) && decimalOf(double) === exact ? double : exact;
}

/** Normalises a JSON number to sign, significant digits and exponent, so that equal numbers have equal texts. */
function decimalOf(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = whole + fraction;
  let from = 0;
  while (digits[from] === '0') from++;
  if (from === digits.length) return `${sign}0`;
  let to = digits.length;
  while (digits[to - 1] === '0') to--;
  const scale = BigInt(exponent.replace('+', '')) - BigInt(fraction.length) + BigInt(digits.length - to);
  return `${sign}${digits.slice(from, to)}e${scale}`;
}
