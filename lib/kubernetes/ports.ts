import type { Problem } from './problem.ts';

/** What is wrong with a TCP port. */
export function portProblems(property: string, port: number): Problem[] {
  if (Number.isInteger(port) && port >= 1 && port <= 65535) return [];
  return [{ property, value: port, message: 'is not a port', remedy: 'give a whole number from 1 to 65535' }];
}
