import { readFileSync } from 'node:fs';
import ts from 'typescript';

const DECLARES = /^(?:it|test|describe|fit|fdescribe|xit|xtest|xdescribe)$/;

/**
 * Titles of a file's tests and groups, and whether each is skipped. For titles with placeholders, the literal parts.
 */
export function titlesIn(file: string): Map<string, { skipped: boolean }> {
  const titles = new Map<string, { skipped: boolean }>();
  const visit = (node: ts.Node, skipped: boolean): void => {
    let inside = skipped;
    if (ts.isCallExpression(node)) {
      const words = wordsOf(node.expression);
      const [title] = node.arguments;
      if (words[0] !== undefined && DECLARES.test(words[0]) && title && (ts.isStringLiteralLike(title) || ts.isTemplateExpression(title))) {
        inside ||= words[0].startsWith('x') || words.includes('skip') || words.includes('todo');
        titles.set(ts.isStringLiteralLike(title) ? title.text : title.getText().slice(1, -1), { skipped: inside });
      }
    }
    ts.forEachChild(node, (child) => visit(child, inside));
  };
  visit(ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true), false);
  return titles;
}

/** The names in a call, such as it and each for `it.each(…)`. */
function wordsOf(callee: ts.Expression): string[] {
  if (ts.isIdentifier(callee)) return [callee.text];
  if (ts.isPropertyAccessExpression(callee)) return [...wordsOf(callee.expression), callee.name.text];
  if (ts.isCallExpression(callee) || ts.isTaggedTemplateExpression(callee))
    return wordsOf(ts.isCallExpression(callee) ? callee.expression : callee.tag);
  return [];
}
