import { isMade } from '../kubernetes/deferred.ts';
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

/** Where a value is; its path is made of it only where there is a fault. */
interface Place {
  readonly within: Place | undefined;
  readonly name: string;
  readonly depth: number;
  readonly optional: boolean;
}

/** Deep enough for every interface, and an end for values that contain themselves. */
const MAX_DEPTH = 8;

/** What of an object's fields is not as its interface says. */
export function fieldFaults(value: Members, fields: Fields, shapes: Shapes): Fault[] {
  const found: Fault[] = [];
  checkFields(value, fields, shapes, undefined, found);
  return found;
}

/** What of the value of one field is not as its shape says. */
export function faults(value: unknown, shape: Shape, shapes: Shapes, name: string): Fault[] {
  const found: Fault[] = [];
  check(value, shape, shapes, { within: undefined, name, depth: 1, optional: false }, found);
  return found;
}

interface Field {
  readonly name: string;
  readonly optional: boolean;
  readonly shape: Shape;
}

const LISTS = new WeakMap<Fields, readonly Field[]>();

function listOf(fields: Fields): readonly Field[] {
  const known = LISTS.get(fields);
  if (known !== undefined) return known;
  const list = Object.entries(fields).map(([field, shape]) => {
    const optional = field.endsWith('?');
    return { name: optional ? field.slice(0, -1) : field, optional, shape };
  });
  LISTS.set(fields, list);
  return list;
}

function checkFields(
  value: Members,
  fields: Fields,
  shapes: Shapes,
  within: Place | undefined,
  found: Fault[],
  ofInstance = false,
): void {
  const depth = (within?.depth ?? 0) + 1;
  if (depth > MAX_DEPTH + 1) return;
  for (const { name, optional, shape } of listOf(fields)) {
    if (ofInstance && shape === 'anything') continue;
    const given = read(value, name);
    if (given === undefined && optional) continue;
    check(given, shape, shapes, { within, name, depth, optional }, found);
  }
}

/** What is behind a getter may fail over what is wrong in the value. */
function read(value: Members, name: string): unknown {
  try {
    return value[name];
  } catch {
    return undefined;
  }
}

/** Instances that were looked at: one platform is given to every pipeline. Options may change, and are not kept. */
const LOOKED_AT = new WeakMap<Fields, WeakSet<object>>();

function check(value: unknown, shape: Shape, shapes: Shapes, place: Place, found: Fault[]): void {
  if (isMade(value)) return;
  if (typeof shape === 'object') {
    if ('either' in shape) {
      checkEither(value, shape.either, shapes, place, found);
      return;
    }
    if ('list' in shape && Array.isArray(value)) {
      // By its length, for the holes of a list.
      for (let index = 0; index < value.length; index++) {
        check(value[index], shape.list, shapes, partOf(place, `[${index}]`), found);
      }
      return;
    }
    if ('byName' in shape && isMap(value)) {
      for (const name of Object.keys(value))
        check(value[name], shape.byName, shapes, partOf(place, name), found);
      return;
    }
    const members = 'like' in shape ? shapes.classes[shape.like] : undefined;
    if (members !== undefined && isLike(value, members)) {
      checkInstance(value, members, shapes, place, found);
      return;
    }
    const fields = fieldsOf(shape, shapes);
    if (fields !== undefined && hasFields(value, fields)) {
      checkFields(value, fields, shapes, place, found);
      return;
    }
  }
  if (!isSimple(value, shape)) found.push(fault(value, [shape], shapes, place));
}

function partOf(within: Place, name: string): Place {
  return { within, name, depth: within.depth + 1, optional: false };
}

function checkInstance(value: Members, members: Fields, shapes: Shapes, place: Place, found: Fault[]): void {
  const known = LOOKED_AT.get(members) ?? new WeakSet();
  if (known.has(value)) return;
  const before = found.length;
  checkFields(value, members, shapes, place, found, true);
  if (found.length > before || place.depth > 1) return;
  known.add(value);
  LOOKED_AT.set(members, known);
}

function checkEither(
  value: unknown,
  either: readonly Shape[],
  shapes: Shapes,
  place: Place,
  found: Fault[],
): void {
  let meant: readonly Fault[] = [];
  let deepest = place.depth;
  for (const shape of either) {
    const inner: Fault[] = [];
    check(value, shape, shapes, place, inner);
    if (inner.length === 0) return;
    // What went deepest is what was meant.
    const depth = Math.max(...inner.map(({ path }) => path.length));
    if (depth <= deepest) continue;
    deepest = depth;
    meant = inner;
  }
  found.push(...(meant.length > 0 ? meant : [fault(value, either, shapes, place)]));
}

function pathOf(place: Place): string[] {
  return [...(place.within === undefined ? [] : pathOf(place.within)), place.name];
}

function fault(value: unknown, either: readonly Shape[], shapes: Shapes, place: Place): Fault {
  const { optional } = place;
  const path = pathOf(place);
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

function isLike(value: unknown, members: Fields): value is Members {
  if (typeof value !== 'object' || value === null) return false;
  return listOf(members).every(({ name, optional }) => optional || name in value);
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
  return listOf(fields).some(({ name }) => name in value);
}

function fieldsOf(shape: Exclude<Shape, string>, shapes: Shapes): Fields | undefined {
  if ('fields' in shape) return shape.fields;
  return 'fieldsOf' in shape ? shapes.interfaces[shape.fieldsOf] : undefined;
}

/** What holds a secret in the right place may be given it in the wrong one. */
const SECRETS: readonly string[] = ['SecretSource', 'GitCredential', 'CommitStatuses', 'GitSource'];

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
