import { formatValue, oneLine } from '../../../lib/kubernetes/problem.ts';

/** A text that a stranger chose, for a log or an error: quoted, on one line, and not longer than anybody reads. */
export function quoted(text: string): string {
  return oneLine(formatValue(text));
}
