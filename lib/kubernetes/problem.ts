import type { IConstruct } from 'constructs';
import { holdsDeferred, withoutStandIns } from './deferred.ts';
import { Notes } from './notes.ts';

/** Something wrong with a property, as the person who wrote it needs to hear it. */
export interface Problem {
  /** The property, as the caller spells it (`target.tag`). */
  readonly property: string;
  /** The value that was given. Never pass a secret: use `hidden`. */
  readonly value: unknown;
  /** What is wrong with it. */
  readonly message: string;
  /** What to write instead. */
  readonly remedy: string;
}

/** Stands in an error for a value that must not be shown. */
export const hidden: unique symbol = Symbol('hidden');

/** What is looked for in a value once it is known. */
export interface Check {
  /** Plain data with stand-ins in it. */
  readonly value: unknown;
  /** What is wrong with the value. */
  readonly find: (known: unknown) => Problem[];
}

const LATER = new WeakMap<Problem, Check>();
const CHECKS = new Notes<Check>();

/**
 * What is wrong with a value. Where that is not known yet, the problem that is returned stands for whatever there will
 * be: {@link reportProblem} keeps the question, for {@link checksOf}.
 *
 * @param property how the caller spells the value
 */
export function problemsWhenKnown<T>(property: string, value: T, find: (known: T) => Problem[]): Problem[] {
  if (!holdsDeferred(value)) return find(value);
  const message = 'has to be known while the program runs';
  const problem = { property, value, message, remedy: 'give the text itself in the place of an Output' };
  LATER.set(problem, { value, find: find as Check['find'] });
  return [problem];
}

/** Whether anything is wrong for sure: what stands for a question that is asked later is not. */
export function isWrong(problems: readonly Problem[]): boolean {
  return problems.some((problem) => !LATER.has(problem));
}

/** What is to be looked for on one construct when values are known. */
export function checksOf(construct: IConstruct): readonly Check[] {
  return CHECKS.of(construct);
}

const WARNINGS = new Notes<() => Problem | undefined>();

/**
 * Records a problem on a construct. It is raised at synthesis, by {@link KeelsonApp} and by a plain
 * `cdk8s.App` alike, together with every other problem of the run.
 */
export function reportProblem(construct: IConstruct, problem: Problem): void {
  const check = LATER.get(problem);
  if (check !== undefined) {
    CHECKS.add(construct, check);
    return;
  }
  const text = formatProblem(problem);
  construct.node.addValidation({ validate: () => [text] });
}

/** Records every problem of a list on a construct. */
export function reportProblems(construct: IConstruct, problems: Iterable<Problem>): void {
  for (const problem of problems) reportProblem(construct, problem);
}

/**
 * Records a warning, which {@link KeelsonApp} returns from synthesis beside the files. One that depends on
 * what is added later is asked for at synthesis.
 */
export function reportWarning(construct: IConstruct, problem: Problem | (() => Problem | undefined)): void {
  WARNINGS.add(construct, typeof problem === 'function' ? problem : () => problem);
}

/** The warnings recorded on one construct. */
export function warningsOf(construct: IConstruct): readonly string[] {
  return WARNINGS.of(construct)
    .flatMap((warning) => warning() ?? [])
    .map(formatProblem);
}

/** One line: property, what is wrong, the value, the remedy. */
export function formatProblem({ property, value, message, remedy }: Problem): string {
  const [where, what, how] = [property, message, remedy].map((text) => oneLine(withoutStandIns(text)));
  return `${where}: ${what} (got ${formatValue(value)}); ${how}`;
}

/** Names in a message or a path may be whatever a program has made of them. */
const MAX_LINE = 300;

/** A text on one line and bounded, with its control characters written out. */
export function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, (char) => {
    const code = char.charCodeAt(0).toString(16).padStart(4, '0');
    return `\\u${code}`;
  });
  return line.length <= MAX_LINE ? line : `${line.slice(0, MAX_LINE)}…`;
}

const MAX_SHOWN = 120;

/** A value as it may be shown in an error: on one line, bounded, without the credentials of a URL. */
export function formatValue(value: unknown): string {
  if (value === hidden) return 'a hidden value';
  if (value === undefined) return 'nothing';
  const text = withoutStandIns(typeof value === 'string' ? JSON.stringify(redact(value)) : describe(value));
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}

function describe(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (value === null || typeof value !== 'object') return String(value);
  if (!isPlain(value)) return instance(value);
  try {
    return redact(JSON.stringify(value, (_key, part: unknown) => (isPlain(part) ? part : instance(part))));
  } catch {
    // A cycle, or a toJSON that throws: the type is all that can be said.
    return instance(value);
  }
}

/** Whether what is in a value may be shown: in an instance of a class it may be a secret. */
function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function instance(value: unknown): string {
  return `an instance of ${className(value) ?? 'a class'}`;
}

/** The name of a value's class, where it has one. Bundlers put `_` before that of a class that speaks of itself. */
export function className(value: unknown): string | undefined {
  const { name } = Object(value).constructor ?? {};
  return typeof name === 'string' && name !== '' ? name.replace(/^_(?=[A-Z])/, '') : undefined;
}

/** Hides what may be the user information of a URL, which is where credentials hide: rather too much than too little. */
export function redact(text: string): string {
  return text.replace(/:\/\/.*@/gs, '://***@');
}
