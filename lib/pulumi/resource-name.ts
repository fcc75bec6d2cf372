import type { CheckedObject } from '../app/objects.ts';
import { isDeferred } from '../kubernetes/deferred.ts';

/** A name that says what the object is, and that stays as long as the object does. */
export function resourceName(component: string, { object, source }: CheckedObject): string {
  const { namespace, name } = object.metadata;
  const parts = namespace === undefined ? [name] : [namespace, name];
  return [component, ...(parts.some(isDeferred) ? [source.node.path] : parts)].join('/');
}
