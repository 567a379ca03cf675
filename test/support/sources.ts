import { readdirSync, readFileSync } from 'node:fs';

export interface Source {
  /** A path below src/, or in a package. */
  file: string;
  text: string;
}

const sourcesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'));

/** The sources of the service and of its packages, without their specs. */
export const sources: readonly Source[] = [
  ...sourcesIn('src').map((file) => ({ file, text: readFileSync(`src/${file}`, 'utf8') })),
  ...sourcesIn('packages/signing/src')
    .map((name) => `packages/signing/src/${name}`)
    .map((file) => ({ file, text: readFileSync(file, 'utf8') })),
];

/** The matching lines, as `file: line`. */
export const linesWith = (pattern: RegExp, among: readonly Source[] = sources): string[] =>
  among.flatMap(({ file, text }) =>
    text
      .split('\n')
      .filter((line) => pattern.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );
