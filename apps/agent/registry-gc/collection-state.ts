import type { GarbageCollectionConfiguration } from '../../../lib/agent/garbage-collection.ts';
import { PLAN_KEY } from '../../../lib/agent/garbage-collection.ts';
import { KeelsonAnnotations } from '../../../lib/kubernetes/labels.ts';
import type { Kubernetes } from '../kubernetes/client.ts';
import { hasStatus } from '../kubernetes/errors.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import type { Plan } from './plan.ts';

/** What is known of a registry's collection. It is kept in the ConfigMap with the plan. */
export interface CollectionState {
  readonly version: string | undefined;
  /** How many pods the registry has to have again; undefined where nobody has taken any from it. */
  readonly replicas: number | undefined;
  /** Whether the collector may delete. */
  readonly planned: boolean;
  /** When the next collection is, in milliseconds; undefined before the first. */
  readonly next: number | undefined;
}

/** What changes; null removes it. */
export interface StateChange {
  readonly replicas?: number | null;
  readonly plan?: Plan | null;
  readonly next?: number;
}

interface ConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** Reads it; undefined where the manifests of the collection are not there. */
export async function readState(
  client: Kubernetes,
  collection: GarbageCollectionConfiguration,
): Promise<CollectionState | undefined> {
  const found = await client.get<ConfigMap>(referenceOf(collection)).catch((error: unknown) => {
    // Nor are the rights.
    if (hasStatus(error, 403)) return undefined;
    throw error;
  });
  return found && stateOf(found);
}

/** Changes it; a conflict where somebody else has changed it since. */
export async function changeState(
  client: Kubernetes,
  collection: GarbageCollectionConfiguration,
  { version }: CollectionState,
  { replicas, plan, next }: StateChange,
): Promise<CollectionState> {
  const annotations = {
    ...(replicas !== undefined && {
      [KeelsonAnnotations.REPLICAS]: replicas === null ? null : String(replicas),
    }),
    ...(next !== undefined && { [KeelsonAnnotations.NEXT_COLLECTION]: new Date(next).toISOString() }),
  };
  const patch = {
    metadata: { resourceVersion: version, annotations },
    ...(plan !== undefined && { data: { [PLAN_KEY]: plan === null ? null : JSON.stringify(plan) } }),
  };
  return stateOf(await client.patch<ConfigMap>(referenceOf(collection), patch));
}

function referenceOf({ namespace, collector }: GarbageCollectionConfiguration): {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
} {
  return { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: collector };
}

function stateOf({ metadata, data }: ConfigMap): CollectionState {
  const { [KeelsonAnnotations.REPLICAS]: replicas, [KeelsonAnnotations.NEXT_COLLECTION]: next } =
    metadata.annotations ?? {};
  const time = Date.parse(next ?? '');
  return {
    version: metadata.resourceVersion,
    // Whatever a person has made of it, the registry comes back.
    replicas: replicas === undefined ? undefined : /^[1-9][0-9]?$/.test(replicas) ? Number(replicas) : 1,
    planned: data?.[PLAN_KEY] !== undefined,
    next: Number.isNaN(time) ? undefined : time,
  };
}
