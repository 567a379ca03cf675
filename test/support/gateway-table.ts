import { readFileSync, writeFileSync } from 'node:fs';

/** The measured results of each gateway, which are compared with a table between two marks of a page. */
export class GatewayTable {
  readonly #cells = new Map<string, string>();

  constructor(
    private readonly rows: readonly string[],
    private readonly columns: readonly string[],
    private readonly file = 'README.md',
    private readonly mark = 'gateways',
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

  /** @throws Error when a result is missing, because the results of a failed run are not written */
  write(): void {
    if (this.markdown.includes('not shown')) throw new Error(`something is missing:\n${this.markdown}`);
    const [before, after] = this.#around();
    writeFileSync(this.file, `${before}${this.#begin}\n${this.markdown}\n${this.#end}${after}`);
  }

  get written(): string {
    const [before, after] = this.#around();
    return readFileSync(this.file, 'utf8')
      .slice(before.length + this.#begin.length, -after.length - this.#end.length)
      .trim();
  }

  get #begin(): string {
    return `<!-- ${this.mark}: written by npm run gateways -->`;
  }

  get #end(): string {
    return `<!-- /${this.mark} -->`;
  }

  #around(): [string, string] {
    const text = readFileSync(this.file, 'utf8');
    const [begin, end] = [text.indexOf(this.#begin), text.indexOf(this.#end)];
    if (begin < 0 || end < begin) throw new Error(`${this.file} has no place for the table ${this.mark}`);
    return [text.slice(0, begin), text.slice(end + this.#end.length)];
  }
}
