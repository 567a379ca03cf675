import { canonicalBase64 } from './base64.js';

/** An Item of RFC 8941 §3.3 without its parameters. */
export interface BareItem {
  type: 'integer' | 'decimal' | 'string' | 'token' | 'bytes' | 'boolean';
  /** The content of a String, the base64 of a Byte Sequence, `true` or `false`; for other types the text as received. */
  value: string;
}

type Parameters = ReadonlyMap<string, BareItem>;
export interface Item {
  bare: BareItem;
  parameters: Parameters;
}
export interface InnerList {
  items: readonly Item[];
  parameters: Parameters;
}
export type Dictionary = ReadonlyMap<string, Item | InnerList>;

export const isInnerList = (member: Item | InnerList): member is InnerList => 'items' in member;

/**
 * Parses a Dictionary (RFC 8941 §4.2.2). Stricter than the RFC in two points, so that two parsers never read one text differently: a key is
 * there once, in the dictionary and in parameters, and base64 is canonical. Undefined for any other text. Never throws.
 */
export function parseDictionary(text: string): Dictionary | undefined {
  const scanner = new Scanner(text.replace(/^ +| +$/g, ''));
  const dictionary = scanner.dictionary();
  return scanner.failed ? undefined : dictionary;
}

/** A String (RFC 8941 §4.1.6). @throws TypeError for other characters than printable ASCII */
export function serializeString(text: string): string {
  if (!/^[ -~]*$/.test(text)) throw new TypeError('a structured string is printable ASCII');
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

const KEY = /[a-z*][a-z0-9_\-.*]*/y;
const NUMBER = /-?(?:\d{1,12}\.\d{1,3}|\d{1,15})(?![\d.])/y;
const STRING = /"((?:[ !#-[\]-~]|\\["\\])*)"/y;
const TOKEN = /[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*/y;
const BYTES = /:([A-Za-z0-9+/=]*):/y;
const BOOLEAN = /\?([01])/y;
const COMMA = /[ \t]*,[ \t]*/y;
const SPACES = / */y;
const TRUE: BareItem = { type: 'boolean', value: 'true' };

class Scanner {
  failed = false;
  private at = 0;

  constructor(private readonly text: string) {}

  dictionary(): Dictionary {
    const members = new Map<string, Item | InnerList>();
    while (!this.failed && this.at < this.text.length) {
      if (members.size > 0) this.need(COMMA);
      const key = this.key(members);
      if (this.skip('=')) members.set(key, this.text[this.at] === '(' ? this.innerList() : this.item());
      else members.set(key, { bare: TRUE, parameters: this.parameters() });
    }
    return members;
  }

  private innerList(): InnerList {
    const items: Item[] = [];
    this.skip('(');
    for (;;) {
      const spaces = this.need(SPACES)[0];
      if (this.failed || this.skip(')')) return { items, parameters: this.parameters() };
      // Two items are separated by at least one space.
      if (items.length > 0 && spaces === '') this.failed = true;
      else items.push(this.item());
    }
  }

  private item(): Item {
    return { bare: this.bareItem(), parameters: this.parameters() };
  }

  private parameters(): Parameters {
    const parameters = new Map<string, BareItem>();
    while (!this.failed && this.skip(';')) {
      this.need(SPACES);
      const key = this.key(parameters);
      parameters.set(key, this.skip('=') ? this.bareItem() : TRUE);
    }
    return parameters;
  }

  private bareItem(): BareItem {
    const first = this.text[this.at] ?? '';
    if (first === '"') return { type: 'string', value: (this.need(STRING)[1] ?? '').replace(/\\(.)/g, '$1') };
    if (first === ':') return this.bytes();
    if (first === '?') return { type: 'boolean', value: this.need(BOOLEAN)[1] === '1' ? 'true' : 'false' };
    if (/[-\d]/.test(first)) {
      const [number] = this.need(NUMBER);
      return { type: number.includes('.') ? 'decimal' : 'integer', value: number };
    }
    return { type: 'token', value: this.need(TOKEN)[0] };
  }

  private bytes(): BareItem {
    const value = this.need(BYTES)[1] ?? '';
    if (value !== '' && canonicalBase64(value) === undefined) this.failed = true;
    return { type: 'bytes', value };
  }

  private key(known: ReadonlyMap<string, unknown>): string {
    const [key] = this.need(KEY);
    if (known.has(key)) this.failed = true;
    return key;
  }

  private skip(char: string): boolean {
    if (this.failed || this.text[this.at] !== char) return false;
    this.at++;
    return true;
  }

  /** Reads what the pattern matches here; without a match, the text as a whole is refused. */
  private need(pattern: RegExp): RegExpExecArray | [string] {
    pattern.lastIndex = this.at;
    const match = this.failed ? null : pattern.exec(this.text);
    if (match === null) this.failed = true;
    this.at += match?.[0].length ?? 0;
    return match ?? [''];
  }
}
