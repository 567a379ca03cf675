import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { Command } from 'commander';
import { EXAMPLES } from './examples.js';
import { EXIT } from './exit-codes.js';
import { commandLine } from './program.js';

const below = (command: Command, names: string[] = []): [string, Command][] =>
  command.commands.flatMap((each): [string, Command][] => {
    const path = [...names, each.name()];
    const runs = each.commands.length === 0 || (each as unknown as { _actionHandler: unknown })._actionHandler !== null;
    return [...(runs ? [[path.join(' '), each] as [string, Command]] : []), ...below(each, path)];
  });
const COMMANDS = below(commandLine());

/** Options of a command and of those above it. */
const optionsOf = (command: Command | null): string[] =>
  command === null ? [] : [...command.options.flatMap(({ short, long }) => [short ?? '', long ?? '']), ...optionsOf(command.parent)];

describe('the help of a command', () => {
  it.each(COMMANDS)('%s has an example, whose options it has', (name, command) => {
    const example = EXAMPLES[name] ?? '';
    // Of `sign`, the options stand before the word that follows.
    const words = name === 'sign curl' ? example.replace(/--material \S+ /, '') : example;
    expect(words).toMatch(new RegExp(`(^| )signet ${name}( |$)`));
    const own = /curl/.test(name)
      ? []
      : (/ signet .*|^signet .*/
          .exec(example)?.[0]
          .replace(/ curl .*/, '')
          .match(/ --?[a-z][a-z-]*/g) ?? []);
    expect(own.map((option) => option.trim()).filter((option) => !optionsOf(command).includes(option))).toEqual([]);
    expect(command.description()).not.toBe('');
  });

  it('has examples of no other command but sign, which others follow', () => {
    const names = new Set(COMMANDS.map(([name]) => name));
    expect(Object.keys(EXAMPLES).filter((name) => !names.has(name))).toEqual(['sign']);
  });
});

it('no command takes a secret as an argument', () => {
  const secret = COMMANDS.flatMap(([name, command]) =>
    command.options
      .filter(
        ({ long, required, optional }) =>
          (required || optional) && /token|secret|password|api-key/.test(long ?? '') && !/-file$/.test(long ?? ''),
      )
      .map(({ long }) => `${name} ${long}`),
  );
  expect(secret).toEqual([]);
});

it('docs/command-line.md has the exit codes, with the words of the code', () => {
  const rows = [...readFileSync('docs/command-line.md', 'utf8').matchAll(/^\| (\d+) \| (.*) \|$/gm)].map(([, code, meaning]) => [
    Number(code),
    meaning,
  ]);
  expect(rows).toEqual(Object.values(EXIT).map(({ code, meaning }) => [code, meaning]));
});
