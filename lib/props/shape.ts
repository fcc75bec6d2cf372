import { isSecretName, looksSecret } from '../kubernetes/secret-scan.ts';

/** What a value of a prop has to be, as far as its type says so. `shapes.ts` is made from the types. */
export type Shape =
  | 'text'
  | 'number'
  | 'flag'
  | 'function'
  | 'iterable'
  | 'anything'
  /** A function without parameters that is asked at synthesis. */
  | { readonly returns: Shape }
  /** One of these values, and no other. */
  | { readonly oneOf: readonly (string | number | boolean | null)[] }
  | { readonly list: Shape }
  /** An object that is used as a map. */
  | { readonly byName: Shape }
  /** An instance of a class, or what has the same members: two copies of the library may meet in a program. */
  | { readonly like: string }
  /** An interface of the table. */
  | { readonly fieldsOf: string }
  | { readonly fields: Fields }
  | { readonly either: readonly Shape[] };

/** The fields of an interface; the names of optional ones end in `?`. */
export type Fields = Readonly<Record<string, Shape>>;

/** What shapes refer to by name. */
export interface Shapes {
  /** The fields of each interface. */
  readonly interfaces: Readonly<Record<string, Fields>>;
  /**
   * The members by which an instance of a class, or of an interface with methods, is known. Those that are
   * `anything` are looked for and not read: a getter may be behind them.
   */
  readonly classes: Readonly<Record<string, Fields>>;
}

/** A value that is not what its type says. */
export interface Fault {
  /** From the outermost object on: `['command', '[0]']`. */
  readonly path: readonly string[];
  readonly value: unknown;
  /** What it has to be, in words. */
  readonly expected: string;
  /** Whether it may be left out. */
  readonly optional: boolean;
  /** Whether the value may be a secret. */
  readonly secret: boolean;
}

interface Place {
  readonly path: readonly string[];
  readonly optional: boolean;
}

/** Deep enough for every interface, and an end for values that contain themselves. */
const MAX_DEPTH = 8;

/** What of an object's fields is not as its interface says. */
export function fieldFaults(
  value: Readonly<Record<string, unknown>>,
  fields: Fields,
  shapes: Shapes,
  path: readonly string[] = [],
): Fault[] {
  if (path.length > MAX_DEPTH) return [];
  return Object.entries(fields).flatMap(([field, shape]) => {
    const optional = field.endsWith('?');
    const name = optional ? field.slice(0, -1) : field;
    const given = read(value, name);
    const place = { path: [...path, name], optional };
    return given === undefined && optional ? [] : faults(given, shape, shapes, place);
  });
}

/** What is behind a getter may fail over what is wrong in the value. */
function read(value: Members, name: string): unknown {
  try {
    return value[name];
  } catch {
    return undefined;
  }
}

/** What of a value is not as its shape says. */
export function faults(value: unknown, shape: Shape, shapes: Shapes, place: Place): Fault[] {
  if (typeof shape === 'object') {
    if ('either' in shape) return eitherFaults(value, shape.either, shapes, place);
    if ('list' in shape && Array.isArray(value)) {
      // Not flatMap, which leaves out the holes of a list.
      return Array.from(value, (item: unknown, index) => {
        const path = [...place.path, `[${index}]`];
        return faults(item, shape.list, shapes, { path, optional: false });
      }).flat();
    }
    if ('byName' in shape && isMap(value)) {
      return Object.entries(value).flatMap(([name, item]) =>
        faults(item, shape.byName, shapes, { path: [...place.path, name], optional: false }),
      );
    }
    if ('like' in shape && isLike(value, shapes.classes[shape.like])) {
      return memberFaults(value, shapes.classes[shape.like] ?? {}, shapes, place.path);
    }
    const fields = fieldsOf(shape, shapes);
    if (fields !== undefined && hasFields(value, fields)) {
      return fieldFaults(value, fields, shapes, place.path);
    }
  }
  if (isSimple(value, shape)) return [];
  return [fault(value, [shape], shapes, place)];
}

function eitherFaults(value: unknown, either: readonly Shape[], shapes: Shapes, place: Place): Fault[] {
  const all = either.map((shape) => faults(value, shape, shapes, place));
  if (all.some((found) => found.length === 0)) return [];
  // What went deepest is what was meant.
  const depths = all.map((found) => Math.max(...found.map(({ path }) => path.length)));
  const deepest = Math.max(...depths);
  if (deepest <= place.path.length) return [fault(value, either, shapes, place)];
  return all[depths.indexOf(deepest)] ?? [];
}

function fault(value: unknown, either: readonly Shape[], shapes: Shapes, { path, optional }: Place): Fault {
  const secret =
    either.some((shape) => holdsSecret(shape, shapes)) ||
    path.some(isSecretName) ||
    (typeof value === 'string' && looksSecret(value));
  return { path, value, expected: either.map(words).join(' or '), optional, secret };
}

/** Whether a value is as a shape says that has no parts. */
function isSimple(value: unknown, shape: Shape): boolean {
  if (shape === 'anything') return true;
  if (shape === 'text') return typeof value === 'string';
  if (shape === 'number') return typeof value === 'number';
  if (shape === 'flag') return typeof value === 'boolean';
  if (shape === 'function') return typeof value === 'function';
  if (shape === 'iterable') return typeof value === 'object' && value !== null && Symbol.iterator in value;
  if ('returns' in shape) return typeof value === 'function';
  return 'oneOf' in shape && shape.oneOf.includes(value as string);
}

type Members = Readonly<Record<string, unknown>>;

function isLike(value: unknown, members: Fields = {}): value is Members {
  if (typeof value !== 'object' || value === null) return false;
  return Object.keys(members).every((member) => member.endsWith('?') || member in value);
}

function memberFaults(value: Members, members: Fields, shapes: Shapes, path: readonly string[]): Fault[] {
  const read = Object.entries(members).filter(([, shape]) => shape !== 'anything');
  return fieldFaults(value, Object.fromEntries(read), shapes, path);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** A plain object, or one of a class that has one of the fields at least. */
function hasFields(value: unknown, fields: Fields): value is Readonly<Record<string, unknown>> {
  if (isMap(value)) return true;
  if (typeof value !== 'object' || value === null) return false;
  return Object.keys(fields).some((field) => field.replace('?', '') in value);
}

function fieldsOf(shape: Exclude<Shape, string>, shapes: Shapes): Fields | undefined {
  if ('fields' in shape) return shape.fields;
  return 'fieldsOf' in shape ? shapes.interfaces[shape.fieldsOf] : undefined;
}

/** What holds a secret in the right place may be given it in the wrong one. */
const SECRETS: readonly string[] = ['SecretSource', 'GitCredential', 'GitSource'];

function holdsSecret(shape: Shape, shapes: Shapes, depth = 0): boolean {
  if (typeof shape === 'string' || 'oneOf' in shape || 'returns' in shape || depth > MAX_DEPTH) return false;
  if ('like' in shape) return SECRETS.includes(shape.like);
  if ('list' in shape) return holdsSecret(shape.list, shapes, depth + 1);
  if ('byName' in shape) return holdsSecret(shape.byName, shapes, depth + 1);
  const parts = 'either' in shape ? shape.either : Object.values(fieldsOf(shape, shapes) ?? {});
  return parts.some((part) => holdsSecret(part, shapes, depth + 1));
}

const WORDS: Readonly<Record<Extract<Shape, string>, string>> = {
  text: 'a text',
  number: 'a number',
  flag: 'true or false',
  function: 'a function',
  iterable: 'a list',
  anything: 'a value',
};

function words(shape: Shape): string {
  if (typeof shape === 'string') return WORDS[shape];
  if ('oneOf' in shape) return shape.oneOf.map((value) => JSON.stringify(value)).join(' or ');
  if ('returns' in shape) return `a function that gives ${words(shape.returns)}`;
  if ('like' in shape) return `${/^[AEIO]/.test(shape.like) ? 'an' : 'a'} ${shape.like}`;
  if ('list' in shape) return shape.list === 'text' ? 'a list of texts' : 'a list';
  if ('byName' in shape) return shape.byName === 'text' ? 'an object with texts' : 'an object';
  if ('fieldsOf' in shape) return `an object as ${shape.fieldsOf} describes it`;
  if ('fields' in shape) return `an object with ${Object.keys(shape.fields).join(', ').replaceAll('?', '')}`;
  return shape.either.map(words).join(' or ');
}
