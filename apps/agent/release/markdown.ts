const MAX_LENGTH = 255;

/**
 * A text as an inline code span of Markdown, in which nothing is a link, a mention, an image or HTML. What
 * would end the line, or turn its direction around, is replaced.
 *
 * @see https://spec.commonmark.org/0.31.2/#code-spans
 */
export function codeSpan(text: string): string {
  const plain = text
    .slice(0, MAX_LENGTH)
    .replace(/[\p{C}\p{Z}]/gu, (character) => (character === ' ' ? ' ' : '\ufffd'));
  const runs = plain.match(/`+/g) ?? [];
  const fence = '`'.repeat(1 + Math.max(0, ...runs.map((run) => run.length)));
  // A blank at either end belongs to the fence, and keeps it apart from backticks of the text.
  return `${fence} ${plain} ${fence}`;
}
