/**
 * Characters that a terminal may obey, or that show a text as another one: controls, formats (also those that reverse the direction), line
 * separators, lone surrogates. Whoever may name a resource chooses them.
 */
const OBEYED = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const escaped = (character: string) =>
  [...Array(character.length).keys()].map((i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');

/** A text of the service as one line that a terminal only shows. */
export const printable = (text: string): string => text.replace(OBEYED, escaped);

/** JSON or double-quoted YAML, whose line breaks are ours: every other such character becomes the escape that both formats know. */
export const printableDocument = (text: string): string =>
  text.replace(OBEYED, (character) => (character === '\n' ? character : escaped(character)));

export const isPrintable = (text: string): boolean => text.search(OBEYED) === -1;
