import { readFileSync, writeFileSync } from 'node:fs';

const FILE = 'README.md';
const [BEGIN, END] = ['<!-- gateways: written by npm run gateways -->', '<!-- /gateways -->'];

/** What was seen of each gateway, cell by cell, as the table in the README shows it. */
export class GatewayTable {
  readonly #cells = new Map<string, string>();

  constructor(
    private readonly rows: readonly string[],
    private readonly columns: readonly string[],
  ) {}

  seen(row: string, column: string, cell: string): void {
    this.#cells.set(`${row}|${column}`, cell);
  }

  get markdown(): string {
    const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
    return [
      line(['gateway', ...this.columns]),
      line(Array.from({ length: this.columns.length + 1 }, () => '---')),
      ...this.rows.map((row) => line([row, ...this.columns.map((column) => this.#cells.get(`${row}|${column}`) ?? 'not shown')])),
    ].join('\n');
  }

  /** @throws Error when something was not seen: a run that failed is not written down */
  write(): void {
    if (this.markdown.includes('not shown')) throw new Error(`something is missing:\n${this.markdown}`);
    const [before, after] = around();
    writeFileSync(FILE, `${before}${BEGIN}\n${this.markdown}\n${END}${after}`);
  }

  static get written(): string {
    const [before, after] = around();
    return readFileSync(FILE, 'utf8')
      .slice(before.length + BEGIN.length, -after.length - END.length)
      .trim();
  }
}

function around(): [string, string] {
  const text = readFileSync(FILE, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${FILE} has no place for the table of gateways`);
  return [text.slice(0, begin), text.slice(end + END.length)];
}
