import { ApiObject, Chart, JsonPatch, Lazy } from 'cdk8s';
import type { Construct } from 'constructs';
import { isClusterScoped } from './scope.ts';

/** What every typed Kubernetes object of `kubernetes-types` has. */
interface TypedObject {
  apiVersion?: string;
  kind?: string;
  metadata?: { name?: string; namespace?: string; labels?: object; annotations?: object };
}

/** An object whose identity is given, for code that needs it whole. */
export type Typed<T extends TypedObject> = T & Required<Pick<T, 'apiVersion' | 'kind' | 'metadata'>>;

/**
 * Adds one Kubernetes object to the tree. Its fields are checked by the compiler against `T`, a type of
 * `kubernetes-types`, and its name is the one given: no hash.
 */
export function kubeObject<T extends TypedObject>(scope: Construct, id: string, object: Typed<T>): ApiObject {
  const made = new ApiObject(scope, id, object as unknown as ConstructorParameters<typeof ApiObject>[2]);
  // cdk8s gives every object the chart's namespace, those that can't have one too.
  if (isClusterScoped(made.kind) && Chart.of(made).namespace !== undefined) {
    made.addJsonPatch(JsonPatch.remove('/metadata/namespace'));
  }
  return made;
}

/**
 * A part of an object that is produced at synthesis: what is added to a construct later is then in it,
 * and a large tree does not hold every object's body in memory. A field that is produced undefined is
 * left out.
 */
export function lazy<T>(produce: () => T | undefined): T {
  return Lazy.any({ produce }) as T;
}
