/** Limits on the structure of a JSON text. Each is far above what clients need. */
export interface JsonLimits {
  /** Maximum nesting of objects and arrays. */
  depth: number;
  /** Maximum number of names in one object, including duplicates. */
  names: number;
  /** Maximum number of values in total, without names. */
  values: number;
  /** Maximum number of characters of one number. The default is enough for any double. */
  numberChars?: number;
}

/** The longest double in decimal notation has 326 characters. */
const NUMBER_CHARS_MAX = 400;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Returns the exceeded limit, or undefined. Reads the bytes once, without allocating: parsing twelve megabytes of brackets would allocate a
 * gigabyte. Invalid JSON is left to the parser.
 */
export function exceeded(json: Uint8Array, limits: JsonLimits): string | undefined {
  const { numberChars = NUMBER_CHARS_MAX } = limits;
  // Number of names so far in each open object.
  const names = new Uint32Array(limits.depth + 1);
  let depth = 0;
  let values = 1;
  let bare = 0;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte === QUOTE) {
      bare = 0;
      at = endOfString(json, at);
    } else if (byte === COMMA) {
      bare = 0;
      if (++values > limits.values) return `has more than ${limits.values} values`;
    } else if (byte === COLON) {
      bare = 0;
      const count = (names[depth] ?? 0) + 1;
      names[depth] = count;
      if (count > limits.names) return `has an object with more than ${limits.names} names`;
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      bare = 0;
      if (++values > limits.values) return `has more than ${limits.values} values`;
      if (++depth > limits.depth) return `is nested deeper than ${limits.depth} levels`;
      names[depth] = 0;
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      bare = 0;
      if (depth > 0) depth--;
    } else if (++bare > numberChars && byte !== undefined && byte > 0x20) return `has a number of more than ${numberChars} characters`;
    else if (byte !== undefined && byte <= 0x20) bare = 0;
  }
  return undefined;
}

/** Index of the closing quote of a string, or the end of the text. */
function endOfString(json: Uint8Array, open: number): number {
  const close = json.indexOf(QUOTE, open + 1);
  if (close < 0) return json.length;
  if (json[close - 1] !== BACKSLASH) return close;
  for (let at = open + 1; at < json.length; at++) {
    if (json[at] === BACKSLASH) at++;
    else if (json[at] === QUOTE) return at;
  }
  return json.length;
}
