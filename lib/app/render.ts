import { ApiObject, App, Lazy } from 'cdk8s';
import type { IConstruct } from 'constructs';
import { Notes } from '../kubernetes/notes.ts';
import { isClusterScoped } from '../kubernetes/scope.ts';
import type { Dialect } from './yaml.ts';

/** A Kubernetes object as plain JSON. */
export interface KubernetesObject {
  /** Group and version of its kind. */
  readonly apiVersion: string;
  /** Its kind. */
  readonly kind: string;
  /** Its name, namespace, labels and annotations. */
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/**
 * Changes any object after it has been rendered and before it is checked, those of job templates and of listeners
 * too. What it returns takes the object's place; undefined leaves the object out. It has to make the same of the
 * same object: it may be called more than once.
 *
 * `source` is the object's `ApiObject` or, for an object of a job template, the construct that has the template.
 */
export type Transform = (object: KubernetesObject, source: IConstruct) => KubernetesObject | undefined;

const TRANSFORMS = new Notes<Transform>();

/** Notes how the objects of an app are changed, for whatever looks at them apart from synthesis. */
export function setTransform(app: App, transform: Transform): void {
  TRANSFORMS.add(app, transform);
}

/** How the objects of the app that a construct is in are changed. */
export function transformOf(construct: IConstruct): Transform | undefined {
  return TRANSFORMS.of(construct.node.root)[0];
}

/** An object as it will be written; undefined where it will not be. */
export function renderFinal(object: ApiObject): KubernetesObject | undefined {
  const transform = transformOf(object);
  return transform === undefined ? render(object) : transform(render(object), object);
}

/**
 * An object as plain JSON, with sorted keys and without nulls: what `ApiObject.toJson` gives, but without
 * the chart's namespace where the kind is in none. cdk8s gives it to every object.
 */
export function render(object: ApiObject): KubernetesObject {
  const json = object.toJson() as KubernetesObject;
  const { namespace, ...metadata } = json.metadata;
  const inherited =
    isClusterScoped(json.kind) && namespace !== undefined && namespace === object.chart.namespace;
  return inherited ? { ...json, metadata } : json;
}

/** The resolvers that every cdk8s App has: for Lazy, tokens, and numbers that may be texts. */
const BUILT_IN_RESOLVERS = 3;

/**
 * An object for {@link MANIFEST}: its metadata is rendered, its body is still what the construct gave.
 *
 * toJson asks every resolver about every value, copies each object's path and then the object, twice:
 * three quarters of a whole synthesis. So the body is read where it lies. An object with JSON patches or
 * a toJson of its own (those of cdk8s-plus have one), or an app with resolvers of its own, needs toJson.
 */
export function renderHead(object: ApiObject): KubernetesObject {
  const { props, patches, metadata } = object as unknown as ApiObjectInternals;
  const ordinary = object.toJson === ApiObject.prototype.toJson && patches?.length === 0;
  const head =
    ordinary && App.of(object).resolvers.length === BUILT_IN_RESOLVERS
      ? renderMetadata(metadata, isClusterScoped(object.kind) ? object.chart.namespace : undefined)
      : undefined;
  if (head === undefined) return render(object);
  const { apiVersion, kind } = object;
  return { ...props, apiVersion, kind, metadata: head } as KubernetesObject;
}

/**
 * What cdk8s 2.70 keeps in an ApiObject and its metadata. Where a later version keeps it elsewhere, the
 * check above sends everything through toJson: slower, and the same.
 */
interface ApiObjectInternals {
  readonly props: Readonly<Record<string, unknown>>;
  readonly patches?: readonly unknown[];
  readonly metadata: {
    readonly name?: string;
    readonly namespace?: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly finalizers: readonly string[];
    readonly ownerReferences: readonly unknown[];
    readonly _additionalAttributes?: Readonly<Record<string, unknown>>;
  };
}

/** What metadata of our own objects consists of. */
const METADATA = new Set(['name', 'namespace', 'labels', 'annotations', 'finalizers', 'ownerReferences']);

/** Ordinary metadata: names, labels and annotations that are texts or are produced as texts. Undefined for any other. */
function renderMetadata(
  metadata: ApiObjectInternals['metadata'],
  without: string | undefined,
): Record<string, unknown> | undefined {
  const { name, namespace, finalizers, ownerReferences, _additionalAttributes: others } = metadata;
  if (others === undefined || finalizers.length > 0 || ownerReferences.length > 0) return undefined;
  for (const key in others) if (!METADATA.has(key)) return undefined;
  const labels = renderMap(metadata.labels);
  const annotations = renderMap(metadata.annotations);
  if (typeof name !== 'string' || labels === undefined || annotations === undefined) return undefined;
  if (namespace !== undefined && typeof namespace !== 'string') return undefined;
  return {
    name,
    ...(namespace !== undefined && namespace !== without && { namespace }),
    ...(labels !== EMPTY && { labels }),
    ...(annotations !== EMPTY && { annotations }),
  };
}

const EMPTY: Readonly<Record<string, string>> = {};

/** A map of texts, with what is produced in place: the checks want to see it. cdk8s leaves an empty one out. */
function renderMap(map: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> | undefined {
  let result: Record<string, string> | undefined;
  for (const key of Object.keys(map)) {
    const given = map[key];
    const value = given instanceof Lazy ? given.produce() : given;
    if (value === undefined || value === null) continue;
    if (typeof value !== 'string' || key === '__proto__') return undefined;
    result ??= {};
    result[key] = value;
  }
  return result ?? EMPTY;
}

const HEAD = ['apiVersion', 'kind', 'metadata'];

/** How a manifest is written: as cdk8s does, with sorted keys after the head, and without nulls. */
export const MANIFEST: Dialect = {
  keys: (object, depth) => {
    const keys = presentKeys(object);
    sortInPlace(keys);
    return depth > 0
      ? keys
      : [...HEAD.filter((key) => keys.includes(key)), ...keys.filter((key) => !HEAD.includes(key))];
  },
  unwrap: (value) => {
    let read = value;
    while (read instanceof Lazy) read = read.produce();
    return read ?? undefined;
  },
};

/** The keys that have a value. This and the sorting run for every map of every object, so they allocate nothing more. */
function presentKeys(object: Readonly<Record<string, unknown>>): string[] {
  const keys = Object.keys(object);
  let kept = 0;
  for (const key of keys) {
    const value = object[key];
    if (value !== null && value !== undefined) keys[kept++] = key;
  }
  keys.length = kept;
  return keys;
}

/** The longest list that insertion sorts faster than sort(), which copies the list twice. */
const SHORT = 32;

function sortInPlace(keys: string[]): void {
  if (keys.length > SHORT) {
    keys.sort();
    return;
  }
  for (let end = 1; end < keys.length; end++) {
    const key = keys[end] as string;
    let at = end;
    for (; at > 0 && (keys[at - 1] as string) > key; at--) keys[at] = keys[at - 1] as string;
    keys[at] = key;
  }
}
