/**
 * The YAML writer for manifests.
 *
 * Readers disagree about YAML 1.1 and 1.2, so a string stays unquoted only where all of them take it for a string.
 * All others are quoted or, if they are readable text of several lines, literal blocks. The suite in `test/yaml`
 * reads the result back with the decoders of kubectl and Kubernetes.
 */

import { className } from '../kubernetes/problem.ts';

// What an ASCII character may be part of, as bits: one scan decides how most strings are written.
const PLAIN = 1;
const PLAIN_START = 2;
const QUOTED = 4;

const CLASSES: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code);
  if (/[A-Za-z/]/.test(char)) return PLAIN | PLAIN_START | QUOTED;
  if (/[0-9_.-]/.test(char)) return PLAIN | QUOTED;
  return /[ !#-[\]-~]/.test(char) ? QUOTED : 0;
});

/** Words of plain characters that YAML 1.1 or 1.2 reads as a boolean, null or number, in any letter case. */
const RESOLVED: ReadonlySet<string> = new Set('y n yes no on off true false null nan inf'.split(' '));
const LONGEST_RESOLVED = 5;

/**
 * Characters that JSON leaves as they are but YAML readers refuse or fold, and those that are invisible or turn the
 * direction of writing: people review manifests by eye.
 */
const HIDDEN = /[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]/;
const EVERY_HIDDEN = new RegExp(HIDDEN, 'g');

/**
 * What a literal block would not show or keep: control characters, blanks before a line's end (editors strip them),
 * a TAB before all other text (Go's decoders refuse it) and blank lines at the end (joining files changes them).
 */
const NOT_LITERAL = /[\0-\x08\x0b-\x1f]|[ \t](?:\n|$)|^\n*\t|^\n+$|\n\n$/;

/** Readers refuse `key:` beyond 1024 characters; the form `? key` has no limit. */
const LONGEST_KEY = 1024;

/**
 * How keys are written. Manifests repeat the same few hundred; there is no need to look at each again. The bounds
 * keep a program with ever new ones from filling the memory.
 */
const WRITTEN_KEYS = new Map<string, string>();
const MOST_WRITTEN_KEYS = 1000;
const LONGEST_WRITTEN_KEY = 64;

/** Far deeper than a manifest gets: what goes deeper is a cycle or a mistake. */
const MAX_DEPTH = 500;

/** A line break and the indentation after it, by depth. */
const BREAKS: readonly string[] = Array.from(
  { length: MAX_DEPTH + 2 },
  (_, depth) => `\n${'  '.repeat(depth)}`,
);

/** How objects that aren't plain data yet are read, and which of their keys are written, in which order. */
export interface Dialect {
  readonly keys: (object: Readonly<Record<string, unknown>>, depth: number) => readonly string[];
  /** What stands for a value: itself, unless it has still to be produced. A key of undefined is left out. */
  readonly unwrap: (value: unknown) => unknown;
}

const PLAIN_DATA: Dialect = { keys: Object.keys, unwrap: (value) => value };

/** The way from the document to the value at hand, for messages. Entries at and after its depth are left-overs. */
interface Trail {
  readonly dialect: Dialect;
  readonly root: unknown;
  readonly keys: (string | number)[];
}

/**
 * Writes one value as a YAML document, without `---` and with a line break at its end.
 *
 * Keys keep the object's order and those whose value is `undefined` are left out.
 *
 * @throws TypeError naming the path of a value that YAML cannot hold, such as `NaN`, a `Date` or a cycle.
 */
export function yamlDocument(value: unknown, dialect: Dialect = PLAIN_DATA): string {
  return `${node(value, 0, ' ', { dialect, root: value, keys: [] }).slice(1)}\n`;
}

/** Writes a stream of YAML documents with `---` between them. */
export function yamlDocuments(values: readonly unknown[]): string {
  return values.map((value) => yamlDocument(value)).join('---\n');
}

/** Text that goes right after `key:` or `-`. The first entry of a collection goes after `lead`. */
function node(value: unknown, depth: number, lead: string, trail: Trail): string {
  switch (typeof value) {
    case 'string':
      return ` ${simple(value) ?? complex(wellFormed(value, depth, trail), depth)}`;
    case 'boolean':
      return value ? ' true' : ' false';
    case 'number':
      return ` ${number(value, depth, trail)}`;
    case 'object':
      if (value === null) return ' null';
      if (depth > MAX_DEPTH) throw tooDeep(depth, trail);
      if (Array.isArray(value)) return sequence(value, depth, lead, trail);
      if (isPlainObject(value)) return mapping(value, depth, lead, trail);
  }
  throw problem(value, depth, trail);
}

function mapping(
  value: Readonly<Record<string, unknown>>,
  depth: number,
  lead: string,
  trail: Trail,
): string {
  const line = BREAKS[depth] as string;
  const inner = BREAKS[depth + 1] as string;
  let out = '';
  for (const name of trail.dialect.keys(value, depth)) {
    const child = trail.dialect.unwrap(value[name]);
    if (child === undefined) continue;
    trail.keys[depth] = name;
    const key = WRITTEN_KEYS.get(name) ?? writeKey(name, depth + 1, trail);
    out += out === '' ? lead : line;
    out += key.length > LONGEST_KEY ? `? ${key}${line}:` : `${key}:`;
    out += node(child, depth + 1, inner, trail);
  }
  return out === '' ? ' {}' : out;
}

