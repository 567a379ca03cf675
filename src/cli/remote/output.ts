import { styleText } from 'node:util';
import stringWidth from 'string-width';
import { Document, isScalar, visit } from 'yaml';
import type { Io } from '../io.js';
import type { Format } from './options.js';
import { isPrintable, printable, printableDocument } from './printable.js';

/** A column of a table: its heading, and what it shows of a row. */
export type Columns<Row> = Readonly<Record<string, (row: Row) => Cell>>;
type Cell = string | number | boolean | null | undefined;

const EMPTY = '-';
const GAP = '  ';
/** Cells are not cut below this many columns. */
const CELL_MIN = 8;

/** Writes the result of a command. Only this writes to standard output. */
export class Result {
  readonly #bold: (text: string) => string;

  constructor(
    private readonly io: Io,
    readonly format: Format,
  ) {
    const plain = io.stdout.isTTY !== true || (io.env['NO_COLOR'] ?? '') !== '';
    this.#bold = plain ? (text) => text : (text) => styleText('bold', text, { validateStream: false });
  }

  /** A list: in JSON and YAML whole, in a table its columns. */
  list<Row>(rows: readonly Row[], columns: Columns<Row>): void {
    if (this.format === 'table') this.#table(rows, columns);
    else this.#document(rows);
  }

  /** One resource: in a table, a line for each field. */
  one<Row>(row: Row, fields: Columns<Row>): void {
    if (this.format !== 'table') return this.#document(row);
    const width = Math.max(...Object.keys(fields).map((name) => name.length));
    for (const [name, cell] of Object.entries(fields)) this.line(`${this.#bold(name.padEnd(width))}${GAP}${shown(cell(row))}`);
  }

  /** An item of a list that has no end: a line of a table without headings, a line of JSON, or a YAML document. */
  event<Row>(row: Row, columns: Columns<Row>): void {
    if (this.format === 'json') this.line(printableDocument(JSON.stringify(row)));
    else if (this.format === 'yaml') this.line(`---\n${yaml(row).trimEnd()}`);
    else
      this.line(
        Object.values(columns)
          .map((cell) => shown(cell(row)))
          .join(GAP),
      );
  }

  line(text: string): void {
    this.io.stdout.write(`${text}\n`);
  }

  #document(value: unknown): void {
    this.io.stdout.write(this.format === 'json' ? `${printableDocument(JSON.stringify(value, null, 2))}\n` : yaml(value));
  }

  #table<Row>(rows: readonly Row[], columns: Columns<Row>): void {
    const names = Object.keys(columns);
    const cells = rows.map((row) => Object.values(columns).map((cell) => shown(cell(row))));
    const widths = names.map((name, i) => Math.max(name.length, ...cells.map((row) => stringWidth(row[i]!))));
    const { columns: room } = this.io.stdout;
    if (this.io.stdout.isTTY === true && room !== undefined) narrow(widths, room);
    const line = (row: readonly string[]) =>
      row
        .map((text, i) => {
          const cut = fitted(text, widths[i]!);
          return i === row.length - 1 ? cut : cut + ' '.repeat(widths[i]! - stringWidth(cut));
        })
        .join(GAP);
    this.line(this.#bold(line(names)));
    for (const row of cells) this.line(line(row));
  }
}

const shown = (cell: Cell): string => (cell === null || cell === undefined || cell === '' ? EMPTY : printable(String(cell)));

/** Takes what a terminal has no room for from the widest column, again and again. */
function narrow(widths: number[], room: number): void {
  const over = () => widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1)) - room;
  while (over() > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    const next = Math.max(...widths.filter((_, i) => i !== widest), CELL_MIN);
    if (widths[widest]! <= CELL_MIN) return;
    widths[widest] = Math.max(widths[widest]! - over(), Math.min(next, widths[widest]! - 1), CELL_MIN);
  }
}

const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** The beginning of a text that fits, between characters as people see them. */
function fitted(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = '';
  for (const { segment } of GRAPHEMES.segment(text)) {
    if (stringWidth(kept + segment) > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** A text with such characters is double-quoted: there they can be written as escapes. */
function yaml(value: unknown): string {
  const document = new Document(value);
  visit(document, {
    Scalar(_, node) {
      if (isScalar(node) && typeof node.value === 'string' && !isPrintable(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  return printableDocument(document.toString({ lineWidth: 0 }));
}
