import { isDnsSubdomain } from './names.ts';
import { hidden, type Problem } from './problem.ts';

/** A Secret and key that something has to make a value for. */
export interface SecretBinding {
  /** The property through which the source came, for errors. */
  readonly property: string;
  /** The Secret's namespace; undefined for the chart's. */
  readonly namespace: string | undefined;
  /** The Secret's type; undefined where it does not matter. */
  readonly type: string | undefined;
  /** The Secret's name. */
  readonly name: string;
  /** The value's key in it. */
  readonly key: string;
}

/** Whether a text can be a key of a Secret. */
export function isSecretKey(text: unknown): boolean {
  return typeof text === 'string' && /^[-._a-zA-Z0-9]{1,253}$/.test(text);
}

/** What is wrong with the name of a Secret and a key in it. They may be the secret itself, and are not shown. */
export function secretNameProblems(property: string, name: unknown, key: unknown): Problem[] {
  const problems: Problem[] = [];
  if (typeof name !== 'string' || !isDnsSubdomain(name)) {
    problems.push({
      property,
      value: hidden,
      message: 'is not a valid Secret name',
      remedy: 'give the name of a Secret: lower-case letters, digits, "-" and "."',
    });
  }
  if (!isSecretKey(key)) {
    problems.push({
      property,
      value: hidden,
      message: 'is not a valid key of a Secret',
      remedy: 'give a key of letters, digits, "-", "_" and "."',
    });
  }
  return problems;
}
