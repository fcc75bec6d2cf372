import type { ApiObject } from 'cdk8s';
import type { KubernetesObject } from '../app/render.ts';
import { runsWithBuild } from '../kubernetes/runs-with-build.ts';

/** Workloads whose pods Pulumi's provider waits for. */
const WORKLOADS: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet', 'DaemonSet']);

/**
 * Whether an object is ready soon after it was applied. Others are ready when there is something to build, or never:
 * a Deployment that runs with a build, what is in front of it, a claim that its first pod binds, a Job that builds
 * for hours.
 */
export function isAwaited({ kind, spec }: KubernetesObject, source: ApiObject): boolean {
  if (!WORKLOADS.has(kind) || runsWithBuild(source)) return false;
  const { replicas = 1 } = (spec ?? {}) as { readonly replicas?: number };
  return kind === 'DaemonSet' || replicas > 0;
}

/** Kinds for which Pulumi's provider waits until something outside of the object has happened. */
const WAITED_FOR: ReadonlySet<string> = new Set([
  ...WORKLOADS,
  'Ingress',
  'Job',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'Pod',
  'Service',
]);

/**
 * The object with what tells Pulumi's provider not to wait for it.
 *
 * @see https://www.pulumi.com/registry/packages/kubernetes/installation-configuration/#skipping-await-logic
 */
export function withoutAwait(object: KubernetesObject): KubernetesObject {
  if (!WAITED_FOR.has(object.kind)) return object;
  const { metadata } = object;
  const annotations = { ...metadata.annotations, 'pulumi.com/skipAwait': 'true' };
  return { ...object, metadata: { ...metadata, annotations } };
}
