import { KeelsonLabels } from '../../../lib/kubernetes/labels.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import type { ControllerContext } from './context.ts';

// A pipeline's owner writes its configuration, and the controller has rights in the namespaces of other pipelines: it
// reads and writes for a pipeline only where that pipeline's owner could.

/**
 * Refuses a template that has anything but objects of one namespace.
 *
 * @param what the template, for the message
 */
export function requireObjectsOf(
  namespace: string,
  objects: readonly KubernetesObject[],
  what: string,
): void {
  for (const { kind, metadata } of objects) {
    if (kind !== 'Namespace' && metadata.namespace === namespace) continue;
    const where = metadata.namespace === undefined ? '' : ` in ${metadata.namespace}`;
    throw new Error(
      `${what} has a ${kind} ${metadata.name}${where}, and may have objects of the namespace ${namespace} only: apply the pipeline again`,
    );
  }
}

/** Refuses a commit's namespace that was made for another pipeline. */
export function requireMadeFor(home: string, { metadata }: KubernetesObject): void {
  if (metadata.labels?.[KeelsonLabels.HOME] === home) return;
  throw new Error(`the namespace ${metadata.name} was not made for the pipeline in ${home}`);
}

/**
 * Refuses a namespace that is neither the pipeline's nor labelled as one of it, as those of its releases are. Whoever may
 * change labels of namespaces is an administrator.
 *
 * @param home the pipeline's namespace
 */
export async function requireNamespaceOf(
  { client }: Pick<ControllerContext, 'client'>,
  home: string,
  namespace: string,
): Promise<void> {
  if (namespace === home) return;
  const found = await client.getMetadata({ apiVersion: 'v1', kind: 'Namespace', name: namespace });
  if (found?.metadata.labels?.[KeelsonLabels.HOME] === home) return;
  throw new Error(
    `the namespace ${namespace} is not one of the pipeline in ${home}: it has no label ${KeelsonLabels.HOME}=${home}; apply the manifest of its release`,
  );
}