function writeKey(name: string, depth: number, trail: Trail): string {
  const key = simple(name) ?? quoted(wellFormed(name, depth, trail));
  if (name.length > LONGEST_WRITTEN_KEY) return key;
  if (WRITTEN_KEYS.size >= MOST_WRITTEN_KEYS) WRITTEN_KEYS.clear();
  WRITTEN_KEYS.set(name, key);
  return key;
}

function sequence(items: readonly unknown[], depth: number, lead: string, trail: Trail): string {
  const line = BREAKS[depth] as string;
  let out = '';
  for (let index = 0; index < items.length; index++) {
    trail.keys[depth] = index;
    out += `${out === '' ? lead : line}-${node(trail.dialect.unwrap(items[index]), depth + 1, ' ', trail)}`;
  }
  return out === '' ? ' []' : out;
}

/** A string that is written as it is, with or without quotes; `undefined` for one that needs more. */
function simple(value: string): string | undefined {
  const { length } = value;
  let classes = PLAIN | QUOTED;
  for (let index = 0; index < length; index++) {
    classes &= CLASSES[value.charCodeAt(index)] ?? 0;
    if (classes === 0) return undefined;
  }
  const plain =
    (classes & PLAIN) !== 0 && length > 0 && ((CLASSES[value.charCodeAt(0)] ?? 0) & PLAIN_START) !== 0;
  return plain && !(length <= LONGEST_RESOLVED && RESOLVED.has(value.toLowerCase())) ? value : `"${value}"`;
}

function complex(value: string, depth: number): string {
  const literal = depth > 0 && value.includes('\n') && !NOT_LITERAL.test(value) && !HIDDEN.test(value);
  return literal ? literalBlock(value, BREAKS[depth] as string) : quoted(value);
}

function literalBlock(value: string, line: string): string {
  // Without a number, readers would take blanks before the first text for indentation.
  const indicator = /^\n* /.test(value) ? '2' : '';
  const [chomp, body] = value.endsWith('\n') ? ['', value.slice(0, -1)] : ['-', value];
  const lines = `\n${body}`;
  // Blank lines are not indented; where there are none, there is no need to look for them.
  const block =
    body.includes('\n\n') || body.startsWith('\n')
      ? lines.replace(/\n(?!\n|$)/g, line)
      : lines.replaceAll('\n', line);
  return `|${indicator}${chomp}${block}`;
}

function quoted(value: string): string {
  return JSON.stringify(value).replace(EVERY_HIDDEN, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** The shortest decimal that reads back as the same float64; YAML 1.1 wants a point before an exponent. */
function number(value: number, depth: number, trail: Trail): string {
  if (!Number.isFinite(value)) throw problem(value, depth, trail);
  const digits = `${value}`;
  return digits.includes('e') && !digits.includes('.') ? digits.replace('e', '.0e') : digits;
}

/** An object literal or one without a prototype, also from another realm. */
function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

function wellFormed(value: string, depth: number, trail: Trail): string {
  if (value.isWellFormed()) return value;
  throw failure(
    trail,
    depth,
    'a string with half of a surrogate pair',
    'mend the text or use toWellFormed()',
  );
}

function problem(value: unknown, depth: number, trail: Trail): TypeError {
  switch (typeof value) {
    case 'number':
      return failure(trail, depth, `${value}`, 'give a finite number');
    case 'bigint':
      return failure(trail, depth, `the bigint ${value}n`, 'give a number or a string');
    case 'function':
      return failure(
        trail,
        depth,
        `the function ${value.name || '(anonymous)'}`,
        'call it and give its result',
      );
    case 'object': {
      const name = className(value) ?? 'an unnamed class';
      return failure(trail, depth, `an instance of ${name}`, REMEDIES[name] ?? 'give a plain object');
    }
    default:
      return failure(trail, depth, String(value), 'leave it out, or give null or a string');
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  Date: 'give its toISOString()',
  Map: 'give Object.fromEntries(map)',
  Set: 'give [...set]',
};

/** Tells a cycle, which it names where it closes, from mere depth. */
function tooDeep(depth: number, trail: Trail): TypeError {
  const depths = new Map<unknown, number>();
  let value = trail.root;
  for (let at = 0; at < depth; at++) {
    const first = depths.get(value);
    if (first !== undefined) {
      return failure(trail, at, `a cycle back to ${path(trail, first)}`, 'give a copy without it');
    }
    depths.set(value, at);
    value = (value as Record<string | number, unknown>)[trail.keys[at] as string | number];
  }
  return failure(trail, depth, `more than ${MAX_DEPTH} levels`, 'give a shallower value');
}

function failure(trail: Trail, depth: number, what: string, remedy: string): TypeError {
  return new TypeError(`${path(trail, depth)}: cannot write ${what} as YAML; ${remedy}`);
}

function path({ keys }: Trail, depth: number): string {
  if (depth === 0) return 'the document';
  const steps = keys.slice(0, depth).map((key) => {
    if (typeof key === 'number') return `[${key}]`;
    return /^[\w-]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
  });
  return steps.join('').replace(/^\./, '');
}
