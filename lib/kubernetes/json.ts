import { whenKnown } from './deferred.ts';

/** Data as the text of a file: JSON over several lines, which is YAML too. */
export function jsonFile(value: unknown): string {
  return whenKnown(value, lines);
}

/** Data as JSON on one line. */
export function json(value: unknown): string {
  return whenKnown(value, line);
}

function lines(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function line(value: unknown): string {
  return JSON.stringify(value);
}
