import type { TemplateObject } from '../../../../lib/agent/job-template.ts';
import { fillListener, type ListenerValues } from '../../../../lib/agent/listener.ts';
import type { KubernetesObject } from '../../kubernetes/object.ts';

/** The objects of a listener, with its values in them. */
export interface FilledListener {
  readonly namespace: KubernetesObject;
  readonly others: readonly KubernetesObject[];
}

/**
 * Fills a listener's template. A pipeline's owner writes it, and the controller has rights in the namespaces of other
 * pipelines: so what is not of the listener's own namespace is refused.
 */
export function filledListener(template: readonly TemplateObject[], values: ListenerValues): FilledListener {
  const objects = fillListener(template, values) as unknown as readonly KubernetesObject[];
  const [namespace, ...others] = objects;
  if (namespace?.kind !== 'Namespace' || namespace.metadata.name !== values.namespace)
    throw new Error('the listener’s template does not start with its Namespace: apply the pipeline again');
  for (const { kind, metadata } of others) {
    const isOwn =
      kind === 'ClusterRoleBinding'
        ? metadata.namespace === undefined && metadata.name.startsWith(`${values.namespace}-`)
        : kind !== 'Namespace' && metadata.namespace === values.namespace;
    if (isOwn) continue;
    const where = metadata.namespace === undefined ? '' : ` in ${metadata.namespace}`;
    throw new Error(
      `the listener’s template has a ${kind} ${metadata.name}${where}, and the controller makes only what a listener’s own namespace may hold: apply the pipeline again`,
    );
  }
  return { namespace, others };
}
