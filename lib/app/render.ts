import { type ApiObject, App, Lazy } from 'cdk8s';

/** A Kubernetes object as plain JSON. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** The resolvers that every cdk8s App has: for Lazy, tokens, and numbers that may be texts. */
const BUILT_IN_RESOLVERS = 3;

/**
 * An object as `ApiObject.toJson` gives it, with sorted keys and without nulls.
 *
 * toJson asks every resolver about every value and copies each object's path: three quarters of a whole
 * synthesis. So plain values are copied here, and what is not plain goes through toJson.
 */
export function render(object: ApiObject): KubernetesObject {
  const { props, patches, metadata } = object as unknown as ApiObjectInternals;
  const ordinary = patches?.length === 0 && metadata._additionalAttributes !== undefined;
  if (!ordinary || App.of(object).resolvers.length !== BUILT_IN_RESOLVERS) return object.toJson();
  try {
    return {
      apiVersion: object.apiVersion,
      kind: object.kind,
      metadata: metadataOf(metadata),
      ...(copy(props, HEAD) as object),
    } as KubernetesObject;
  } catch (error) {
    if (error === NOT_PLAIN) return object.toJson();
    throw error;
  }
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

const NOT_PLAIN: unique symbol = Symbol('not plain');
const HEAD: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);
const NONE: ReadonlySet<string> = new Set();

function metadataOf(metadata: ApiObjectInternals['metadata']): unknown {
  const { name, namespace, labels, annotations, finalizers, ownerReferences } = metadata;
  const all = {
    ...metadata._additionalAttributes,
    name,
    namespace,
    labels,
    annotations,
    finalizers,
    ownerReferences,
  };
  const copied = copy(all, NONE) as Record<string, unknown>;
  // cdk8s leaves empty parts of metadata out.
  for (const [key, value] of Object.entries(copied)) {
    if (typeof value === 'object' && value !== null && Object.keys(value).length === 0) delete copied[key];
  }
  return copied;
}

function copy(value: unknown, without: ReadonlySet<string>): unknown {
  if (value === null || typeof value !== 'object') return value ?? undefined;
  if (Array.isArray(value)) return value.map((item) => copy(item, NONE));
  if (value instanceof Lazy) return copy(value.produce(), NONE);
  const prototype: unknown = Object.getPrototypeOf(value);
  if ((prototype !== Object.prototype && prototype !== null) || 'resolve' in value) throw NOT_PLAIN;
  const source = value as Record<string, unknown>;
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(source).sort()) {
    if (without.has(key)) continue;
    const item = copy(source[key], NONE);
    if (item === undefined) continue;
    // An own property, whatever it is called.
    if (key === '__proto__')
      Object.defineProperty(result, key, {
        value: item,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    else result[key] = item;
  }
  return result;
}
