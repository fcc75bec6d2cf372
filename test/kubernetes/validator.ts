// Validates objects as strictly as Kubernetes can, without a cluster: what an API server would refuse, ignore or
// drop in silence (unknown fields above all) is an error here, for each minor that Keelson supports.
//
// The schemas are reduced from the OpenAPI of real API servers by scripts/schemas.ts. It is stricter than they are
// where an object would work by luck: null, a status, a namespace on a cluster-scoped object, a doubled key in a list
// or value in a set (which only server-side apply refuses). It can't know what is not in OpenAPI: which fields have
// a closed feature gate, and rules in an API server's code (a Job's restartPolicy, names, immutable fields). The
// cluster tests are for those.
//
// A walker and not ajv, which needs 250 ms to compile a Deployment for one minor: too long in every test file.
import { readFileSync } from 'node:fs';
import { customKinds, customObjectProblems } from './custom-kinds.ts';

export const kubernetesVersions = ['1.30', '1.32', '1.34', '1.36'] as const;
export type KubernetesVersion = (typeof kubernetesVersions)[number];

export interface Schema {
  readonly $ref?: string;
  readonly type?: 'array' | 'boolean' | 'integer' | 'number' | 'object' | 'string';
  readonly format?: 'byte' | 'date-time' | 'int-or-string' | 'int32' | 'int64' | 'micro-time' | 'quantity';
  readonly enum?: readonly string[];
  /** Kept for strings only: a list's key may be left out. */
  readonly default?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly 'x-kubernetes-list-type'?: 'set';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
}

/** A kind that can be created. */
export interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** One line of the file: a definition from one version on, up to its next line; null where it is gone again. */
export interface Definition extends Partial<Kind> {
  readonly name: string;
  readonly from: KubernetesVersion;
  readonly schema: Schema | null;
}

/** What is wrong with the object, each with its path; an empty list where nothing is. */
export function validateObject(object: unknown, version: KubernetesVersion): string[] {
  if (!isObject(object)) return [`not an object: ${shown(object)}`];
  const { definitions, kinds } = schemas(version);
  const name = `${object['apiVersion']} ${object['kind']}`;
  if (customKinds.has(name)) return customObjectProblems(object);
  const definition = kinds.get(name);
  if (!definition?.schema) {
    const known = `apiVersion ${shown(object['apiVersion'])}, kind ${shown(object['kind'])}`;
    return [`${known}: unknown to Kubernetes ${version}`];
  }
  const errors: string[] = [];
  const report = (path: string, what: string): void => {
    errors.push(`${path}: ${what}`);
  };
  check(object, definition.schema, '', { definitions, report });
  checkName(object['metadata'], definition, report);
  return errors;
}

type Report = (path: string, what: string) => void;
interface Context {
  readonly definitions: ReadonlyMap<string, Definition>;
  readonly report: Report;
}

function check(value: unknown, reference: Schema, path: string, context: Context): void {
  const schema = resolve(reference, context);
  const { format } = schema;
  const is = (what: string): void => context.report(path, `must be ${what}, is ${shown(value)}`);
  if (format === 'int-or-string') {
    if (typeof value !== 'string' && !isInteger(value, 'int32')) is('an int32 or a string');
  } else if (format === 'quantity') {
    if (!quantity.test(String(value)) || !/string|number/.test(typeof value)) is('a quantity');
  } else if (schema.type === 'integer') {
    if (!isInteger(value, format)) is(`an ${format}`);
  } else if (schema.type === 'array') {
    if (Array.isArray(value)) checkList(value, schema, path, context);
    else is('a list');
  } else if (schema.type === 'object') {
    if (isObject(value)) checkFields(value, schema, path, context);
    else is('an object');
  } else if (typeof value !== schema.type || Number.isNaN(value)) {
    is(`a ${schema.type}`);
  } else if (schema.enum && !schema.enum.includes(String(value))) {
    is(`one of ${schema.enum.join(', ')}`);
  } else if (format !== undefined && textFormats[format]?.(String(value)) === false) {
    is(`a ${format}`);
  }
}

