// The pods that objects make, with their containers.
import type { Container, PodSpec } from 'kubernetes-types/core/v1.js';
import type { Manifest } from './synthesized.ts';

export interface PodOf {
  /** `Deployment ci/build`, for messages. */
  readonly of: string;
  readonly namespace: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
}

interface Templated {
  readonly template?: {
    readonly metadata?: { readonly labels?: Record<string, string> };
    readonly spec?: PodSpec;
  };
}

interface Workload {
  /** A CronJob's is within that of its Jobs. */
  readonly spec?: Templated & { readonly jobTemplate?: { readonly spec?: Templated } };
}

export function podsOf(objects: readonly Manifest[]): PodOf[] {
  return objects.flatMap((object) => {
    const { spec } = object as Workload;
    const template = (spec?.jobTemplate?.spec ?? spec)?.template;
    if (template?.spec === undefined) return [];
    const { namespace, name } = object.metadata;
    const of = `${object.kind} ${namespace}/${name}`;
    return [{ of, namespace, labels: template.metadata?.labels ?? {}, spec: template.spec }];
  });
}

/** All containers of a pod, those that start before the others too. */
export function containersOf({ containers, initContainers = [] }: PodSpec): Container[] {
  return [...initContainers, ...containers];
}
