import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Pages in the root of the repository and below `docs/`, `bench/` and `.github/`, by path from the root. */
export const pages = (): string[] => [
  ...readdirSync('.').filter((name) => name.endsWith('.md')),
  ...['docs', 'bench', '.github']
    .flatMap((folder) => filesBelow(folder))
    .filter((path) => path.endsWith('.md'))
    .sort(),
];

/** Every file below a folder; empty if there is no such folder. */
export function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** The text of a page without its code, so that code is not read as links or headings. Line breaks stay. */
const prose = (text: string): string =>
  text.replace(/^(```+)[^\n]*\n[\s\S]*?^\1$/gm, (block) => block.replace(/[^\n]/g, '')).replace(/<!--[\s\S]*?-->/g, '');

/** The headings of a page, without their marks. */
export const headingsOf = (path: string): string[] =>
  [...prose(readFileSync(path, 'utf8')).matchAll(/^#{1,6} +(.+?) *$/gm)].map(([, title]) => title!);

/** The anchors of a page as hosting sites generate them. The second of two equal headings ends in -1. */
export function anchorsOf(path: string): Set<string> {
  const seen = new Map<string, number>();
  return new Set(
    headingsOf(path).map((title) => {
      const slug = title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
        .replace(/\s/g, '-');
      const times = seen.get(slug) ?? 0;
      seen.set(slug, times + 1);
      return times === 0 ? slug : `${slug}-${times}`;
    }),
  );
}

/** The targets of a page's links and images, with their lines. A linked image has two targets. */
export const linksOf = (text: string): { target: string; line: number }[] =>
  [
    ...prose(text)
      .replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]]/g, ' '))
      .matchAll(/\]\(([^)\s]+)\)/g),
  ].map(({ index, 1: target }) => ({ target: target!, line: text.slice(0, index).split('\n').length }));

/** A code block of a page. */
export interface CodeBlock {
  /** The name in a comment before it, `<!-- name -->`; empty without one. */
  name: string;
  /** The language after its fence: `bash`, `json`, … */
  language: string;
  text: string;
  /** The number of its first line, from 1. */
  line: number;
}

/** The code blocks of a page's text, in order. */
export const codeBlocksOf = (text: string): CodeBlock[] =>
  [...text.matchAll(/^(?:<!-- ([\w: -]+) -->\n)?```(\w*)\n([\s\S]*?)^```$/gm)].map(({ index, 1: name = '', 2: language, 3: code }) => ({
    name,
    language: language!,
    text: code!,
    line: text.slice(0, index).split('\n').length,
  }));