function resolve(schema: Schema, { definitions }: Context): Schema {
  if (schema.$ref === undefined) return schema;
  const target = definitions.get(schema.$ref)?.schema;
  if (!target) throw new Error(`the schemas lack ${schema.$ref}: run npm run schemas`);
  return target;
}

function checkFields(value: Fields, schema: Schema, path: string, context: Context): void {
  if (schema['x-kubernetes-preserve-unknown-fields']) return;
  for (const name of schema.required ?? []) {
    if (value[name] === undefined) context.report(join(path, name), 'required');
  }
  for (const [name, field] of Object.entries(value)) {
    if (field === undefined) continue;
    const known = own(schema.properties, name) ?? schema.additionalProperties;
    if (known) {
      check(field, known, join(path, name), context);
      continue;
    }
    const meant = Object.keys(schema.properties ?? {}).find((other) => same(other, name));
    context.report(join(path, name), `unknown field${meant ? ` (${meant}?)` : ''}, is ${shown(field)}`);
  }
}

function checkList(value: readonly unknown[], schema: Schema, path: string, context: Context): void {
  const { items } = schema;
  if (!items) throw new Error(`the schema of the list ${path} has no items`);
  const keys = schema['x-kubernetes-list-map-keys'];
  const { properties } = resolve(items, context);
  const seen = new Set<string>();
  for (const [index, item] of value.entries()) {
    check(item, items, `${path}[${index}]`, context);
    if (!keys && schema['x-kubernetes-list-type'] !== 'set') continue;
    const id = keys && isObject(item) ? keys.map((key) => item[key] ?? properties?.[key]?.default) : item;
    const text = JSON.stringify(id);
    if (seen.has(text)) {
      context.report(`${path}[${index}]`, `a second ${keys ? `${keys.join(', ')} ` : ''}${shown(id)}`);
    }
    seen.add(text);
  }
}

/** Not in OpenAPI: a name is due, and a namespace on a cluster-scoped object is dropped in silence. */
function checkName(metadata: unknown, kind: Partial<Kind>, report: Report): void {
  const { name, generateName, namespace } = isObject(metadata) ? metadata : {};
  if (name === undefined && generateName === undefined) report('metadata.name', 'required');
  if (namespace !== undefined && kind.namespaced === false) {
    report('metadata.namespace', `${kind.kind} is cluster-scoped, is ${shown(namespace)}`);
  }
}

const quantity = /^[+-]?(\d+\.?\d*|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$/;

const textFormats: Readonly<Record<string, (text: string) => boolean>> = {
  byte: (text) => /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text),
  'date-time': (text) =>
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) && isDate(text),
  'micro-time': (text) => /T\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/.test(text) && isDate(text),
};

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function isInteger(value: unknown, format: Schema['format']): boolean {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) return false;
  return format === 'int64' || (value >= -(2 ** 31) && value < 2 ** 31);
}

function isDate(text: string): boolean {
  return !Number.isNaN(Date.parse(text));
}

function own<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record && Object.hasOwn(record, name) ? record[name] : undefined;
}

function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function join(path: string, name: string): string {
  if (!/^[A-Za-z_$][\w$]*$/.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path === '' ? name : `${path}.${name}`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

interface Schemas {
  readonly definitions: ReadonlyMap<string, Definition>;
  readonly kinds: ReadonlyMap<string, Definition>;
}

const file = new URL('schemas/definitions.jsonl', import.meta.url);
let lines: readonly Definition[] | undefined;
const loaded = new Map<KubernetesVersion, Schemas>();

function schemas(version: KubernetesVersion): Schemas {
  const before = loaded.get(version);
  if (before) return before;
  lines ??= readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Definition);
  const wanted = kubernetesVersions.indexOf(version);
  if (wanted < 0)
    throw new Error(`no schemas of Kubernetes ${version}, only of ${kubernetesVersions.join(', ')}`);
  const definitions = new Map<string, Definition>();
  for (const line of lines) {
    if (kubernetesVersions.indexOf(line.from) <= wanted) definitions.set(line.name, line);
  }
  const kinds = new Map<string, Definition>();
  for (const definition of definitions.values()) {
    if (definition.kind) kinds.set(`${definition.apiVersion} ${definition.kind}`, definition);
  }
  const result = { definitions, kinds };
  loaded.set(version, result);
  return result;
}
